package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/sqlindex/mariadbtest"
)

// checkEvery is how often the balancer asks whether a backend is ready.
const checkEvery = 100 * time.Millisecond

// readyBalancer hands requests to the backends that are ready, in turn, as a load balancer
// does that sends none twice.
type readyBalancer struct {
	mu    sync.Mutex
	ready map[string]bool // of the backends' addresses
	turn  int
}

// check asks every backend until ctx ends.
func (l *readyBalancer) check(ctx context.Context, backends func() []string) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		ready := map[string]bool{}
		for _, address := range backends() {
			answer, err := http.Get(address + "/readyz")
			if err == nil {
				ready[address] = answer.StatusCode == http.StatusOK
				_ = answer.Body.Close()
			}
		}
		l.mu.Lock()
		l.ready = ready
		l.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *readyBalancer) sees(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready[address]
}

// next is the backend whose turn it is.
func (l *readyBalancer) next() (*url.URL, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for address, ready := range l.ready {
		if ready {
			all = append(all, address)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no backend is ready")
	}
	l.turn++
	return url.Parse(all[l.turn%len(all)])
}

// ServeHTTP passes a request on, and answers 502 where that fails.
func (l *readyBalancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, err := l.next()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	proxy := httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
	proxy.ServeHTTP(w, r)
}

// TestRollingRestart ends and starts each of two backends in turn, under load: no client
// sees an error, nor older bytes than those that were acknowledged.
func TestRollingRestart(t *testing.T) {
	s3test.Set(t)
	objects, dsn := s3test.Start(t), mariadbtest.Start(t)
	start := func() *backend {
		return startBackend(t, "-data", t.TempDir(), "-database", dsn, "-store", objects.Location("", ""), "-drain-delay", "1s", "-log-level", "error")
	}
	var mu sync.Mutex
	backends := []*backend{start(), start()}
	addresses := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return []string{backends[0].url, backends[1].url}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	between := &readyBalancer{}
	running.Go(func() { between.check(ctx, addresses) })
	front := httptest.NewServer(between)
	defer front.Close()
	await := func(b *backend) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !between.sees(b.url); time.Sleep(checkEvery) {
			if time.Now().After(deadline) {
				t.Fatalf("the backend is not ready:\n%s", b.log)
			}
		}
	}
	await(backends[0])
	await(backends[1])

	var asked atomic.Int64
	stop := make(chan struct{})
	var users sync.WaitGroup
	for n := range 4 {
		users.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key, content := fmt.Sprintf("/objects/user%d", n), fmt.Sprint(i)
				if status, said := through(front, http.MethodPut, key, content); status/100 != 2 {
					t.Errorf("PUT %s %s = %d %s", key, content, status, said)
				}
				if status, said := through(front, http.MethodGet, key, ""); status != http.StatusOK || said != content {
					t.Errorf("GET %s = %d %q, want %q", key, status, said, content)
				}
				asked.Add(2)
			}
		})
	}
	for i := range backends {
		before := asked.Load()
		backends[i].stop()
		again := start()
		mu.Lock()
		backends[i] = again
		mu.Unlock()
		await(again)
		if asked.Load() == before {
			t.Error("nobody was answered meanwhile")
		}
	}
	close(stop)
	users.Wait()
	t.Logf("%d requests", asked.Load())
}

// through sends a request to the balancer, and returns what it is answered.
func through(front *httptest.Server, method, path, body string) (status int, said string) {
	r, err := http.NewRequest(method, front.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	answer, err := front.Client().Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(content)
}
