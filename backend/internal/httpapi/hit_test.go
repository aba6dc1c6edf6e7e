package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"memcache/backend/internal/filestore"
	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

// cached gives the server a cache.
func cached(t *testing.T, cache storage.Cache) func(*Config) {
	return func(c *Config) {
		log := slog.New(slog.DiscardHandler)
		data := t.TempDir()
		blobs, err := filestore.Open(data, filestore.Config{Log: log})
		must(t, err)
		t.Cleanup(func() { _ = blobs.Close() })
		index, err := sqlindex.Open(t.Context(), sqlindex.Config{SQLitePath: filepath.Join(data, "c.db"), Capacity: 64 * api.MB, Policy: "lru", Log: log})
		must(t, err)
		t.Cleanup(func() { _ = index.Close() })
		c.Objects, err = storage.New(storage.Config{Blobs: blobs, Index: index, Cache: cache, MaxObject: maxObject, Log: log})
		must(t, err)
		t.Cleanup(func() { _ = c.Objects.Close(t.Context()) })
		must(t, c.Objects.RefreshGeneration(t.Context()))
	}
}

func request(target string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "localhost"
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// inSteps answers r as package front does; nil when Begin leaves it alone.
func (w *world) inSteps(cache storage.Cache, r *http.Request) *httptest.ResponseRecorder {
	w.t.Helper()
	h := w.Config.Handler.(Handler)
	hit := h.Begin(r)
	if hit == nil {
		return nil
	}
	found, err := hit.Node().Get(w.t.Context(), hit.CacheKey())
	must(w.t, err)
	got := httptest.NewRecorder()
	if found.Value == nil {
		h.ServeHTTP(got, hit.GoOn(found))
		return got
	}
	body, ok := hit.Answer(got.Header(), found.Value)
	if !ok {
		w.t.Fatal("the cached value is damaged")
	}
	_, _ = got.Write(body)
	hit.Sent(int64(len(body)))
	return got
}

// TestAHitInTwoStepsIsAnsweredAsAnyOther: with the same header and body, the same
// metrics and the same line in the log.
func TestAHitInTwoStepsIsAnsweredAsAnyOther(t *testing.T) {
	cache := &storagetest.MemCache{}
	var log bytes.Buffer
	w := start(t, cached(t, cache), asJSON(&log, slog.LevelInfo))
	for target, body := range map[string]string{
		"/objects/a%20b/c.txt": "text", "/objects?key=x%2F..": "query", "/objects/d?download": "saved", "/objects/%C3%A9.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
	} {
		w.ask("PUT", strings.TrimSuffix(target, "?download"), body)
		if got := w.inSteps(cache, request(target)); got == nil || got.Body.String() != body || !strings.Contains(got.Header().Get("Cache-Status"), "uri-miss") {
			t.Fatalf("the miss of %s is %+v", target, got)
		}
		var usual *httptest.ResponseRecorder
		for usual == nil || usual.Header().Get("Cache-Status") != "MemCache; hit" { // until it is filled
			usual = w.ask("GET", target, "")
		}
		lines(&log)
		usual = w.ask("GET", target, "")
		wantLine := lines(&log)
		got := w.inSteps(cache, request(target))
		gotLine := lines(&log)
		for _, h := range []http.Header{got.Header(), usual.Header()} {
			if !strings.Contains(h.Get("Server-Timing"), "cache;dur=") || !strings.Contains(h.Get("Server-Timing"), "total;dur=") {
				t.Errorf("%s: Server-Timing is %q", target, h.Get("Server-Timing"))
			}
			h.Del("Server-Timing")
		}
		if fmt.Sprint(got.Header()) != fmt.Sprint(usual.Header()) || got.Body.String() != usual.Body.String() {
			t.Errorf("%s\ngot  %v %q\nwant %v %q", target, got.Header(), got.Body, usual.Header(), usual.Body)
		}
		if told(t, gotLine) != told(t, wantLine) {
			t.Errorf("%s is logged as %q, want as %q", target, gotLine, wantLine)
		}
	}
	counts := w.want(w.do("GET", "/metrics", nil), 200).body
	if !strings.Contains(counts, `memcache_object_reads_total{result="miss"} 4`) {
		t.Error("the misses are not counted once each")
	}
}

// told is what a log line tells apart from times and its id.
func told(t *testing.T, all []string) string {
	t.Helper()
	var line map[string]any
	if len(all) != 1 {
		t.Fatalf("the lines %q", all)
	}
	must(t, json.Unmarshal([]byte(all[0]), &line))
	if id, _ := line["id"].(string); len(id) != 16 {
		t.Errorf("the id in %s", all[0])
	}
	for _, name := range []string{"time", "took_ms", "id"} {
		delete(line, name)
	}
	return fmt.Sprint(line)
}

// TestWhatIsNoPlainHitTakesTheUsualWay.
func TestWhatIsNoPlainHitTakesTheUsualWay(t *testing.T) {
	cache := &storagetest.MemCache{}
	w := start(t, cached(t, cache))
	w.ask("PUT", "/objects/k", "value")
	for _, r := range []*http.Request{
		request("/objects/k", "Range", "bytes=0-1"), request("/objects/k", "If-None-Match", `"x"`), request("/objects/k", "If-Match", "*"),
		request("/objects/k", "If-Modified-Since", "Mon, 02 Jan 2006 15:04:05 GMT"), request("/objects/"), request("/objects"), request("/objects?key=%zz"),
		request("/objectsk"), request("/"), request("/api/v1/objects"), request("/objects/%00"),
	} {
		if got := w.inSteps(cache, r); got != nil {
			t.Errorf("%s with %v is answered %d", r.URL, r.Header, got.Code)
		}
	}
}

// TestWhoIsNotLetInGetsNoHit, and who is, is asked once.
func TestWhoIsNotLetInGetsNoHit(t *testing.T) {
	cache := &storagetest.MemCache{}
	asked, refuse := 0, false
	w := start(t, cached(t, cache), func(c *Config) {
		c.Admit = func(*http.Request) error {
			asked++
			if refuse {
				return errors.New("not today")
			}
			return nil
		}
	})
	w.ask("PUT", "/objects/k", "value")
	asked = 0
	if got := w.inSteps(cache, request("/objects/k")); got == nil || got.Body.String() != "value" || asked != 1 {
		t.Errorf("the miss is %+v; who was let in was asked for %d times", got, asked)
	}
	refuse = true
	if got := w.inSteps(cache, request("/objects/k")); got != nil {
		t.Errorf("who is not let in is answered %d", got.Code)
	}
}
