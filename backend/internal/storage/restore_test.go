package storage_test

import (
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// undoable lets deletions be undone, and sweeps take at once what they may.
func undoable(c *storage.Config) { c.Undo, c.Grace = patient, time.Nanosecond }

func TestRestoreUndoesADelete(t *testing.T) {
	var told []api.Changed
	f := start(t, func(c *storage.Config) {
		undoable(c)
		c.OnChange = func(change api.Changed) { told = append(told, change) }
	})
	put(t, f.Store, "k", "first")
	o := put(t, f.Store, "k", "second")
	warm(t, f.Store, "k")
	deleted(t, f.Store, "k")
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.NotFound)
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	back, err := f.Restore(t.Context(), "k")
	if err != nil || back != o {
		t.Fatalf("restored is %+v, %v; want %+v", back, err, o)
	}
	wantRead(t, f.Store, "k", "second", storage.Miss)
	wantCached(t, f.Store, "k", "second")
	if last := told[len(told)-1]; last != (api.Changed{Key: "k"}) || len(told) != 4 {
		t.Errorf("of the changes was told %+v", told)
	}
}

func TestRestoreKeepsWhatIsNewer(t *testing.T) {
	f := start(t, undoable)
	put(t, f.Store, "k", "old")
	deleted(t, f.Store, "k")
	put(t, f.Store, "k", "new")
	_, err := f.Restore(t.Context(), "k")
	wantCode(t, err, api.PreconditionFailed)
	wantRead(t, f.Store, "k", "new", storage.Miss)
}

func TestADeleteIsMeantAfterItsTime(t *testing.T) {
	f := start(t, func(c *storage.Config) { undoable(c); c.Undo = time.Millisecond })
	put(t, f.Store, "k", "gone")
	deleted(t, f.Store, "k")
	time.Sleep(10 * time.Millisecond) // the time itself
	_, err := f.Restore(t.Context(), "k")
	wantCode(t, err, api.NotFound)
	_, err = f.Restore(t.Context(), "never there")
	wantCode(t, err, api.NotFound)
	_, err = f.Restore(t.Context(), "")
	wantCode(t, err, api.Invalid)

	never := start(t, func(c *storage.Config) { c.Grace = time.Nanosecond })
	put(t, never.Store, "k", "gone")
	deleted(t, never.Store, "k")
	if err := never.Sweep(t.Context()); err != nil || never.files(t) != 0 {
		t.Errorf("without an undo, %d files stay (%v)", never.files(t), err)
	}
}

// A deleted object is not read again while the cache is away, and is when it was
// brought back.
func TestRestoreWhileTheCacheIsAway(t *testing.T) {
	f := start(t, undoable)
	put(t, f.Store, "k", "content")
	warm(t, f.Store, "k")
	f.cache.cut.Store(true)
	deleted(t, f.Store, "k")
	if _, err := f.Restore(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	wantRead(t, f.Store, "k", "content", storage.Bypass)
	deleted(t, f.Store, "k")
	f.cache.cut.Store(false)
	_, err := f.Open(t.Context(), "k")
	wantCode(t, err, api.NotFound)
}

func deleted(t *testing.T, s *storage.Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key, storage.Cond{}); err != nil {
		t.Fatal(err)
	}
}
