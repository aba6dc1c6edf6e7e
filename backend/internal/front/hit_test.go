package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
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
	w.cache = cache
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
	cfg := Config{Listener: tcp, Handler: w.values, Prefix: "/objects/", Idle: time.Minute, Hits: w.values, Cache: cache}
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
		fill(t, patient, name, value)
	}
}

// fill puts a value into the cache.
func fill(t testing.TB, cache *cachelink.Client, key string, value []byte) {
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

// TestHitsAreTheBytesThatWereCached, of all sizes, for many clients at once.
func TestHitsAreTheBytesThatWereCached(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	before := w.other.Load()
	var all sync.WaitGroup
	const clients = 16
	for i := range clients {
		all.Go(func() {
			c := dial(t, w.address)
			for range 2 {
				for name, size := range sizes {
					if size > 1<<20 && i > 1 { // two will do: they take their time
						continue
					}
					if answer, body := c.ask(t, get(name)); answer.StatusCode != 200 || body != string(w.of[name]) {
						t.Errorf("client %d: %s is answered %d with %d bytes that are not the right ones", i, name, answer.StatusCode, len(body))
					}
				}
			}
		})
	}
	all.Wait()
	if n := w.other.Load() - before; n != clients { // the first request of each is for what nobody has
		t.Errorf("the handler had %d requests, want %d", n, clients)
	}
}

// TestWhatIsNotCachedGoesOnWithItsLease: the handler need not ask again.
func TestWhatIsNotCachedGoesOnWithItsLease(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	fill(t, w.cache, "damaged", []byte("damaged"))
	c := dial(t, w.address)
	for _, step := range []struct{ name, lease, body string }{
		{"new", "true", "fresh"},
		{"new", "false", "fresh"}, // another one has it
		{"damaged", "false", "whole"},
		{"one?query", "", string(w.of["one"])},
	} {
		answer, body := c.ask(t, get(step.name))
		if got := answer.Header.Get("Lease"); got != step.lease || body != step.body {
			t.Errorf("%s is answered %q with the lease %q, want %q and %q", step.name, body, got, step.body, step.lease)
		}
	}
}

// TestAPanicEndsItsConnectionAlone.
func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	fill(t, w.cache, "bad", []byte("panic"))
	c, other := dial(t, w.address), dial(t, w.address)
	c.send(t, get("bad"))
	if _, err := c.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection: %v, want it closed", err)
	}
	if _, body := other.ask(t, get("1k")); body != string(w.of["1k"]) {
		t.Error("the others are not served as before")
	}
}

// TestRequestsInPiecesAndInOneGo: both are net/http's, which answers them all.
func TestRequestsInPiecesAndInOneGo(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	said := strings.Repeat(get("1k")+get("100k"), 20)
	for _, piece := range []int{1, 7, 30, 1000, len(said)} {
		c := dial(t, w.address)
		go func() {
			for b := []byte(said); len(b) > 0; b = b[min(piece, len(b)):] {
				if _, err := c.Write(b[:min(piece, len(b))]); err != nil {
					t.Errorf("pieces of %d: %v", piece, err)
					return
				}
			}
		}()
		for i := range 40 {
			answer, err := http.ReadResponse(c.Reader, nil)
			if err != nil {
				t.Fatalf("pieces of %d, answer %d: %v", piece, i, err)
			}
			body, err := io.ReadAll(answer.Body)
			if want := w.of[[]string{"1k", "100k"}[i%2]]; err != nil || !bytes.Equal(body, want) {
				t.Fatalf("pieces of %d, answer %d: %d bytes, want %d, %v", piece, i, len(body), len(want), err)
			}
		}
	}
}

// TestSlowReadersKeepNobodyWaiting, and get all in the end.
func TestSlowReadersKeepNobodyWaiting(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	var slow []client
	for range 3 {
		c := dial(t, w.address)
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		c.send(t, get("large"))
		slow = append(slow, c)
	}
	quick := dial(t, w.address)
	for range 100 {
		if _, body := quick.ask(t, get("100k")); body != string(w.of["100k"]) {
			t.Fatal("another client gets something else")
		}
	}
	for i, c := range slow {
		answer, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(body, w.of["large"]) {
			t.Errorf("slow reader %d gets %d bytes, %v", i, len(body), err)
		}
		c.ask(t, get("one")) // it is in step
	}
}

// TestWhoTakesNothingIsDropped.
func TestWhoTakesNothingIsDropped(t *testing.T) {
	w := newWorld(t, patience, func(c *Config) { c.Stall = 200 * time.Millisecond })
	w.warm(t)
	c := dial(t, w.address)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(t, get("large"))
	timeout := time.After(patience)
	for n := int64(1); n == 1; { // those of warm
		select {
		case n = <-w.sent:
			if n >= large {
				t.Errorf("%d bytes were taken", n)
			}
		case <-timeout:
			t.Fatal("the client is still waited for")
		}
	}
}

// TestClientsThatLeaveLeaveNothing: no descriptor, no goroutine (TestMain looks).
func TestClientsThatLeaveLeaveNothing(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	before := descriptors(t)
	for i := range 200 {
		nc, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatal(err)
		}
		said := []string{"", "GET /ob", get("large"), get("nothing"), get("16k") + get("16k"), "PUT /objects/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"}[i%6]
		if _, err := io.WriteString(nc, said); err != nil {
			t.Fatal(err)
		}
		if i%6 == 2 || i%6 == 4 { // it leaves in the middle of the answers
			_, _ = nc.Read(make([]byte, 100))
		}
		nc.Close()
	}
	for deadline := time.Now().Add(patience); descriptors(t) > before; w.warm(t) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d before", descriptors(t), before)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestFault69_CacheKilledUnderHits: no client notices.
