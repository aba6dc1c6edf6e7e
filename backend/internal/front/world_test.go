package front

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

// values are Hits of what a cache has under the last part of the path, and the
// handler of the rest, which has the same values.
type values struct {
	node  storage.CacheNode
	of    map[string][]byte
	sent  chan int64 // of each hit, as long as there is room
	hits  atomic.Int64
	other atomic.Int64
}

type hit struct {
	v *values
	r *http.Request
}

func nameOf(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/objects/") }

func (v *values) Begin(r *http.Request) Hit {
	if r.URL.RawQuery != "" {
		return nil
	}
	return &hit{v, r}
}

func (h *hit) Node() storage.CacheNode { return h.v.node }

func (h *hit) CacheKey() string { return nameOf(h.r) }

func (h *hit) Answer(header http.Header, value []byte) ([]byte, bool) {
	if string(value) == "panic" {
		panic("of a test")
	}
	header["Content-Length"] = []string{fmt.Sprint(len(value))}
	return value, string(value) != "damaged"
}

func (h *hit) Sent(n int64) {
	h.v.hits.Add(1)
	select {
	case h.v.sent <- n:
	default:
	}
}

func (h *hit) GoPast() *http.Request {
	h.r.Header.Set("Past", "true")
	return h.r
}

func (h *hit) GoOn(found storage.Lookup) *http.Request {
	h.r.Header.Set("Lease", fmt.Sprint(found.Lease != 0))
	return h.r
}

func (v *values) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.other.Add(1)
	w.Header().Set("Lease", r.Header.Get("Lease"))
	w.Header().Set("Past", r.Header.Get("Past"))
	value, ok := v.of[nameOf(r)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(value)))
	_, _ = w.Write(value)
}

// world is a server in front of a cache that has the values.
type world struct {
	*values
	process  *storagetest.Process
	cache    *cachelink.Client
	address  string
	shutdown func(context.Context) error
}

var sizes = map[string]int{"one": 1, "1k": 1 << 10, "16k": 16 << 10, "100k": 100 << 10, "edge": lineEdge, "300k": 300 << 10, "4m": 4 << 20, "large": large}

// large is more than the system keeps for a client that does not read.
const large = 16 << 20

// lineEdge is near the longest value that a line hands out where it is.
const lineEdge = 256<<10 - 40

// newWorld starts one whose cache has so long for an answer.
func newWorld(t *testing.T, timeout time.Duration, change func(*Config)) *world {
	t.Helper()
	w := &world{values: &values{of: make(map[string][]byte), sent: make(chan int64, 100)}}
	w.process = storagetest.StartCache(t, storagetest.BuildCache(t))
	cache, err := cachelink.New(cachelink.Config{Nodes: []string{w.process.Address}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	w.cache, w.node = cache, cache.Node(w.process.Address)
	random := rand.NewChaCha8([32]byte{1}) // which fills megabytes at once, also under the race detector
	for name, size := range sizes {
		value := make([]byte, size)
		_, _ = random.Read(value) // it never fails
		w.of[name] = value
	}
	w.fillAll(t)
	w.of["new"], w.of["damaged"] = []byte("fresh"), []byte("whole") // not in the cache
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listener: tcp, Handler: w.values, Prefix: "/objects/", Idle: time.Minute, Hits: w.values}
	if change != nil {
		change(&cfg)
	}
	server, front := &http.Server{Handler: w.values}, New(cfg)
	served := make(chan error, 1)
	go func() { served <- server.Serve(front) }()
	w.address = tcp.Addr().String()
	w.shutdown = func(ctx context.Context) error { return errors.Join(server.Shutdown(ctx), front.Drain(ctx)) }
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		if err := front.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		_ = cache.Close()
	})
	return w
}

// fillAll puts all values into the cache, with patience whatever the tested
// cache has for an answer.
func (w *world) fillAll(t testing.TB) {
	t.Helper()
	patient, err := cachelink.New(cachelink.Config{Nodes: []string{w.process.Address}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	for name, value := range w.of {
		fill(t, patient.Node(w.process.Address), name, value)
	}
}

// fill puts a value into the cache.
func fill(t testing.TB, cache storage.CacheNode, key string, value []byte) {
	t.Helper()
	found, err := cache.Get(t.Context(), key)
	if err == nil {
		err = cache.Fill(t.Context(), key, found.Lease, nil, value)
	}
	if err != nil {
		t.Fatalf("fill %s: %v", key, err)
	}
}

// warm asks until the loop has its connection to the cache.
func (w *world) warm(t testing.TB) {
	t.Helper()
	c := dial(t, w.address)
	for before := w.hits.Load(); w.hits.Load() == before; {
		c.ask(t, get("one"))
	}
	c.Close()
}

func get(name string) string { return "GET /objects/" + name + " HTTP/1.1\r\nHost: h\r\n\r\n" }
