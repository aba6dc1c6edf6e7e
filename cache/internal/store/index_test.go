package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"memcache/cache/internal/arena"
)

// A stripe holds what a map of the same cells holds, also with many cells of one
// hash, while it grows and shrinks.
func TestAStripeHoldsWhatWasInserted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var part stripe
	held := map[cell]bool{}
	var cells []cell
	for round := range 12_000 {
		if growing := round/3_000%2 == 0; len(cells) == 0 || rng.IntN(10) < 7 == growing {
			h := hash(rng.Uint32())
			if rng.IntN(4) == 0 {
				h = hash(rng.IntN(3)) << 30
			}
			c := makeCell(h, arena.Handle(round+1))
			part.insert(c)
			held[c] = true
			cells = append(cells, c)
		} else {
			i := rng.IntN(len(cells))
			part.remove(cells[i])
			delete(held, cells[i])
			cells[i] = cells[len(cells)-1]
			cells = cells[:len(cells)-1]
		}
		if round%301 == 0 {
			checkStripe(t, &part, held)
		}
	}
	if part.table().size > 8*len(cells)+8*minCells {
		t.Errorf("%d cells for %d items", part.table().size, len(cells))
	}
}

func checkStripe(t *testing.T, part *stripe, held map[cell]bool) {
	t.Helper()
	n, table := 0, part.table()
	for i := range table.size {
		c := table.at(i)
		if c == 0 {
			continue
		}
		n++
		if !held[c] {
			t.Fatalf("cell %x was removed, or never inserted", c)
		}
		for j := table.home(c); j != i; j = table.after(j) {
			if table.at(j) == 0 {
				t.Fatalf("cell %x at %d cannot be found from %d", c, i, table.home(c))
			}
		}
	}
	if n != len(held) || n != part.n {
		t.Fatalf("%d cells, counted as %d, want %d", n, part.n, len(held))
	}
}

// Two keys with one hash are two items.
func TestEqualHashes(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	commit(t, s, "a", "1", SetOptions{})
	commit(t, s, "b", "2", SetOptions{})
	a, b := s.index.hash([]byte("a")), s.index.hash([]byte("b"))
	item, _ := s.lookup(s.index.stripe(b), b, []byte("b"))
	other := s.index.stripe(a)
	s.mu.Lock()
	other.insert(makeCell(a, item)) // b with the hash of a
	for key, want := range map[string]bool{"a": true, "b": true, "c": false} {
		if got, sure := s.lookup(other, a, []byte(key)); !sure || (got != arena.None) != want {
			t.Errorf("%s: item %d", key, got)
		}
	}
	other.remove(makeCell(a, item))
	s.mu.Unlock()
}

func BenchmarkStripe(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var part stripe
			for i := range n {
				part.insert(makeCell(hash(rand.Uint64()), arena.Handle(i+1)))
			}
			b.ReportMetric(float64(part.table().size*8)/float64(n), "B/entry")
			for i := 0; b.Loop(); i++ {
				c := makeCell(hash(i)*0x9e3779b97f4a7c15, arena.Handle(n+1))
				part.insert(c)
				part.remove(c)
			}
		})
	}
}
