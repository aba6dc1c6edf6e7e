package storage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// TestFault74_CacheUnreachableAtAWrite: nothing old comes back when the cache
// returns with all that it held.
func TestFault74_CacheUnreachableAtAWrite(t *testing.T) {
	for name, cut := range map[string]func(*cache, bool){
		"all":       func(c *cache, on bool) { c.cut.Store(on) },
		"holds":     func(c *cache, on bool) { c.noHold.Store(on) },
		"deletions": func(c *cache, on bool) { c.noDel.Store(on) },
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, nil)
			other := f.open(t, nil)
			for _, key := range []string{"overwritten", "deleted"} {
				put(t, f.Store, key, "old")
				warm(t, f.Store, key)
				warm(t, other, key)
			}
			cut(f.cache, true)
			put(t, f.Store, "overwritten", "new")
			if err := f.Delete(t.Context(), "deleted", storage.Cond{}); err != nil {
				t.Fatal(err)
			}
			cut(f.cache, false)
			if err := other.RefreshGeneration(t.Context()); err != nil { // as it does every second
				t.Fatal(err)
			}
			restarted := f.open(t, nil)
			for _, s := range []*storage.Store{f.Store, other, restarted} {
				for range 2 {
					if got, c := read(t, s, "overwritten"); got != "new" {
						t.Errorf("%q from %v", got, c.Source)
					}
				}
				_, err := s.Open(t.Context(), "deleted")
				wantCode(t, err, api.NotFound)
			}
			if err := f.RefreshGeneration(t.Context()); err != nil { // as it does, too
				t.Fatal(err)
			}
			warm(t, f.Store, "overwritten")
		})
	}
}

// A write at a backend that has only heard that the cache was shut, since when another
// one opened it, leaves it open.
func TestFault74_TheCacheStaysOpenWhereWritersMissedIt(t *testing.T) {
	f := start(t, nil)
	other := f.open(t, func(cfg *storage.Config) { cfg.Lease = 300 * time.Millisecond })
	f.cache.cut.Store(true)
	put(t, f.Store, "k", "old")
	f.cache.cut.Store(false)
	if err := errors.Join(other.RefreshGeneration(t.Context()), f.RefreshGeneration(t.Context())); err != nil {
		t.Fatal(err)
	}
	before, err := f.index.Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, other, "k", "new")
	if after, err := f.index.Pool(t.Context()); err != nil || after.Generation != before.Generation || after.Nodes[0].Shut {
		t.Errorf("after the write the nodes are %+v, %v, and were %+v", after, err, before)
	}
	warm(t, f.Store, "k")
	wantCached(t, other, "k", "new")
}

func TestFault74_CacheUnreachableAtDeleteAll(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	f.cache.cut.Store(true)
	if _, err := f.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.cache.cut.Store(false)
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.NotFound)
}

// TestFault74_NeitherCacheNorDatabase: the write is committed, but nothing can
// be told of it. The writer hears so, and this process does not trust the cache
// until the database is told.
func TestFault74_NeitherCacheNorDatabase(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	down := errors.New("the database went away")
	f.cache.noDel.Store(true)
	f.index.onPut = func() { f.index.fail.Store(&down) }
	_, err := f.Put(t.Context(), "k", strings.NewReader("new"), storage.Cond{})
	wantCode(t, err, api.Unavailable)
	if !strings.Contains(err.Error(), "was stored") || !errors.Is(err, down) {
		t.Errorf("the error is %q", err)
	}
	f.index.onPut = nil
	f.cache.noDel.Store(false)
	f.index.fail.Store(nil)
	if c := wantRead(t, f.Store, "k", "new", storage.Bypass); c.Detail != storage.DetailDistrusted {
		t.Errorf("the reason is %q", c.Detail)
	}
	if err := f.RefreshGeneration(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "k", "new", storage.Miss)
	warm(t, f.Store, "k")
}

// TestFault74_TheDatabaseGoesAfterAnUnheldCommit: that the cache is shut was told
// before, so the write is good, and nothing old comes back.
func TestFault74_TheDatabaseGoesAfterAnUnheldCommit(t *testing.T) {
	f := start(t, nil)
	other := f.open(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	down := errors.New("the database went away")
	f.cache.cut.Store(true)
	f.index.onPut = func() { f.index.fail.Store(&down) }
	put(t, f.Store, "k", "new")
	f.index.onPut = nil
	f.cache.cut.Store(false) // with the old value
	f.index.fail.Store(nil)
	wantRead(t, f.Store, "k", "new", storage.Bypass)
	wantRead(t, other, "k", "new", storage.Bypass)
	if err := errors.Join(f.RefreshGeneration(t.Context()), other.RefreshGeneration(t.Context())); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "k", "new", storage.Miss)
	warm(t, f.Store, "k")
	wantCached(t, other, "k", "new")
}

