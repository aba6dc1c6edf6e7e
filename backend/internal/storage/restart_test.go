package storage_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

// holding is a cache that calls held after a Hold, if that is not nil.
type holding struct {
	oneNode
	held func()
}

func (c *holding) Node(string) storage.CacheNode { return holdingNode{c.oneNode.Node(""), c} }

type holdingNode struct {
	storage.CacheNode
	*holding
}

func (c holdingNode) Hold(ctx context.Context, key string) error {
	err := c.CacheNode.Hold(ctx, key)
	if held := c.held; held != nil {
		c.held = nil
		held()
	}
	return err
}

// backendOn puts another Store on f's parts, and on a real cache, as a backend
// that is not the only one.
func (f *fixture) backendOn(t *testing.T, p *storagetest.Process) (*storage.Store, *holding) {
	t.Helper()
	client, err := cachelink.New(cachelink.Config{Nodes: []string{p.Address}, Timeout: patient, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, client) })
	h := &holding{oneNode: oneNode{client, p.Address}}
	s := f.open(t, func(c *storage.Config) {
		c.Cache, c.Lease, c.Wait = h, 20*time.Millisecond, 10*time.Millisecond
	})
	h.watch(s)
	return s, h
}

// settled does what every backend does each second, until key is a hit at all.
func settled(t *testing.T, key string, all ...*storage.Store) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patient; time.Sleep(time.Millisecond) {
		hits := 0
		for _, s := range all {
			if err := s.RefreshGeneration(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, c := read(t, s, key); c.Source == storage.Hit {
				hits++
			}
		}
		if hits == len(all) {
			return
		}
	}
	t.Fatalf("%q is never a hit", key)
}

// TestFault73_AHoldThatIsLostBeforeTheCommit: a writer at one backend has the key
// held, the hold goes, and a reader at another reads the old row. Once a third
// reader was given the new bytes, before the writer was answered even, nobody is
// given the old ones.
func TestFault73_AHoldThatIsLostBeforeTheCommit(t *testing.T) {
	program := storagetest.BuildCache(t)
	for name, lose := range map[string]func(*testing.T, *storagetest.Process, *storage.Store){
		"the cache restarts": func(t *testing.T, p *storagetest.Process, _ *storage.Store) {
			p.Kill(t)
			p.Start(t)
		},
		"another backend drops the key": func(t *testing.T, _ *storagetest.Process, other *storage.Store) {
			if err := other.Invalidate(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		},
		"another backend clears the cache": func(t *testing.T, _ *storagetest.Process, other *storage.Store) {
			if err := other.Clear(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, nil)
			p := storagetest.StartCacheTCP(t, program)
			first, cache := f.backendOn(t, p)
			second, _ := f.backendOn(t, p)
			third, _ := f.backendOn(t, p)
			put(t, first, "k", "old")
			settled(t, "k", first, second, third)

			var slow <-chan string
			var release func()
			cache.held = func() {
				lose(t, p, second)
				slow, release = f.fillSlowly(t, second, "k")
				f.blobs.seen = nil
			}
			f.index.onPut = func() { // committed, and not answered yet
				f.index.onPut = nil
				seen, _ := read(t, third, "k")
				release()
				<-slow
				for range 20 {
					if got, c := read(t, second, "k"); seen == "new" && got == "old" {
						t.Errorf("%q from %v (%s), after another reader was given %q", got, c.Source, c.Detail, seen)
						return
					}
					time.Sleep(time.Millisecond) // a fill may be on its way
				}
			}
			put(t, first, "k", "new")
			for _, s := range []*storage.Store{first, second, third} {
				if got, c := read(t, s, "k"); got != "new" {
					t.Errorf("after the reply: %q from %v", got, c.Source)
				}
			}
			settled(t, "k", first, second, third)
		})
	}
}

// TestFault70_OneBackendUsesARestartedCacheAtOnce: who has a cache for himself
// knows all who write.
func TestFault70_OneBackendUsesARestartedCacheAtOnce(t *testing.T) {
	f := start(t, nil)
	p := storagetest.StartCacheTCP(t, storagetest.BuildCache(t))
	client, err := cachelink.New(cachelink.Config{Nodes: []string{p.Address}, Timeout: patient, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, client) })
	s := f.open(t, func(c *storage.Config) { c.Cache = oneNode{client, p.Address} })
	oneNode{client, p.Address}.watch(s)
	put(t, s, "k", "content")
	for range 2 {
		warm(t, s, "k")
		p.Kill(t)
		p.Start(t)
	}
	if n := f.index.raised.Load(); n != 0 {
		t.Errorf("the generation was raised %d times", n)
	}
}

// TestClearWithOtherBackends: it says so where the database does not let it.
func TestClearWithOtherBackends(t *testing.T) {
	f := start(t, nil)
	s := f.open(t, func(c *storage.Config) { c.Lease = time.Millisecond })
	put(t, s, "k", "content")
	down := errors.New("the database went away")
	f.index.fail.Store(&down)
	if err := s.Clear(t.Context()); err == nil {
		t.Error("the cache was cleared under the holds of others")
	}
	f.index.fail.Store(nil)
	if err := s.Clear(t.Context()); err != nil {
		t.Error(err)
	}
	settled(t, "k", s)
}
