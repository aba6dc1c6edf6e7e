package storage_test

import (
	"io"
	"testing"

	"memcache/backend/internal/storage"
)

// ask opens key as package front does: in two steps where that is allowed.
func (f *fixture) ask(t *testing.T, key string) (content string, source storage.Source, inSteps bool) {
	t.Helper()
	q, ok := f.Ask(key)
	if !ok {
		content, c := read(t, f.Store, key)
		return content, c.Source, false
	}
	found, err := q.Node().Get(t.Context(), q.CacheKey())
	if err != nil {
		t.Fatal(err)
	}
	var c *storage.Content
	if found.Value != nil {
		if c, ok = f.Hit(q, found.Value); !ok {
			found = storage.Lookup{}
		}
	}
	if found.Value == nil {
		if c, err = f.OpenAsked(t.Context(), q, found); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, c)
	return string(b), c.Source, true
}

func (f *fixture) wantAsked(t *testing.T, key, content string, source storage.Source, inSteps bool) {
	t.Helper()
	if got, from, steps := f.ask(t, key); got != content || from != source || steps != inSteps {
		t.Fatalf("%q is %q from %v, in steps: %t; want %q from %v, %t", key, got, from, steps, content, source, inSteps)
	}
}

// TestOpenInTwoStepsKeepsTheRules: it fills under its lease, is never stale, and
// is not for a cache that may hold what is outdated.
func TestOpenInTwoStepsKeepsTheRules(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "one")
	f.wantAsked(t, "k", "one", storage.Miss, true)
	warm(t, f.Store, "k")
	f.wantAsked(t, "k", "one", storage.Hit, true)

	put(t, f.Store, "k", "two")
	f.wantAsked(t, "k", "two", storage.Miss, true)
	warm(t, f.Store, "k")

	f.cache.cut.Store(true)
	put(t, f.Store, "k", "three") // shuts the cache
	f.wantAsked(t, "k", "three", storage.Bypass, false)
	f.cache.cut.Store(false)
	refresh(t, f.Store)
	f.wantAsked(t, "k", "three", storage.Miss, true)
	warm(t, f.Store, "k")
	f.wantAsked(t, "k", "three", storage.Hit, true)
}

// TestALeaseOfTheFirstStepCannotFillAfterAWrite.
func TestALeaseOfTheFirstStepCannotFillAfterAWrite(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "old")
	q, ok := f.Ask("k")
	if !ok {
		t.Fatal("the cache may not be asked")
	}
	found, err := q.Node().Get(t.Context(), q.CacheKey())
	if err != nil || found.Lease == 0 {
		t.Fatalf("the lookup is %+v, %v, want a lease", found, err)
	}
	put(t, f.Store, "k", "new")
	c, err := f.OpenAsked(t.Context(), q, found)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, c)
	warm(t, f.Store, "k")
	f.wantAsked(t, "k", "new", storage.Hit, true)
}

// TestAFillUnderWayIsJoined: the first step would only hear that it is.
func TestAFillUnderWayIsJoined(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "value")
	got, release := f.fillSlowly(t, f.Store, "k")
	if _, ok := f.Ask("k"); ok {
		t.Error("the cache may be asked although a fill is under way")
	}
	release()
	if text := <-got; text != "value" {
		t.Errorf("the reader who fills has %q", text)
	}
}

// TestADamagedValueIsDroppedInTwoSteps.
func TestADamagedValueIsDroppedInTwoSteps(t *testing.T) {
	f := start(t, nil)
	put(t, f.Store, "k", "value")
	q, _ := f.Ask("k")
	found, err := q.Node().Get(t.Context(), q.CacheKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Node().Fill(t.Context(), q.CacheKey(), found.Lease, []byte("not a header"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	f.wantAsked(t, "k", "value", storage.Miss, true)
}
