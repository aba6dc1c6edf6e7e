package policy_test

import (
	"testing"

	"memcache/cache/internal/splitmix"
	"memcache/cache/policy"
)

// A policy for few slots evicts what one for many does, up to the last slot, also when
// the slots get other numbers meanwhile.
func TestFewSlotsEvictTheSame(t *testing.T) {
	for _, info := range policy.Infos() {
		var objects [policy.FewSlots]policy.Object // by the slots of many
		number := func(slot uint32) uint32 { return slot }
		few, err := policy.NewFew(info.Name, 7, func(slot uint32) policy.Object { return objects[number(slot)] })
		if err != nil {
			t.Fatal(err)
		}
		many, err := policy.New(info.Name, 7)
		if err != nil {
			t.Fatal(err)
		}
		rng := splitmix.New(5)
		var present []uint32
		var places [policy.FewSlots]int // in present
		gone := func(slot uint32) {
			last := present[len(present)-1]
			present[places[slot]], places[last] = last, places[slot]
			present = present[:len(present)-1]
		}
		for slot := range uint32(policy.FewSlots) {
			if slot%10_000 == 9_999 { // the other way round, or back: from 0 the one, from FewSlots-1 down the other
				number = reversed(number(0) == 0)
				few.Renumber(func(slot uint32) uint32 { return policy.FewSlots - 1 - slot })
			}
			objects[slot] = policy.Object{Hash: rng.Next(), Size: 1 + int64(rng.Below(1000)), Charge: 1 + int64(rng.Below(1000)), Uses: uint8(rng.Below(4))}
			few.Add(number(slot), objects[slot])
			many.Add(slot, objects[slot])
			places[slot] = len(present)
			present = append(present, slot)
			for range 3 {
				used := present[rng.Below(uint64(len(present)))]
				few.Access(number(used))
				many.Access(used)
			}
			switch removed := present[rng.Below(uint64(len(present)))]; {
			case slot%97 == 0:
				few.Remove(number(removed))
				many.Remove(removed)
				gone(removed)
			case slot%3 == 0:
				gone(evictsTheSame(t, info.Name, few, many, number))
			}
		}
		for range present {
			evictsTheSame(t, info.Name, few, many, number)
		}
		if _, ok := few.Evict(); ok {
			t.Errorf("%s has more slots than it was told of", info.Name)
		}
	}
}

func reversed(yes bool) func(slot uint32) uint32 {
	return func(slot uint32) uint32 {
		if yes {
			return policy.FewSlots - 1 - slot
		}
		return slot
	}
}

// evictsTheSame returns what both evict.
func evictsTheSame(t *testing.T, name string, few, many policy.Policy, number func(slot uint32) uint32) (slot uint32) {
	t.Helper()
	got, _ := few.Evict()
	want, _ := many.Evict()
	if number(got) != want {
		t.Fatalf("%s: slot %d goes, want %d", name, number(got), want)
	}
	return want
}
