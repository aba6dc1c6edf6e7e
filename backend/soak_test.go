//lint:file-ignore SA1019 the successor, github.com/coder/websocket, has the same API: only the import below would change

package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

var soak = flag.Duration("soak", 0, "let a backend work for so long, instead of for a few rounds")

// held is what a process holds that must not grow for ever.
type held struct {
	at                time.Time
	goroutines, files int
	heap              uint64         // bytes
	rows              map[string]int // by table
}

// TestFault87_Soak: after all kinds of requests, those that are broken off and refused
// too, a backend holds what it held before.
func TestFault87_Soak(t *testing.T) {
	data := t.TempDir()
	cache := storagetest.StartCache(t, storagetest.BuildCache(t))
	b := startBackend(t, "-data", data, "-cache", cache.Address, "-log-level", "error")
	for range 3 { // pools and caches fill
		b.work()
	}
	before := b.holds(data)
	began := time.Now()
	for n := 0; n < 6 || time.Since(began) < *soak; n++ {
		b.work()
	}
	// What ends does so in its own time.
	var after held
	for deadline := time.Now().Add(wellAgain); ; time.Sleep(50 * time.Millisecond) {
		if after = b.holds(data); after.fits(before) == "" || time.Now().After(deadline) {
			break
		}
	}
	t.Logf("before %+v\nafter  %+v", before, after)
	if grown := after.fits(before); grown != "" {
		t.Error(grown)
	}
}

// fits says what has grown since before, beyond what comes and goes; "" for nothing.
func (h held) fits(before held) string {
	switch {
	case h.goroutines > before.goroutines+10:
		return fmt.Sprintf("there are %d goroutines, and were %d", h.goroutines, before.goroutines)
	case h.files > before.files+10:
		return fmt.Sprintf("%d files are open, and %d were", h.files, before.files)
	case h.heap > before.heap+before.heap/2+8<<20:
		return fmt.Sprintf("the heap holds %d bytes, and held %d", h.heap, before.heap)
	}
	for table, n := range h.rows {
		if n > before.rows[table]+passing(table, h.at.Sub(before.at)) {
			return fmt.Sprintf("the table %s has %d rows, and had %d", table, n, before.rows[table])
		}
	}
	return ""
}

// passing is how many rows of a table belong to the time that passes: curves of each
// hour, and every five seconds a sample of the node and one of the backend, which stay
// for a day.
func passing(table string, passed time.Duration) int {
	if table == "samples" {
		return 4 + 2*int(passed/(5*time.Second))
	}
	return 2 + 3*int(passed/time.Hour)
}

// holds counts what this process holds, and its database in the folder data.
func (b *backend) holds(data string) held {
	b.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		b.t.Fatal(err)
	}
	h := held{at: time.Now(), goroutines: runtime.NumGoroutine(), files: len(files), heap: memory.HeapAlloc, rows: map[string]int{}}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "memcache.db")+"?mode=ro")
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	for _, table := range []string{"objects", "trash", "answers", "samples", "marks", "curves", "promises", "logins", "key_parts"} {
		var n int
		if err := db.QueryRowContext(b.t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			b.t.Fatal(err)
		}
		h.rows[table] = n
	}
	return h
}

// work asks a backend for a bit of everything, with the same keys each time.
func (b *backend) work() {
	b.t.Helper()
	for i := range 20 {
		path := fmt.Sprintf("/objects/soak-%d", i)
		b.do("PUT", path, strings.Repeat("content ", i*500))
		b.want(http.StatusOK, "GET", path, "")
		b.want(http.StatusOK, "GET", path, "") // from the cache
		b.want(http.StatusOK, "HEAD", path, "")
		b.want(http.StatusNotFound, "GET", path+"-not", "")
		b.breakOff("PUT", path)
	}
	b.want(http.StatusBadRequest, "GET", "/objects/%00", "")
	b.want(http.StatusNotFound, "GET", "/none", "")
	for _, path := range []string{"/api/v1/objects?search=soak&limit=5", "/api/v1/cache", "/api/v1/stats?window=10m", "/api/v1/insight", "/readyz", "/metrics"} {
		b.want(http.StatusOK, "GET", path, "")
	}
	for i := range 10 {
		b.want(http.StatusNoContent, "DELETE", fmt.Sprintf("/objects/soak-%d", i), "")
		b.watch(i%2 == 0)
	}
}

// breakOff ends a request in the middle of its body.
func (b *backend) breakOff(method, path string) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	body, more := io.Pipe()
	r, err := http.NewRequestWithContext(ctx, method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if answer, err := http.DefaultClient.Do(r); err == nil {
			answer.Body.Close()
			b.t.Errorf("%s %s, which was broken off, is answered with %s", method, path, answer.Status)
		}
	}()
	if _, err := more.Write(make([]byte, 100<<10)); err != nil {
		b.t.Fatal(err)
	}
	cancel()
	_ = more.CloseWithError(context.Canceled) // it never fails
	<-ended
}

// watch subscribes to what there is, begins an upload, and leaves with or without a
// word.
func (b *backend) watch(politely bool) {
	b.t.Helper()
	socket, _, err := websocket.Dial(b.t.Context(), b.url+api.LivePath, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.call(socket, api.MethodSubscribe, api.StatsQuery{Seconds: 60})
	b.call(socket, api.MethodKeys, api.Empty{})
	b.call(socket, api.MethodInsight, api.Empty{})
	upload := api.UploadRef{Upload: strings.Repeat("5a", 16)}
	b.call(socket, api.MethodUpload, api.UploadStart{Upload: upload.Upload, Key: "soak-upload", Size: 1000})
	b.call(socket, api.MethodCancel, upload)
	if politely {
		_ = socket.Close(websocket.StatusNormalClosure, "")
	} else {
		_ = socket.CloseNow()
	}
}
