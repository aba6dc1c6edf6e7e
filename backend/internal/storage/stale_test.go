package storage_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

// link connects to a cache process, with budgets that a test does not wait for.
func link(t testing.TB, p *storagetest.Process) oneNode {
	t.Helper()
	c, err := cachelink.New(cachelink.Config{Nodes: []string{p.Address}, Timeout: 30 * time.Millisecond, Backoff: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return oneNode{c, p.Address}
}

// TestNeverStale has one writer count up while readers check that no read
// returns less than what was acknowledged, or seen by a reader, before it
// began, and while the cache process is killed, restarted and stopped.
func TestNeverStale(t *testing.T) {
	p := storagetest.StartCache(t, storagetest.BuildCache(t))
	client := link(t, p)
	f := start(t, func(c *storage.Config) { c.Cache, c.Wait = client, 20*time.Millisecond })
	put(t, f.Store, "k", "0")
	ctx, stop := context.WithCancel(t.Context())
	var known atomic.Int64 // acknowledged or seen
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				readCount(t, f.Store, &known)
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			trouble(t, ctx, p)
		}
	})
	// It counts at least so far, and goes on until the cache has had its share.
	for i, begin := int64(1), time.Now(); i < 100 || time.Since(begin) < 2*time.Second; i++ {
		if _, err := f.Put(t.Context(), "k", strings.NewReader(strconv.FormatInt(i, 10)), storage.Cond{}); err != nil {
			t.Errorf("Put: %v", err)
			break
		}
		raise(&known, i)
	}
	stop()
	wg.Wait()
	t.Logf("the count reached %d; the generation was raised %d times", known.Load(), f.index.raised.Load())
}

// trouble does to the cache what can happen to it.
func trouble(t *testing.T, ctx context.Context, p *storagetest.Process) {
	p.Pause(t)
	rest(ctx, 50*time.Millisecond)
	p.Resume(t)
	rest(ctx, 50*time.Millisecond)
	p.Kill(t)
	rest(ctx, 10*time.Millisecond)
	p.Start(t)
	rest(ctx, 100*time.Millisecond)
}

// rest lets a state last for a while.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func readCount(t *testing.T, s *storage.Store, known *atomic.Int64) {
	least := known.Load()
	c, err := s.Open(t.Context(), "k")
	if err != nil {
		t.Errorf("Open: %v", err)
		return
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("read: %v", err)
		return
	}
	got, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || got < least {
		t.Errorf("read %q from %v (%s) after %d was known", b, c.Source, c.Detail, least)
	}
	raise(known, got)
}

func raise(v *atomic.Int64, to int64) {
	for {
		old := v.Load()
		if old >= to || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// TestRealCaches runs the life of an object over our cache and over memcached.
func TestRealCaches(t *testing.T) {
	programs := map[string]string{"cache": storagetest.BuildCache(t)}
	if program := storagetest.Memcached(); program != "" {
		programs["memcached"] = program
	}
	for name, program := range programs {
		t.Run(name, func(t *testing.T) {
			p := storagetest.StartCache(t, program)
			c, err := cachelink.New(cachelink.Config{Nodes: []string{p.Address}, Timeout: patient})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			f := start(t, func(cfg *storage.Config) { cfg.Cache = oneNode{c, p.Address} })
			for i := range 5 {
				content := strings.Repeat(fmt.Sprint("version ", i, " "), 10_000)
				put(t, f.Store, "k", content)
				wantRead(t, f.Store, "k", content, storage.Miss)
				wantCached(t, f.Store, "k", content)
				warm(t, f.Store, "k")
			}
			huge := strings.Repeat("x", int(c.MaxItem())+1)
			put(t, f.Store, "huge", huge)
			wantRead(t, f.Store, "huge", huge, storage.Bypass)
			p.Kill(t)
			p.Start(t)
			if got, c := read(t, f.Store, "k"); c.Source != storage.Miss {
				t.Errorf("after a restart of the cache: %.20q from %v (%s)", got, c.Source, c.Detail)
			}
			if n := f.index.raised.Load(); n != 0 {
				t.Errorf("the generation was raised %d times without need", n)
			}
		})
	}
}
