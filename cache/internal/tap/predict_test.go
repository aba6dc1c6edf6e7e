//go:build !race

package tap_test

import (
	"flag"
	"math"
	"testing"

	"memcache/cache/mrc"
)

// There is nothing to race here, and the race detector would take minutes.

var long = flag.Bool("long", false, "replay ten times as much")

func predicted(t *testing.T, s mrc.Snapshot, policy string, capacity int64) float64 {
	t.Helper()
	for _, curve := range s.Curves {
		for _, p := range curve.Points {
			if curve.Policy == policy && p.Capacity == capacity {
				return 1 - p.Objects
			}
		}
	}
	t.Fatalf("no point for %s with %d bytes", policy, capacity)
	return 0
}

// What the curves promise of another capacity, of another policy and of both is
// what then happens, to within 0.01. So is what they say of the present.
func TestPredictionAgainstOutcome(t *testing.T) {
	const capacity = 8 << 20
	n := 30_000 // five minutes
	if *long {
		n = 300_000
	}
	for _, to := range []struct {
		policy   string
		capacity int64
	}{{"lru", 2 * capacity}, {"wtinylfu", capacity}, {"s3fifo", 4 * capacity}, {"gdsf", capacity / 2}} {
		c := newCache(t, capacity, "lru")
		c.replay(1, 30_000, 0)
		is := c.replay(2, n, 0)
		s, lost := c.tap.Curves(mrc.FiveMinutes)
		if *long {
			s, _ = c.tap.Curves(mrc.Hour)
		}
		if lost > 0 {
			t.Fatalf("%d events were lost", lost)
		}
		if says := predicted(t, s, "lru", capacity); math.Abs(says-is) > 0.01 && !*long {
			t.Errorf("the present: %.4f hits are measured, %.4f predicted", is, says)
		}
		promise := predicted(t, s, to.policy, to.capacity)
		if err := c.store.SetCapacity(to.capacity); err != nil {
			t.Fatal(err)
		}
		if err := c.store.SetPolicy(to.policy); err != nil {
			t.Fatal(err)
		}
		outcome := c.replay(3, 30_000+n, 30_000)
		t.Logf("%s with %d MB: %.4f promised, %.4f happened (exact %v, rate %.3f, %d keys)", to.policy, to.capacity>>20, promise, outcome, s.Exact, s.Rate, s.Keys)
		if math.Abs(promise-outcome) > 0.01 {
			t.Errorf("%s with %d MB: %.4f hits were promised, %.4f happened", to.policy, to.capacity>>20, promise, outcome)
		}
	}
}
