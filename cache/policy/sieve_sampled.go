package policy

import "memcache/cache/internal/splitmix"

// sampledSieve is SIEVE for a sample of the objects. Where all are seen, the hand
// stays for long when it has come near to the newest objects: what is new then has a
// few misses of time, is seldom asked for in them, and is evicted. The nearer it is,
// the slower it comes nearer, by one object for each that is asked for in time. In a
// sample of one in n, an object that is new lives for n misses at the least, and the
// hand is past it far too soon: SIEVE would look better than it is.
//
// So when the hand has passed the newest object of the sample, it is taken to be a
// part of an object, the gap, before the newest of all. What is stored then is asked
// for in time with the probability gap. Each such question shows that some time has
// passed, in which the gap has shrunk, at a rate that depends on its size: by a factor
// that is uniform between 0 and 1. When less is left than one object of all, the hand
// goes back to the oldest.
type sampledSieve struct {
	sieve
	rate   float64 // the part of the objects that is in the sample
	gap    float64 // in objects of the sample; 0 while the hand is not near
	newest uint32  // was stored while it was near, and not asked for since; or none
	rng    splitmix.Source
}

func newSampledSieve(seed uint64) *sampledSieve {
	return &sampledSieve{sieve: *newSieve(true), rate: 1, newest: none, rng: splitmix.New(seed)}
}

func (s *sampledSieve) SetRate(rate float64) { s.rate = rate }

func (s *sampledSieve) Add(slot uint32, o Object) {
	s.sieve.Add(slot, o)
	s.newest = none
	if s.gap > 0 {
		s.newest = slot
	}
}

func (s *sampledSieve) Gone(slot uint32) bool {
	if slot != s.newest {
		return false
	}
	s.newest = none
	gone := s.draw() >= s.gap
	s.shrink(s.gap)
	return gone
}

func (s *sampledSieve) Remove(slot uint32) {
	if s.newest == slot {
		s.newest = none
	}
	s.sieve.Remove(slot)
}

func (s *sampledSieve) Evict() (uint32, bool) {
	if slot := s.newest; slot != none {
		s.Remove(slot)
		return slot, true
	}
	hand := s.hand
	slot, ok := s.sieve.Evict()
	if s.gap == 0 && hand != none && s.hand == none {
		s.shrink(1)
	}
	return slot, ok
}

func (s *sampledSieve) Renumber(to func(slot uint32) uint32) {
	s.sieve.Renumber(to)
	if s.newest != none {
		s.newest = to(s.newest)
	}
}

// shrink makes the gap a part of what it was.
func (s *sampledSieve) shrink(from float64) {
	if s.gap = from * s.draw(); s.gap < s.rate {
		s.gap = 0
	}
}

// draw returns a number from 0 to 1.
func (s *sampledSieve) draw() float64 { return float64(s.rng.Next()>>11) / (1 << 53) }
