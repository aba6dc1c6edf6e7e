package storage_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// two are two backends on the same parts; the first one alone can be cut off
// from the cache.
func two(t *testing.T) (cut, other *storage.Store, link *cache, f *fixture) {
	t.Helper()
	f = start(t, func(c *storage.Config) { c.Lease = time.Second })
	link = &cache{same: f.cache}
	cut = f.open(t, func(c *storage.Config) { c.Lease, c.Cache = time.Second, link })
	return cut, f.Store, link, f
}

// refresh has the stores do what they do every second.
func refresh(t *testing.T, stores ...*storage.Store) {
	t.Helper()
	for _, s := range stores {
		if err := s.RefreshGeneration(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFault74_OneOfTwoBackendsIsCutOff: when its write is acknowledged, and even
// before, the other one does not read the old bytes in the cache, though it can,
// and nobody has told it.
func TestFault74_OneOfTwoBackendsIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut, other, link, f := two(t)
		put(t, other, "k", "old")
		warm(t, other, "k")
		link.cut.Store(true)
		began := time.Now()
		f.index.onPut = func() { wantRead(t, other, "k", "new", storage.Bypass) }
		put(t, cut, "k", "new")
		f.index.onPut = nil
		if took := time.Since(began); took > time.Second {
			t.Errorf("the write took %v, want the lease at most", took)
		}
		wantRead(t, other, "k", "new", storage.Bypass)
		began = time.Now()
		put(t, cut, "k", "newer")
		if took := time.Since(began); took != 0 {
			t.Errorf("the cache was shut already, and yet a write took %v", took)
		}
		link.cut.Store(false)
		refresh(t, cut, other)
		wantRead(t, other, "k", "newer", storage.Miss)
		synctest.Wait()
		wantRead(t, cut, "k", "newer", storage.Hit)
	})
}

// TestAnAbandonedCacheIsOpened by another backend, when the one who shut it does
// not do so.
func TestAnAbandonedCacheIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut, other, link, _ := two(t)
		put(t, other, "k", "old")
		link.cut.Store(true)
		put(t, cut, "k", "new") // and nothing is heard of it any more
		for _, open := range []bool{false, true} {
			refresh(t, other)
			if _, c := read(t, other, "k"); (c.Source != storage.Bypass) != open {
				t.Errorf("read from %v (%s), want an open cache: %v", c.Source, c.Detail, open)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

// TestAfterAnUncleanEndOfOneOfTwo: the one that distrusts the cache does not
// write under a new generation while the other one reads under the old.
func TestAfterAnUncleanEndOfOneOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, other, _, f := two(t)
		put(t, other, "k", "old")
		warm(t, other, "k")
		restarted := f.open(t, func(c *storage.Config) { c.Lease, c.Distrust = time.Second, true })
		refresh(t, restarted)
		wantRead(t, other, "k", "old", storage.Hit) // it has not heard of anything yet
		put(t, restarted, "k", "new")
		wantRead(t, other, "k", "new", storage.Bypass)
		time.Sleep(time.Second)
		refresh(t, restarted, other)
		wantRead(t, other, "k", "new", storage.Miss)
	})
}

// TestRaisedWhileCommitting: a commit under a generation that another backend
// raises meanwhile is made again under the new one.
func TestRaisedWhileCommitting(t *testing.T) {
	cut, other, link, f := two(t)
	put(t, cut, "k", "old")
	link.onHold = func() {
		link.onHold = nil
		f.raise(t)
		refresh(t, other)
		warm(t, other, "k") // with the old bytes, under the new generation
	}
	put(t, cut, "k", "new")
	wantRead(t, other, "k", "new", storage.Miss)
}

// TestFault60_HotObjectsWithoutTheDatabase are served from the cache for a
// while, though the lease has ended.
func TestFault60_HotObjectsWithoutTheDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, _, f := two(t)
		put(t, s, "hot", "content")
		warm(t, s, "hot")
		down := error(api.Errorf(api.Unavailable, "the database is down"))
		f.index.fail.Store(&down)
		for range 50 {
			time.Sleep(time.Second)
			wantRead(t, s, "hot", "content", storage.Hit)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		_, err := s.Open(t.Context(), "hot")
		wantCode(t, err, api.Unavailable)
		_, err = s.Put(t.Context(), "hot", strings.NewReader("new"), storage.Cond{})
		wantCode(t, err, api.Unavailable)
		f.index.fail.Store(nil)
		wantRead(t, s, "hot", "content", storage.Hit)
	})
}

// TestARestartedCacheKnowsNoWriters: it gives leases on what is being written,
// and yet no reader fills it with the old bytes.
func TestARestartedCacheKnowsNoWriters(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	f.cache.onHold = func() {
		f.cache.onHold = nil
		if err := f.cache.Clear(t.Context()); err != nil { // as a restart does
			t.Error(err)
		}
		if c := wantRead(t, f.Store, "k", "old", storage.Bypass); c.Detail != storage.DetailWriting {
			t.Errorf("the reason is %q", c.Detail)
		}
	}
	put(t, f.Store, "k", "new")
	wantRead(t, f.Store, "k", "new", storage.Miss)
}
