package policy_test

import (
	"testing"

	"memcache/cache/internal/splitmix"
	"memcache/cache/policy"
)

// A policy for few slots evicts what one for many does, up to the last slot.
func TestFewSlotsEvictTheSame(t *testing.T) {
	for _, info := range policy.Infos() {
		few, err := policy.NewFew(info.Name, 7)
		if err != nil {
			t.Fatal(err)
		}
		many, err := policy.New(info.Name, 7)
		if err != nil {
			t.Fatal(err)
		}
		rng := splitmix.New(5)
		var present []uint32
		for slot := range uint32(policy.Few) {
			o := policy.Object{Hash: rng.Next(), Size: 1 + int64(rng.Below(1000)), Charge: 1 + int64(rng.Below(1000)), Uses: uint8(rng.Below(4))}
			few.Add(slot, o)
			many.Add(slot, o)
			present = append(present, slot)
			for range 3 {
				used := present[rng.Below(uint64(len(present)))]
				few.Access(used)
				many.Access(used)
			}
			if slot%97 == 0 {
				i := rng.Below(uint64(len(present)))
				few.Remove(present[i])
				many.Remove(present[i])
				present[i] = present[len(present)-1]
				present = present[:len(present)-1]
			}
		}
		for range present {
			got, _ := few.Evict()
			if want, _ := many.Evict(); got != want {
				t.Fatalf("%s: slot %d goes, want %d", info.Name, got, want)
			}
		}
		if _, ok := few.Evict(); ok {
			t.Errorf("%s has more slots than it was told of", info.Name)
		}
	}
}
