package policy_test

import (
	"testing"

	"memcache/cache/policy"
)

const sampleSlots = 100

// sampledSieve returns a full one, whose hand has just passed the newest object: all
// have been asked for but that.
func sampledSieve(t *testing.T, seed uint64, rate float64) policy.Sampled {
	t.Helper()
	p, err := policy.NewFew("sieve", seed, func(uint32) policy.Object { return policy.Object{Size: 1, Charge: 1} })
	if err != nil {
		t.Fatal(err)
	}
	s := p.(policy.Sampled)
	s.SetRate(rate)
	for slot := range uint32(sampleSlots) {
		s.Add(slot, policy.Object{Size: 1, Charge: 1})
	}
	// Half way first, so that the hand comes from within the queue.
	for slot := range uint32(sampleSlots - 1) {
		if slot != sampleSlots/2 {
			s.Access(slot)
		}
	}
	for _, want := range []uint32{sampleSlots / 2, sampleSlots - 1} {
		if got, ok := s.Evict(); !ok || got != want {
			t.Fatalf("slot %d goes, want %d", got, want)
		}
	}
	return s
}

// near counts how many objects in a row come and go while the hand is near, when
// each is asked for once, and how many of them were there still.
func near(s policy.Sampled) (all, there int) {
	for slot := uint32(sampleSlots); ; slot++ {
		s.Add(slot, policy.Object{Size: 1, Charge: 1})
		gone := s.Gone(slot)
		if gone {
			s.Remove(slot)
			all++
			continue
		}
		s.Access(slot)
		if s.Add(slot+1, policy.Object{Size: 1, Charge: 1}); evictsOther(s, slot+1) {
			return all, there
		}
		all++
		there++
	}
}

// evictsOther tells that the hand is not near: what was just stored in slot stays.
func evictsOther(s policy.Sampled, slot uint32) bool {
	got, _ := s.Evict()
	return got != slot
}

// TestSampledSieveStaysNear: of n times that the hand comes near, it is found there
// by as many questions as the distance shrinks by factors of e, and the objects that
// are in time make up for the distance, which is less than one object.
func TestSampledSieveStaysNear(t *testing.T) {
	const times = 3000
	for _, c := range []struct {
		rate               float64
		atLeast, atMost    float64 // questions each time: the logarithm of 1/rate
		thereMin, thereMax float64 // objects in time
	}{
		{rate: 1},
		{rate: 1. / 25, atLeast: 2.9, atMost: 3.5, thereMin: 0.8, thereMax: 1.1},
		{rate: 1. / 1000, atLeast: 6.5, atMost: 7.3, thereMin: 0.85, thereMax: 1.15},
	} {
		all, there := 0, 0
		for seed := range uint64(times) {
			a, b := near(sampledSieve(t, seed, c.rate))
			all, there = all+a, there+b
		}
		questions, inTime := float64(all)/times, float64(there)/times
		t.Logf("of 1/%.0f: %.2f questions, %.2f in time", 1/c.rate, questions, inTime)
		if questions < c.atLeast || questions > c.atMost || inTime < c.thereMin || inTime > c.thereMax {
			t.Errorf("of 1/%.0f: %.2f questions, want %.1f to %.1f; %.2f in time, want %.2f to %.2f", 1/c.rate, questions, c.atLeast, c.atMost, inTime, c.thereMin, c.thereMax)
		}
	}
}

// TestSampledSieveEvictsTheNewestFirst: what is not asked for while the hand is near
// goes for the next one.
func TestSampledSieveEvictsTheNewestFirst(t *testing.T) {
	for seed := range uint64(20) {
		s := sampledSieve(t, seed, 1e-9)
		for slot := uint32(sampleSlots); slot < sampleSlots+10; slot++ {
			s.Add(slot, policy.Object{Size: 1, Charge: 1})
			if got, ok := s.Evict(); !ok || got != slot {
				t.Fatalf("slot %d goes, want %d", got, slot)
			}
		}
		for range sampleSlots - 2 {
			if _, ok := s.Evict(); !ok {
				t.Fatal("some got lost")
			}
		}
		if _, ok := s.Evict(); ok || s.Len() != 0 {
			t.Errorf("%d are left", s.Len())
		}
	}
}
