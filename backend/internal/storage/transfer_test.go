package storage_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func TestCopyAndRename(t *testing.T) {
	f := start(t, nil)
	first := put(t, f.Store, "a", "content")
	got, err := f.Copy(t.Context(), "a", "b", storage.Cond{})
	if err != nil || got.Key != "b" || got.ETag != first.ETag || got.Version != 1 {
		t.Errorf("the copy is %+v, %v", got, err)
	}
	if _, err := f.Rename(t.Context(), "b", "c", storage.Cond{}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "content", "c": "content"} {
		if got, _ := read(t, f.Store, key); got != want {
			t.Errorf("%q holds %q, want %q", key, got, want)
		}
	}
	_, err = f.Open(t.Context(), "b")
	wantCode(t, err, api.NotFound)

	for name, to := range map[string]string{"itself": "a", "a bad key": "x\x00", "no key": ""} {
		_, err := f.Rename(t.Context(), "a", to, storage.Cond{})
		if wantCode(t, err, api.Invalid); err == nil {
			t.Errorf("renamed to %s", name)
		}
	}
	_, err = f.Copy(t.Context(), "absent", "d", storage.Cond{})
	wantCode(t, err, api.NotFound)
	_, err = f.Copy(t.Context(), "a", "c", storage.Cond{IfNoneMatch: []string{"*"}})
	wantCode(t, err, api.PreconditionFailed)

	put(t, f.Store, "a", "newer")
	for _, from := range []string{"a", "absent"} {
		_, err = f.Rename(t.Context(), from, "d", storage.Cond{Source: first.ETag})
		wantCode(t, err, api.PreconditionFailed)
	}
	if _, err := f.Rename(t.Context(), "c", "d", storage.Cond{Source: first.ETag}); err != nil {
		t.Errorf("renamed what is as it was: %v", err)
	}
}

// TestTransfersAreNeverStale: what the cache has of both keys is not read again,
// also when it cannot be told.
func TestTransfersAreNeverStale(t *testing.T) {
	for _, reachable := range []bool{true, false} {
		f := start(t, nil)
		other := f.open(t, nil)
		put(t, f.Store, "from", "new")
		put(t, f.Store, "to", "old")
		warm(t, f.Store, "from")
		warm(t, f.Store, "to")
		f.cache.cut.Store(!reachable)
		if _, err := f.Rename(t.Context(), "from", "to", storage.Cond{}); err != nil {
			t.Fatal(err)
		}
		f.cache.cut.Store(false)
		if err := other.RefreshGeneration(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*storage.Store{f.Store, other} {
			if got, c := read(t, s, "to"); got != "new" {
				t.Errorf("cache reachable %v: %q from %v", reachable, got, c.Source)
			}
			_, err := s.Open(t.Context(), "from")
			wantCode(t, err, api.NotFound)
		}
	}
}

// TestARenamedObjectKeepsItsBlob when the sweep comes.
func TestARenamedObjectKeepsItsBlob(t *testing.T) {
	f := start(t, func(c *storage.Config) { c.Grace = time.Nanosecond; c.Cache = nil })
	put(t, f.Store, "from", "content")
	if _, err := f.Rename(t.Context(), "from", "to", storage.Cond{}); err != nil {
		t.Fatal(err)
	}
	if err := f.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, f.Store, "to"); got != "content" {
		t.Errorf("after the sweep it holds %q", got)
	}
}

// TestTransfersThatCrossEnd: writers that want two keys in either order do not
// wait for each other for ever.
func TestTransfersThatCrossEnd(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "a", "content")
	put(t, f.Store, "b", "content")
	var wg sync.WaitGroup
	for i := range 64 {
		from, to := "a", "b"
		if i%2 == 1 {
			from, to = to, from
		}
		wg.Go(func() {
			if _, err := f.Copy(t.Context(), from, to, storage.Cond{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestATransferThatWaitsCanBeCancelled(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "a", "content")
	ctx, cancel := context.WithCancel(t.Context())
	f.index.onPut = func() { // the lock of the key b is held here
		cancel()
		_, err := f.Copy(ctx, "a", "b", storage.Cond{})
		if err == nil || !strings.Contains(err.Error(), "canceled") {
			t.Errorf("a copy that was given up: %v", err)
		}
	}
	put(t, f.Store, "b", "content")
	f.index.onPut = nil
	put(t, f.Store, "a", "the lock of a was given back")
}
