package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"memcache/backend/internal/storage"
)

func TestNamesFollowTheConventions(t *testing.T) {
	m := New("1.2.3")
	m.Gauge("websocket_clients", "Clients.", func() float64 { return 3 })
	m.Request("/objects/", "GET", 200, 10, time.Millisecond)
	m.Read(storage.Hit, time.Millisecond)
	m.Job("sample", time.Millisecond, nil)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	wantLines(t, m, `memcache_build_info{version="1.2.3"} 1`, `memcache_websocket_clients 3`)
}

// TestLabelsAreBounded: what a client invents makes no new series.
func TestLabelsAreBounded(t *testing.T) {
	m := New("")
	for i := range 100 {
		m.Request("/objects/", fmt.Sprintf("METHOD%d", i), 405, 0, 0)
	}
	wantLines(t, m, `memcache_http_requests_total{method="other",route="/objects/",status="405"} 100`)
	if n := testutil.CollectAndCount(m.requests); n != 1 {
		t.Errorf("there are %d series of requests, want 1", n)
	}
}

func TestAnOpenWebSocketIsNoLatency(t *testing.T) {
	m := New("")
	m.Request("/ws", "GET", 101, 0, time.Hour)
	if n := testutil.CollectAndCount(m.duration); n != 0 {
		t.Errorf("%d latencies were observed", n)
	}
	wantLines(t, m, `memcache_http_requests_total{method="GET",route="/ws",status="101"} 1`)
}

func TestFault86_JobsThatFailAreCounted(t *testing.T) {
	m := New("")
	m.Job("prune", time.Millisecond, nil)
	m.Job("prune", time.Millisecond, errors.New("the disk is full"))
	wantLines(t, m, `memcache_job_duration_seconds_count{job="prune"} 2`, `memcache_job_failures_total{job="prune"} 1`)
}

// broken answers that nothing is there, and fails to write.
type broken struct {
	storage.Index
	storage.Blobs
}

func (broken) Get(context.Context, string) (storage.Object, error) {
	return storage.Object{}, fmt.Errorf("no such row: %w", fs.ErrNotExist)
}

func (broken) Delete(context.Context, string) error { return errors.New("no connection") }

func (broken) Write(context.Context, io.Reader) (storage.Blob, error) {
	return storage.Blob{}, errors.New("the disk is full")
}

func (broken) Open(context.Context, string) (io.ReadSeekCloser, error) { return nil, fs.ErrNotExist }

func (b broken) Fenced(int64) storage.Index { return b }

func (broken) DeleteAll(context.Context) (int64, error) { return 0, storage.ErrFenced }

func TestPartsAreTimedAndTheirFailuresCounted(t *testing.T) {
	m := New("")
	index, blobs := m.Index(broken{}), m.Blobs(broken{})
	if _, err := index.Get(t.Context(), "k"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error did not pass: %v", err)
	}
	if err := index.Delete(t.Context(), "k"); err == nil {
		t.Error("the error of Delete did not pass")
	}
	if _, err := blobs.Write(t.Context(), nil); err == nil {
		t.Error("the error of Write did not pass")
	}
	if _, err := index.Fenced(1).DeleteAll(t.Context()); !errors.Is(err, storage.ErrFenced) {
		t.Errorf("DeleteAll under a fence: %v", err)
	}
	for range 2 { // fault 52
		if _, err := blobs.Open(t.Context(), "gone"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open of a blob that is not there: %v", err)
		}
	}
	wantLines(t, m,
		`memcache_missing_blobs_total 2`,
		`memcache_database_duration_seconds_count{operation="get"} 1`,
		`memcache_database_duration_seconds_count{operation="delete_all"} 1`,
		`memcache_database_duration_seconds_count{operation="delete"} 1`,
		`memcache_store_duration_seconds_count{operation="write"} 1`,
		`memcache_part_failures_total{operation="delete",part="database"} 1`,
		`memcache_part_failures_total{operation="write",part="store"} 1`)
	if n := testutil.CollectAndCount(m.failures); n != 2 {
		t.Errorf("%d kinds of failures are counted, want 2: a row that is not there is an answer", n)
	}
}

func wantLines(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range lines {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("the line %s is missing", line)
		}
	}
	if t.Failed() {
		t.Log(w.Body.String())
	}
}
