package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/shared/api"
)

// picture returns a PNG of about size bytes that compresses badly.
func picture(t *testing.T, size int) []byte {
	t.Helper()
	side := 1
	for side*side*3 < size {
		side++
	}
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	seed := uint32(1)
	for y := range side {
		for x := range side {
			seed = seed*1664525 + 1013904223
			m.Set(x, y, color.RGBA{uint8(seed >> 24), uint8(seed >> 16), uint8(seed >> 8), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The main job over HTTP, on every database.
func TestStoryOverHTTP(t *testing.T) {
	t.Parallel()
	for name, arguments := range map[string]func(*testing.T) []string{
		"SQLite":  func(*testing.T) []string { return nil },
		"MariaDB": func(t *testing.T) []string { return []string{"-database", mariadbtest.Start(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, arguments(t)...)
			s.storeAndFind()
			s.hitsAndMisses()
			s.settings()
			s.statistics()
			s.stop()

			s.start() // everything is still there
			if c := s.cacheNow(); c.Capacity != 4*api.MB || c.Policy != "random" {
				t.Errorf("after a new start the settings are %d bytes and %q", c.Capacity, c.Policy)
			}
			s.do("GET", "/objects/pictures/a%20b", nil, http.StatusOK)
			s.do("DELETE", "/objects/pictures/a%20b", nil, http.StatusNoContent)
			s.do("GET", "/objects/pictures/a%20b", nil, http.StatusNotFound)
			s.stop()
		})
	}
}

func (s *site) storeAndFind() {
	s.t.Helper()
	image := picture(s.t, 100_000)
	s.do("PUT", "/objects/pictures/a%20b", bytes.NewReader(image), http.StatusCreated)
	s.do("PUT", "/objects/notes/Z%C3%BCrich", strings.NewReader("Grüezi"), http.StatusCreated)
	s.do("PUT", "/objects?key=..%2F..%2Fetc%2Fpasswd", strings.NewReader("a plain key"), http.StatusCreated)
	for query, want := range map[string][]string{
		"":                  {"../../etc/passwd", "notes/Zürich", "pictures/a b"},
		"&search=A%20B":     {"pictures/a b"},
		"&search=z%C3%BCri": {"notes/Zürich"},
		"&prefix=pictures/": {"pictures/a b"},
		"&search=%25":       nil,
	} {
		var list api.List
		s.do("GET", "/api/v1/objects?sort=key"+query, nil, http.StatusOK).json(s.t, &list)
		var got []string
		for _, o := range list.Objects {
			got = append(got, o.Key)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || list.Total != int64(len(want)) {
			s.t.Errorf("the list for %q has %q (%d), want %q", query, got, list.Total, want)
		}
	}
	got := s.do("GET", "/objects?key=..%2F..%2Fetc%2Fpasswd", nil, http.StatusOK)
	if string(got.body) != "a plain key" {
		s.t.Errorf("the key ../../etc/passwd holds %q", got.body)
	}
	got = s.reads("/objects/pictures/a%20b", "miss")
	if !bytes.Equal(got.body, image) || got.Header.Get("Content-Type") != "image/png" {
		s.t.Errorf("the picture came back with %d bytes as %q", len(got.body), got.Header.Get("Content-Type"))
	}
}

// hitsAndMisses reads an object that has been read once.
func (s *site) hitsAndMisses() {
	s.t.Helper()
	const path = "/objects/pictures/a%20b"
	s.reads(path, "hit")
	s.drops("/api/v1/cache/items/pictures/a%20b")
	s.reads(path, "miss")
	s.reads(path, "hit")
	s.drops("/api/v1/cache/items")
	s.reads(path, "miss")
	s.reads(path, "hit")
	counted := string(s.do("GET", "/metrics", nil, http.StatusOK).body)
	for _, line := range []string{
		`memcache_object_reads_total{result="hit"} `, `memcache_object_reads_total{result="miss"} `,
		`memcache_job_duration_seconds_count{job="sample"} `, `memcache_websocket_clients 0`,
	} {
		if !strings.Contains(counted, "\n"+line) {
			s.t.Errorf("the metrics lack the line %s", line)
		}
	}
	newer := picture(s.t, 50_000)
	s.do("PUT", path, bytes.NewReader(newer), http.StatusOK)
	if got := s.reads(path, "miss"); !bytes.Equal(got.body, newer) {
		s.t.Error("old bytes came back after an overwrite")
	}
}

// reads expects that path is answered from memory ("hit") or not ("miss"). It asks
// again where the reply says that this is not settled: the read before still fills
// the cache, which goes on after its reply ("collapsed"), or the cache did not answer
// in time, on a busy machine ("bypass"). What it held may be forgotten then.
func (s *site) reads(path, want string) reply {
	s.t.Helper()
	var r reply
	forgotten := false
	eventually(s.t, patience, fmt.Sprintf("GET %s is a %s", path, want), func() error {
		r = s.do("GET", path, nil, http.StatusOK)
		status, timing := r.Header.Get("Cache-Status"), r.Header.Get("Server-Timing")
		got := map[string]string{"MemCache; hit": "hit", "MemCache; hit; collapsed": "collapsed", "MemCache; fwd=uri-miss; stored": "miss"}[status]
		if strings.HasPrefix(status, "MemCache; fwd=bypass") {
			got, forgotten = "bypass", true
		}
		switch {
		case !strings.Contains(timing, "dur="):
			s.t.Fatalf("GET %s: the Server-Timing is %q", path, timing)
		case got == want:
			return nil
		case got == "bypass", want == "hit" && (got == "collapsed" || got == "miss" && forgotten):
			return fmt.Errorf("the Cache-Status is %q", status)
		}
		s.t.Fatalf("GET %s: the Cache-Status is %q, want a %s", path, status, want)
		return nil
	})
	return r
}

// drops deletes from the cache, and asks again as long as the cache has not
// confirmed that.
func (s *site) drops(path string) {
	s.t.Helper()
	eventually(s.t, patience, "DELETE "+path+" is confirmed", func() error {
		r, err := s.try(s.t.Context(), "DELETE", path, nil)
		if err != nil {
			s.t.Fatal(err)
		}
		switch r.StatusCode {
		case http.StatusNoContent:
			return nil
		case http.StatusServiceUnavailable:
			return fmt.Errorf("%s: %s", r.Status, r.body)
		}
		s.t.Fatalf("DELETE %s: got %s: %s", path, r.Status, r.body)
		return nil
	})
}

func (s *site) cacheNow() api.Cache {
	s.t.Helper()
	var c api.Cache
	s.do("GET", "/api/v1/cache", nil, http.StatusOK).json(s.t, &c)
	return c
}

func (s *site) settings() {
	s.t.Helper()
	for i := range 12 { // 12 MB in the cache, which then shrinks to 4
		path := fmt.Sprintf("/objects/mb-%d", i)
		s.do("PUT", path, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 1000_000)), http.StatusCreated)
	}
	// A reader is served while the cache is still being filled, and without it where
	// it did not answer in time.
	eventually(s.t, patience, "12 MB that are read are in the cache", func() error {
		for i := range 12 {
			s.do("GET", fmt.Sprintf("/objects/mb-%d", i), nil, http.StatusOK)
		}
		if n := s.cacheNow().Nodes[0]; n.Bytes < 12_000_000 {
			return fmt.Errorf("it holds %d bytes", n.Bytes)
		}
		return nil
	})
	s.do("PUT", "/api/v1/cache", strings.NewReader(`{"capacity":4194304,"policy":"random"}`), http.StatusOK)
	n := s.cacheNow().Nodes[0]
	if !n.Up || n.Capacity != 4*api.MB || n.Policy != "random" || n.Bytes > n.Capacity || n.Bytes < api.MB {
		s.t.Errorf("after shrinking the node is %+v", n)
	}
	s.standOut()
	for _, bad := range []string{`{"capacity":-1}`, `{"capacity":0}`, `{"capacity":1e30}`, `{"policy":"fancy"}`, `{"capacity":"abc"}`} {
		s.do("PUT", "/api/v1/cache", strings.NewReader(bad), http.StatusBadRequest)
	}
	if c := s.cacheNow(); c.Capacity != 4*api.MB || c.Policy != "random" {
		s.t.Errorf("refused settings have changed the cache to %d bytes and %q", c.Capacity, c.Policy)
	}
}

// standOut asks which objects stand out in the cache, and which were evicted: their
// keys come back from what is cached.
func (s *site) standOut() {
	s.t.Helper()
	var top api.TopKeys
	s.do("GET", "/api/v1/cache/top", nil, http.StatusOK).json(s.t, &top)
	var bytes int64
	for _, k := range top.Largest {
		bytes += k.Bytes
	}
	if len(top.Largest) == 0 || bytes > 4*api.MB || !strings.HasPrefix(top.Largest[0].Key, "mb-") || top.Largest[0].Size != 1000_000 || top.Largest[0].Bytes < 1000_000 {
		s.t.Errorf("the largest, of a cache of 4 MB, are %+v", top.Largest)
	}
	if len(top.Without) != 0 {
		s.t.Errorf("%v cannot tell", top.Without)
	}
	var gone api.Evictions
	s.do("GET", "/api/v1/cache/evictions", nil, http.StatusOK).json(s.t, &gone)
	if len(gone.Evictions) < 8 || gone.Evictions[0].Why != api.WhyShrink || !strings.HasPrefix(gone.Evictions[0].Key, "mb-") || gone.Evictions[0].Size != 1000_000 {
		s.t.Errorf("evicted are %+v", gone.Evictions)
	}
}

// statistics waits until what was done is in the recorded samples.
func (s *site) statistics() {
	s.t.Helper()
	eventually(s.t, patience, "the statistics are recorded", func() error {
		var st api.Stats
		s.do("GET", "/api/v1/stats?window=10m", nil, http.StatusOK).json(s.t, &st)
		total := api.Summarize(st.Samples)
		switch {
		case total.Hits < 3 || total.Misses < 15 || total.Evictions < 8:
			return fmt.Errorf("they have %+v", total)
		case total != st.Total || total.Requests != total.Hits+total.Misses:
			return errors.New("they do not add up")
		}
		return nil
	})
	var none api.Stats
	s.do("GET", "/api/v1/stats?window=1s", nil, http.StatusOK).json(s.t, &none)
	if age := time.Since(time.UnixMilli(none.Now)); age < -time.Minute || age > time.Minute {
		s.t.Errorf("the server's time is %v from ours", age)
	}
}
