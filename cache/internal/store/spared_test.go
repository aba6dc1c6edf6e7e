package store

import (
	"math"
	"strconv"
	"testing"

	"memcache/cache/sim"
)

// What is only counted costs no hits: also where popularity shifts, so that what
// the policy was sated with must make room for what is asked for now.
func TestSparedLookupsCostNoHits(t *testing.T) {
	const requests = 300_000
	misses := func(get func(s *Store, r *Reader, key []byte) bool) float64 {
		s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Policy: "wtinylfu"})
		r := s.NewReader()
		defer r.Flush()
		n := 0
		for k := range sim.Shifting(7, requests, 20_000, requests/5) {
			key := strconv.AppendUint(nil, k, 10)
			if !get(s, r, key) {
				n++
				r.Flush()
				commit(t, s, string(key), "value", SetOptions{})
			}
		}
		return float64(n) / requests
	}
	counted := 0
	sparing := misses(func(s *Store, r *Reader, key []byte) bool {
		before := r.spared.hits
		_, found := r.Find(key)
		if r.spared.hits > before {
			counted++
		}
		return found
	})
	telling := misses(func(s *Store, _ *Reader, key []byte) bool {
		_, found, err := s.Get(key, GetOptions{})
		return found && err == nil
	})
	if counted < requests/100 {
		t.Errorf("only %d of %d lookups were spared", counted, requests)
	}
	if math.Abs(sparing-telling) > 0.003 {
		t.Errorf("%.4f misses when sparing, %.4f when the policy is told of each lookup", sparing, telling)
	}
}

// A Reader tells of what it has spared after a while, though nothing else is
// asked for; and forgets it when another policy is there.
func TestSparedIsForgotten(t *testing.T) {
	s := newStore(t, Config{Capacity: 16 * mb, ItemLimit: mb, Policy: "wtinylfu"})
	r := s.NewReader()
	defer r.Flush()
	for i := range 4 * batch {
		commit(t, s, strconv.Itoa(i), "value", SetOptions{})
	}
	spared, told := 0, 0
	for range 100 * batch {
		before := r.spared.hits
		r.Find([]byte("1"))
		if r.spared.hits == before+1 {
			spared++
		} else {
			told++
		}
	}
	if told < 50 || spared < told {
		t.Errorf("%d lookups were told, %d spared", told, spared)
	}
	r.Flush()
	if err := s.SetPolicy("lru"); err != nil {
		t.Fatal(err)
	}
	r.Find([]byte("1"))
	r.Flush()
	before := r.spared.hits
	for range 2 * batch {
		r.Find([]byte("1"))
	}
	if r.spared.hits != before || r.spared.left != 0 {
		t.Error("lookups are spared that LRU wants to know of")
	}
}

// Evictions end the while: what the policy was sated with may be next.
func TestSparedLapseWithEvictions(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Policy: "wtinylfu"})
	set := func(i int) { commit(t, s, strconv.Itoa(i), "value", SetOptions{}) }
	for i := range 4000 {
		set(i)
	}
	r := s.NewReader()
	spares := func() bool {
		before := r.spared.hits
		if _, found := r.Find([]byte("1")); !found {
			t.Fatal("the object is gone")
		}
		return r.spared.hits > before
	}
	for !spares() {
		r.Tick()
	}
	for i := 4000; s.Stats().Evictions <= 4000/sparedShare; i++ {
		r.Rest()
		set(i)
	}
	if !spares() {
		t.Error("the while ended before the turn")
	}
	r.Tick()
	if spares() {
		t.Error("a lookup is spared after many evictions")
	}
	r.Flush()
}
