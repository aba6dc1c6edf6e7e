package store

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"memcache/cache/policy"
)

var entries = flag.Int("entries", 20_000, "how many entries TestSwitchingLosesNothing switches")

// While the policy is switched from each to each, values are read, written and
// added, and the capacity changes; every value is there in the end.
func TestSwitchingLosesNothing(t *testing.T) {
	n := *entries
	s := newStore(t, Config{Capacity: int64(n)*256 + 64*mb, ItemLimit: mb})
	for i := range n {
		benchSet(t, s, benchKey(i), fmt.Sprint(i))
	}
	var switched atomic.Bool
	var others sync.WaitGroup
	others.Go(func() { // writes over and adds
		for i := 0; !switched.Load(); i++ {
			benchSet(t, s, benchKey(i%n), fmt.Sprint(i%n))
			benchSet(t, s, fmt.Sprint("new", i%1000), "value")
		}
	})
	others.Go(func() { // reads
		r := s.NewReader()
		for i := 0; !switched.Load(); i++ {
			r.Tick()
			if _, found, err := r.Get([]byte(benchKey(i%n)), GetOptions{}); !found || err != nil {
				t.Errorf("%s: found %v (%v)", benchKey(i%n), found, err)
				return
			}
		}
		r.Flush()
	})
	others.Go(func() {
		for i := int64(0); !switched.Load(); i++ {
			if err := s.SetCapacity(int64(n)*256 + (64+i%8)*mb); err != nil {
				t.Error(err)
			}
		}
	})
	for _, info := range policy.Infos() {
		if err := s.SetPolicy(info.Name); err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.Policy != info.Name || st.Items < int64(n) || st.Evictions != 0 {
			t.Errorf("%s: %d items, %d evictions", st.Policy, st.Items, st.Evictions)
		}
	}
	switched.Store(true)
	others.Wait()
	for i := range n {
		if _, value := look(t, s, benchKey(i)); value != fmt.Sprint(i) {
			t.Fatalf("the value of %s is %q", benchKey(i), value)
		}
	}
}

// A step of a switch is bounded, so that it holds the lock for a short time
// only, however many items there are.
func TestASwitchGoesInSteps(t *testing.T) {
	s := newStore(t, Config{Capacity: 64 * mb, ItemLimit: mb})
	const n = 10*step + 7
	for i := range n {
		benchSet(t, s, benchKey(i), "value")
	}
	s.beginSwitch("random", newPolicy("random", 1))
	for left := n; left > 0; left = max(0, left-step) {
		if got := s.order.old.Len(); got != left {
			t.Fatalf("the old policy has %d items, want %d", got, left)
		}
		if more := s.moveSome(step); more != (left > step) {
			t.Errorf("with %d items left, more is %v", left, more)
		}
	}
	if s.order.old != nil || s.order.policy.Len() != n {
		t.Errorf("the new policy has %d items, want %d", s.order.policy.Len(), n)
	}
}

// A flush in the middle of a switch leaves the new policy, and nothing else.
func TestAFlushEndsASwitch(t *testing.T) {
	s := newStore(t, Config{Capacity: 64 * mb, ItemLimit: mb})
	for i := range 3 * step {
		benchSet(t, s, benchKey(i), "value")
	}
	s.beginSwitch("random", newPolicy("random", 1))
	s.moveSome(step)
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	benchSet(t, s, "k", "value")
	if s.moveSome(step) {
		t.Error("there is more to move")
	}
	if st := s.Stats(); st.Policy != "random" || st.Items != 1 || st.Held != Charge(1, 5) {
		t.Errorf("%s: %d items, %d bytes", st.Policy, st.Items, st.Held)
	}
}