func TestFault69_CacheKilledUnderHits(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		all.Go(func() {
			c := dial(t, w.address)
			for {
				for _, name := range []string{"1k", "16k", "100k", "300k"} {
					select {
					case <-stop:
						return
					default:
					}
					if answer, body := c.ask(t, get(name)); answer.StatusCode != 200 || body != string(w.of[name]) {
						t.Errorf("%s is answered %d with %d bytes", name, answer.StatusCode, len(body))
						return
					}
				}
			}
		})
	}
	for range 3 {
		for other := w.other.Load(); w.other.Load() < other+20; {
			w.process.Kill(t)
			w.process.Start(t)
		}
		for hits := w.hits.Load(); w.hits.Load() < hits+20; {
			found, err := w.cache.Get(t.Context(), "16k") // fails while the breaker is open
			switch {
			case err == nil && found.Lease != 0:
				_ = w.cache.Fill(t.Context(), "16k", found.Lease, nil, w.of["16k"])
			case err == nil && found.Release != nil:
				found.Release()
			}
		}
	}
	close(stop)
	all.Wait()
}

// TestFault70_CacheHangsUnderHits: who has asked is answered otherwise.
func TestFault70_CacheHangsUnderHits(t *testing.T) {
	w := newWorld(t, 200*time.Millisecond, nil)
	w.warm(t)
	w.process.Pause(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := dial(t, w.address)
			for range 20 {
				if answer, body := c.ask(t, get("16k")); answer.StatusCode != 200 || body != string(w.of["16k"]) {
					t.Errorf("the answer is %d with %d bytes", answer.StatusCode, len(body))
				}
			}
		})
	}
	all.Wait()
	w.process.Resume(t)
	for err := errors.ErrUnsupported; err != nil; { // the breaker waits for a request that goes well
		_, err = w.cache.Get(t.Context(), "probe")
	}
	w.warm(t)
}

// TestShutdownFinishesHitsUnderWay, and closes the others.
func TestShutdownFinishesHitsUnderWay(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	c, idle := dial(t, w.address), dial(t, w.address)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(t, get("large"))
	answer, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	down := make(chan error, 1)
	go func() { down <- w.shutdown(t.Context()) }()
	if _, err := idle.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v, want it closed", err)
	}
	select {
	case err := <-down:
		t.Errorf("the shutdown did not wait: %v", err)
	default:
	}
	if body, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(body, w.of["large"]) {
		t.Errorf("the hit under way has %d bytes, %v", len(body), err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}

// TestShutdownInTimeCutsOffTheRest.
func TestShutdownInTimeCutsOffTheRest(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	c := dial(t, w.address)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(t, get("large"))
	if _, err := c.Peek(1); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the shutdown: %v", err)
	}
	if n, err := io.Copy(io.Discard, c); err == nil && n > large {
		t.Error("all of it was sent")
	}
}

// counted is a Memory that knows the most that was taken of it.
type counted struct {
	mu               sync.Mutex
	size, used, most int64
}

func (m *counted) TryAcquire(bytes int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+bytes > m.size {
		return false
	}
	m.used += bytes
	m.most = max(m.most, m.used)
	return true
}

func (m *counted) Release(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= bytes
}

func (m *counted) taken() (used, most int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.most
}

// TestFault78_WhatSlowReadersKeepIsBounded: who comes when it is used up is
// answered from elsewhere, and all is given back when they are gone.
func TestFault78_WhatSlowReadersKeepIsBounded(t *testing.T) {
	memory := &counted{size: 2*large + large/2}
	w := newWorld(t, patience, func(c *Config) { c.Memory = memory })
	w.warm(t)
	var slow []client
	for i := range 2 {
		c := dial(t, w.address)
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		c.send(t, get("large"))
		slow = append(slow, c)
		for used, _ := memory.taken(); used < int64(i+1)*large; used, _ = memory.taken() {
			time.Sleep(time.Millisecond)
		}
	}
	quick := dial(t, w.address)
	for name, past := range map[string]string{"large": "true", "1k": ""} {
		before := w.other.Load()
		answer, body := quick.ask(t, get(name))
		if body != string(w.of[name]) || answer.Header.Get("Past") != past || w.other.Load()-before != int64(len(past)/4) {
			t.Errorf("%s: %d bytes, past the cache %q, want %q", name, len(body), answer.Header.Get("Past"), past)
		}
	}
	for _, c := range slow {
		_ = c.Close()
	}
	for used, _ := memory.taken(); used > 0; used, _ = memory.taken() {
		time.Sleep(time.Millisecond)
	}
	if _, most := memory.taken(); most > memory.size {
		t.Errorf("%d bytes were kept of %d", most, memory.size)
	}
	if answer, body := quick.ask(t, get("large")); body != string(w.of["large"]) || answer.Header.Get("Past") != "" {
		t.Errorf("afterwards: %d bytes, past the cache %q", len(body), answer.Header.Get("Past"))
	}
}
