//lint:file-ignore SA1019 the successor, github.com/coder/websocket, has the same API: only the import below would change

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

// TestSeveralBackendsTellStatisticsOfTheWhole: those that are recorded are of what all
// of them have read, and what one streams is of what the cache was asked by all.
func TestSeveralBackendsTellStatisticsOfTheWhole(t *testing.T) {
	s3test.Set(t)
	objects, dsn, cache := s3test.Start(t), mariadbtest.Start(t), storagetest.StartCache(t, storagetest.BuildCache(t))
	start := func() *backend {
		return startBackend(t, "-data", t.TempDir(), "-database", dsn, "-store", objects.Location("", ""), "-cache", cache.Address, "-listen", storagetest.FreeAddress(t))
	}
	first, second := start(), start()
	content := strings.Repeat("c", 1000)
	first.want(http.StatusCreated, "PUT", "/objects/k", content)
	first.untilHit("/objects/k")
	second.untilHit("/objects/k")

	socket, _, err := websocket.Dial(t.Context(), second.url+api.LivePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow() //nolint:errcheck // the test is over
	second.call(socket, api.MethodSubscribe, api.StatsQuery{Seconds: 60})
	const reads = 40
	before := first.total()
	for range reads {
		first.want(http.StatusOK, "GET", "/objects/k", "")
	}
	for streamed := (api.Sample{}); streamed.Requests < reads || streamed.Reads.MemoryBytes < reads*int64(len(content)); { // or the test's time is over
		var note struct {
			Method string
			Params api.Tick
		}
		_, text, err := socket.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &note); err == nil && note.Method == api.NoteStats {
			streamed.Join(note.Params.Sample)
		}
	}
	for range reads {
		second.want(http.StatusOK, "GET", "/objects/k", "")
	}
	for _, b := range []*backend{first, second} {
		b.until(30*time.Second, "the reads of both", "GET", "/healthz", "", func(*http.Response) bool {
			return b.total().MemoryBytes >= before.MemoryBytes+2*reads*int64(len(content))
		})
		if sum := b.total(); sum.MemoryBytes > 3*reads*int64(len(content)) {
			t.Errorf("%d bytes are counted", sum.MemoryBytes)
		}
	}
}

// total is what the statistics of the last minutes come to.
func (b *backend) total() api.Summary {
	b.t.Helper()
	var stats api.Stats
	_, text := b.want(http.StatusOK, "GET", "/api/v1/stats?window=10m", "")
	if err := json.Unmarshal([]byte(text), &stats); err != nil {
		b.t.Fatal(err)
	}
	return stats.Total
}

// TestASessionHoldsAtEachBackend, and ends at each.
func TestASessionHoldsAtEachBackend(t *testing.T) {
	t.Parallel()
	dsn := mariadbtest.Start(t)
	start := func() *backend { return startBackend(t, "-data", t.TempDir(), "-database", dsn, "-login") }
	first, second := start(), start()
	cookie := first.enter(http.DefaultClient, fmt.Sprintf(`{"link":%q,"password":%q}`, second.linkIn(), password), http.StatusOK)
	as := func(b *backend, method, path string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", cookie)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for _, b := range []*backend{first, second} {
		if status := as(b, "GET", "/api/v1/objects"); status != http.StatusOK {
			t.Errorf("the session is answered with %d", status)
		}
	}
	if status := as(second, "DELETE", api.LoginPath); status/100 != 2 {
		t.Fatalf("the end of the session is answered with %d", status)
	}
	for deadline := time.Now().Add(wellAgain); as(first, "GET", "/api/v1/objects") != http.StatusUnauthorized; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v after its end at one backend, the session holds at the other", wellAgain)
		}
	}
}