// TestLostCommitAnswer: the row was stored, though the database's answer says
// that it failed: the cache must not keep the old bytes.
func TestLostCommitAnswer(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	lost := errors.New("connection reset")
	f.index.failPut.Store(&lost)
	_, err := f.Put(t.Context(), "k", strings.NewReader("new"), storage.Cond{})
	wantCode(t, err, api.Unavailable)
	f.index.failPut.Store(nil)
	wantRead(t, f.Store, "k", "new", storage.Miss)
}

// TestFault62_AChangeInDoubt: it happens after its writer gave up, and what a
// reader has cached until then is not read again.
func TestFault62_AChangeInDoubt(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	lost := fmt.Errorf("connection reset: %w", storage.ErrInDoubt)
	f.index.failPut.Store(&lost)
	_, err := f.Put(t.Context(), "k", strings.NewReader("new"), storage.Cond{})
	wantCode(t, err, api.Unavailable)
	f.index.failPut.Store(nil)
	if c := wantRead(t, f.Store, "k", "new", storage.Bypass); c.Detail != storage.DetailDistrusted {
		t.Errorf("the reason is %q", c.Detail)
	}
	if err := f.RefreshGeneration(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "k", "new", storage.Miss)
}

// TestGenerationOfAnotherBackend: a write deletes the cached value also where
// another backend has filled it under a generation that this one has not heard of.
func TestGenerationOfAnotherBackend(t *testing.T) {
	f := start(t, nil)
	ahead, behind := f.open(t, nil), f.open(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	warm(t, behind, "k")
	f.raise(t)
	warm(t, ahead, "k") // under the new generation
	put(t, f.Store, "k", "new")
	wantRead(t, ahead, "k", "new", storage.Miss)
	wantRead(t, behind, "k", "new", storage.Miss)
}

// TestFault74_ReadersDuringAnUnheldCommit: while the cache still has the old
// bytes and the database has the new ones, nobody reads the cache, or one could
// see new, then old.
func TestFault74_ReadersDuringAnUnheldCommit(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	f.cache.noHold.Store(true)
	f.index.onPut = func() {
		if c := wantRead(t, f.Store, "k", "new", storage.Bypass); c.Detail != storage.DetailDistrusted {
			t.Errorf("the reason is %q", c.Detail)
		}
		if err := f.RefreshGeneration(t.Context()); err != nil { // the job runs, and finds the cache well
			t.Error(err)
		}
		if c := wantRead(t, f.Store, "k", "new", storage.Bypass); c.Detail != storage.DetailWriting {
			t.Errorf("the cache is used again; the reason is %q", c.Detail)
		}
	}
	put(t, f.Store, "k", "new")
	wantRead(t, f.Store, "k", "new", storage.Miss)
}

// TestUncleanEnd: a process that was killed between its commit and the deletion
// in the cache leaves an old value there.
func TestUncleanEnd(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	warm(t, f.Store, "k")
	row, err := f.index.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	blob, err := f.blobs.Write(t.Context(), strings.NewReader("new"))
	if err != nil {
		t.Fatal(err)
	}
	row.Blob, row.Size = blob.ID, blob.Size
	if _, err := f.index.Put(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	blob.Release() // and here it is killed
	next := f.open(t, func(c *storage.Config) { c.Distrust = true })
	wantRead(t, next, "k", "new", storage.Bypass)
	if err := next.RefreshGeneration(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRead(t, next, "k", "new", storage.Miss)
}

// TestCloseInDoubt: a Close that leaves outdated values behind says so.
func TestCloseInDoubt(t *testing.T) {
	f := start(t, nil)
	s := f.open(t, func(c *storage.Config) { c.Distrust = true })
	down := errors.New("the database is down")
	f.index.fail.Store(&down)
	if err := s.Close(context.Background()); !errors.Is(err, down) {
		t.Errorf("Close = %v", err)
	}
	f.index.fail.Store(nil)
	if err := s.Close(context.Background()); err != nil || f.index.raised.Load() != 2 { // shut, and opened again
		t.Errorf("Close = %v, raised %d times", err, f.index.raised.Load())
	}
}

// TestUnknownGeneration: a process that has not reached the database yet does
// not read the cache.
func TestUnknownGeneration(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "content")
	warm(t, f.Store, "k")
	fresh := f.open(t, nil)
	down := errors.New("the database is down")
	f.index.fail.Store(&down)
	_, err := fresh.Open(t.Context(), "k")
	wantCode(t, err, api.Unavailable)
	wantCode(t, fresh.Invalidate(t.Context(), "k"), api.Unavailable)
	f.index.fail.Store(nil)
	wantRead(t, fresh, "k", "content", storage.Hit)
}
