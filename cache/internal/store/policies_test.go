package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"memcache/cache/internal/arena"
	"memcache/cache/policy"
)

// Fault 46: whatever the policies are and however they are switched, an item is
// as it was written last, or gone, and what is held is within the capacity.
func TestFault46_EveryPolicyKeepsWhatWasWritten(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); keepsWhatWasWritten(t, seed, 4000) })
	}
}

func FuzzFault46_EveryPolicyKeepsWhatWasWritten(f *testing.F) {
	f.Add(uint64(99))
	f.Fuzz(func(t *testing.T, seed uint64) { keepsWhatWasWritten(t, seed, 500) })
}

func keepsWhatWasWritten(t *testing.T, seed uint64, operations int) {
	rng := rand.New(rand.NewPCG(seed, 2))
	clock := &clock{time.Unix(1_800_000_000, 0)}
	infos := policy.Infos()
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb / 2, Policy: infos[rng.IntN(len(infos))].Name, Now: clock.Now})
	r := s.NewReader()
	written := map[string]string{}
	for i := range operations {
		key := fmt.Sprint(rng.IntN(300))
		switch op := rng.IntN(200); {
		case op < 60:
			value := string(pattern(rng.IntN(1<<rng.IntN(18)), byte(op)))
			commit(t, s, key, value, SetOptions{Exptime: int64(op % 2)})
			written[key] = value
		case op < 180:
			it, found, err := r.Get([]byte(key), GetOptions{Value: true})
			if want, ever := written[key]; err != nil || found && (!ever || values(it, GetOptions{Value: true}) != want) {
				t.Fatalf("operation %d: %s is not what was written last (%v)", i, key, err)
			}
			r.Rest()
		case op < 185:
			s.Delete([]byte(key), DeleteOptions{})
			delete(written, key)
		default:
			disturbOnce(t, rng, s, clock)
			r.Tick()
		}
		if st := s.Stats(); st.Held > st.Capacity || st.Held != st.Bytes {
			t.Fatalf("operation %d: %d bytes are held for %d bytes of items, of %d", i, st.Held, st.Bytes, st.Capacity)
		}
	}
	r.Flush()
	checkOrder(t, s)
}

func disturbOnce(t *testing.T, rng *rand.Rand, s *Store, clock *clock) {
	t.Helper()
	switch rng.IntN(5) {
	case 0:
		for s.moveSome(step) {
		}
		infos := policy.Infos()
		name := infos[rng.IntN(len(infos))].Name
		s.beginSwitch(name, newPolicy(name, 1))
	case 1:
		s.moveSome(20)
	case 2:
		if err := s.SetCapacity(mb + rng.Int64N(mb)); err != nil {
			t.Error(err)
		}
	case 3:
		clock.t = clock.t.Add(300 * time.Millisecond)
		maintain(t, s)
	default:
		if rng.IntN(10) == 0 {
			if err := s.FlushAll(0); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkOrder lets everything go, and checks that the policies had each object
// once.
func checkOrder(t *testing.T, s *Store) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.evict() {
	}
	if s.bytes != 0 || s.held() != 0 || s.mortal != 0 || s.leaseBytes != 0 {
		t.Errorf("%d bytes of items, %d held, %d mortal, %d of leases when everything is gone", s.bytes, s.held(), s.mortal, s.leaseBytes)
	}
	for slot := range s.slots {
		if s.place(slot).item != arena.None {
			t.Errorf("slot %d is in use, and in no order", slot)
		}
	}
}

// Fault 76: shrinking below what is used evicts to the limit, and lets go of
// what the policy by itself would.
func TestFault76_ShrinkingEvictsAsThePolicySays(t *testing.T) {
	const capacity, items = 4 * mb, 1000
	for _, info := range policy.Infos() {
		rng := rand.New(rand.NewPCG(1, 1))
		s := newStore(t, Config{Capacity: capacity, ItemLimit: mb, Policy: info.Name, Seed: 7})
		reference := newPolicy(info.Name, 7)
		charges := make([]int64, items)
		var used int64
		for i := range items { // the first items have the first slots
			value := string(pattern(rng.IntN(5000), 1))
			commit(t, s, benchKey(i), value, SetOptions{})
			charges[i] = Charge(len(benchKey(i)), len(value))
			used += charges[i]
			hash := uint64(s.index.hash([]byte(benchKey(i))))
			reference.Add(uint32(i), policy.Object{Hash: hash, Size: int64(len(value)), Charge: charges[i]})
			asked := rng.IntN(i + 1)
			look(t, s, benchKey(asked))
			reference.Access(uint32(asked))
		}
		if err := s.SetCapacity(mb); err != nil {
			t.Fatal(err)
		}
		gone := map[uint32]bool{}
		for used > mb {
			slot, _ := reference.Evict()
			gone[slot] = true
			used -= charges[slot]
		}
		st := s.Stats()
		if st.Held != used || st.Evictions != int64(len(gone)) {
			t.Errorf("%s: %d bytes are held after %d evictions, want %d after %d", info.Name, st.Held, st.Evictions, used, len(gone))
		}
		for i := range items {
			if _, found := s.Describe([]byte(benchKey(i))); found == gone[uint32(i)] {
				t.Fatalf("%s: item %d is there: %v", info.Name, i, found)
			}
		}
	}
}
