package storage_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"memcache/backend/internal/storage"
)

// TestMemoryOfAMissIsItsReaders: it is used again only when its reader and the
// fill are done with it.
func TestMemoryOfAMissIsItsReaders(t *testing.T) {
	f := start(t, nil)
	content := func(i int) string { return strings.Repeat(fmt.Sprint(i%10), 1000) }
	var open []*storage.Content
	for i := range 40 {
		key := fmt.Sprint(i)
		put(t, f.Store, key, content(i))
		c, err := f.Open(t.Context(), key)
		if err != nil || c.Source != storage.Miss {
			t.Fatal(c.Source, err)
		}
		if i%2 == 0 {
			open = append(open, c)
			defer closed(t, c)
			continue
		}
		closed(t, c)
	}
	for i, c := range open {
		if got := string(c.Bytes()); got != content(2*i) {
			t.Fatalf("the content %d has become %.20q...", 2*i, got)
		}
	}
}

// TestMemoryOfAFailedFill: it is left to the cache, which may still be sending it.
func TestMemoryOfAFailedFill(t *testing.T) {
	f := start(t, nil)
	var mu sync.Mutex
	var held [][]byte
	f.cache.noFill.Store(true)
	f.cache.seen = func(body []byte) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, body)
	}
	for i := range 20 {
		key := fmt.Sprint(i)
		put(t, f.Store, key, strings.Repeat(string(rune('a'+i)), 1000))
		if _, c := read(t, f.Store, key); c.Source != storage.Miss {
			t.Fatal(c.Source)
		}
	}
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, body := range held {
		seen[string(body)] = true
	}
	if len(held) != 20 || len(seen) != 20 {
		t.Errorf("%d fills hold %d contents, want 20 of each", len(held), len(seen))
	}
}
