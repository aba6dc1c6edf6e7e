package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func mustPool(t *testing.T, x storage.Index) *pool.State {
	t.Helper()
	s, err := x.Pool(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// after is a state of one generation more, whose node tells by which call it was made.
func after(s *pool.State, call int) *pool.State {
	next := &pool.State{Generation: s.Generation + 1, Nodes: []pool.Node{{Address: fmt.Sprint("node-", call), Since: s.Generation}}}
	return next
}

func mustRaise(t *testing.T, x storage.Index) {
	t.Helper()
	s := mustPool(t, x)
	if _, err := x.ChangePool(t.Context(), s.Generation, after(s, 0)); err != nil {
		t.Error(err)
	}
}

func indexPool(t *testing.T, x storage.Index) {
	first := mustPool(t, x)
	if len(first.Nodes) != 0 {
		t.Errorf("at first there are the nodes %v", first.Nodes)
	}
	last := first
	for call := range 3 {
		to := after(last, call)
		got, err := x.ChangePool(t.Context(), last.Generation, to)
		if err != nil {
			t.Fatal(err)
		}
		now := mustPool(t, x)
		for _, s := range []*pool.State{got, now} {
			if s.Generation != to.Generation || !slices.Equal(s.Nodes, to.Nodes) {
				t.Fatalf("the state is %+v, want %+v", s, to)
			}
		}
		last = now
	}
	got, err := x.ChangePool(t.Context(), first.Generation+1, after(last, 9))
	if err != nil || got.Generation != last.Generation || !slices.Equal(got.Nodes, last.Nodes) || mustPool(t, x).Generation != last.Generation {
		t.Errorf("from another generation than it is: %+v, %v; want %+v", got, err, last)
	}
}

// indexConcurrentPools: of those who change it at once, each from what it
// has just read, every one sees the generation rise, and none raises it twice.
func indexConcurrentPools(t *testing.T, x storage.Index) {
	const n = 24
	first := mustPool(t, x).Generation
	inParallel(n, func(call int) {
		before, err := x.Pool(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if s, err := x.ChangePool(t.Context(), before.Generation, after(before, call)); err != nil || s.Generation <= before.Generation {
			t.Errorf("changed from %d there is %+v, %v", before.Generation, s, err)
		}
	})
	if now := mustPool(t, x).Generation; now <= first || now > first+n {
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
	g := mustPool(t, x).Generation
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
	g := mustPool(t, x).Generation
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
		mustRaise(t, x)
		raisedAt = mustGet(t, x, "k").Version
	})
	if end := mustGet(t, x, "k").Version; end != raisedAt {
		t.Errorf("%d changes came after the fence", end-raisedAt)
	}
}
