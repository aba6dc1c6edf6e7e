package storagetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func mustGeneration(t *testing.T, x storage.Index) int64 {
	t.Helper()
	g, err := x.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func indexGeneration(t *testing.T, x storage.Index) {
	first := mustGeneration(t, x)
	for n := range int64(3) {
		raised, err := x.RaiseGeneration(t.Context(), first+n, first+n+1)
		if err != nil || raised != first+n+1 || mustGeneration(t, x) != raised {
			t.Fatalf("RaiseGeneration = %d, %v; it is %d, want %d", raised, err, mustGeneration(t, x), first+n+1)
		}
	}
	if now, err := x.RaiseGeneration(t.Context(), first+1, first+9); err != nil || now != first+3 || mustGeneration(t, x) != now {
		t.Errorf("from another one than it is: RaiseGeneration = %d, %v; it is %d, want %d", now, err, mustGeneration(t, x), first+3)
	}
}

// indexConcurrentGenerations: of those who raise it at once, each from what it
// has just read, every one sees it rise, and none raises it twice.
func indexConcurrentGenerations(t *testing.T, x storage.Index) {
	const n = 24
	first := mustGeneration(t, x)
	inParallel(n, func(int) {
		before, err := x.Generation(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if after, err := x.RaiseGeneration(t.Context(), before, before+1); err != nil || after <= before {
			t.Errorf("raised from %d it is %d, %v", before, after, err)
		}
	})
	if now := mustGeneration(t, x); now <= first || now > first+n {
		t.Errorf("%d calls raised it from %d to %d", n, first, now)
	}
}

// indexFenced: under a fence, rows change only as long as the generation is that
// of the fence.
func indexFenced(t *testing.T, x storage.Index) {
	changes := map[string]func(storage.Index) error{
		"Put": func(f storage.Index) error {
			_, err := f.Put(t.Context(), row("new", 1))
			return err
		},
		"Copy": func(f storage.Index) error {
			_, err := f.Copy(t.Context(), "there", "copied", time.Now(), false)
			return err
		},
		"Rename": func(f storage.Index) error {
			_, err := f.Copy(t.Context(), "old", "renamed", time.Now(), true)
			return err
		},
		"Delete":  func(f storage.Index) error { return f.Delete(t.Context(), "there") },
		"Discard": func(f storage.Index) error { return f.Discard(t.Context(), "aside", time.Now()) },
		"Restore": func(f storage.Index) error {
			_, err := f.Restore(t.Context(), "gone", time.Time{})
			return err
		},
		"DeleteAll": func(f storage.Index) error { _, err := f.DeleteAll(t.Context()); return err },
	}
	mustPut(t, x, row("there", 1))
	mustPut(t, x, row("old", 2))
	mustPut(t, x, row("aside", 3))
	mustPut(t, x, row("gone", 4))
	if err := x.Discard(t.Context(), "gone", time.Now()); err != nil {
		t.Fatal(err)
	}
	g := mustGeneration(t, x)
	for _, other := range []int64{g - 1, g + 1} {
		for name, change := range changes {
			if err := change(x.Fenced(other)); !errors.Is(err, storage.ErrFenced) {
				t.Errorf("%s fenced with %d, the generation being %d: %v", name, other, g, err)
			}
		}
	}
	if keys := keysOf(mustList(t, x, api.ListQuery{Sort: api.SortKey, Limit: 10})); !slices.Equal(keys, []string{"aside", "old", "there"}) {
		t.Errorf("what was fenced off left %q", keys)
	}
	for _, name := range []string{"Put", "Copy", "Rename", "Delete", "Discard", "Restore"} {
		if err := changes[name](x.Fenced(g)); err != nil {
			t.Errorf("%s within its fence: %v", name, err)
		}
	}
	if keys := keysOf(mustList(t, x, api.ListQuery{Sort: api.SortKey, Limit: 10})); !slices.Equal(keys, []string{"copied", "gone", "new", "renamed"}) {
		t.Errorf("the changes within the fence left %q", keys)
	}
	mustGet(t, x.Fenced(g+1), "new") // a fence is for changes
}

// indexFenceRace: once the generation was raised, no change that was fenced with
// the old one comes after it.
func indexFenceRace(t *testing.T, x storage.Index) {
	g := mustGeneration(t, x)
	var raisedAt int64 // the version then
	inParallel(5, func(i int) {
		for n := 0; i > 0 || n < 20; n++ {
			_, err := x.Fenced(g).Put(t.Context(), row("k", i))
			if i > 0 && errors.Is(err, storage.ErrFenced) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
		if _, err := x.RaiseGeneration(t.Context(), g, g+1); err != nil {
			t.Error(err)
		}
		raisedAt = mustGet(t, x, "k").Version
	})
	if end := mustGet(t, x, "k").Version; end != raisedAt {
		t.Errorf("%d changes came after the fence", end-raisedAt)
	}
}
