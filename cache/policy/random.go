package policy

import "math/bits"

// random evicts any object, each with the same probability: the slots stand in
// one dense array, and the last one fills the hole that another leaves.
type random struct {
	slots []uint32 // present, in no order
	at    []uint32 // by slot: where in slots it stands
	rng   splitMix64
}

func newRandom(seed uint64) *random { return &random{rng: splitMix64{seed}} }

func (r *random) Len() int { return len(r.slots) }

func (r *random) Add(slot uint32, _ Object) {
	for uint32(len(r.at)) <= slot {
		r.at = append(r.at, 0)
	}
	r.at[slot] = uint32(len(r.slots))
	r.slots = append(r.slots, slot)
}

func (r *random) Access(uint32) {}

func (r *random) Remove(slot uint32) {
	last := len(r.slots) - 1
	hole, moved := r.at[slot], r.slots[last]
	r.slots[hole], r.at[moved] = moved, hole
	r.slots = r.slots[:last]
}

func (r *random) Evict() (uint32, bool) {
	if len(r.slots) == 0 {
		return 0, false
	}
	slot := r.slots[r.rng.below(uint64(len(r.slots)))]
	r.Remove(slot)
	return slot, true
}

// splitMix64 is Steele, Lea and Flood's generator: 64 bits of state, good
// enough for sampling, and the same everywhere.
type splitMix64 struct{ state uint64 }

func (s *splitMix64) next() uint64 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n), every one equally likely: the high half of
// a product, drawn again in the few cases that would favour some numbers.
func (s *splitMix64) below(n uint64) uint64 {
	high, low := bits.Mul64(s.next(), n)
	for low < n && low < -n%n {
		high, low = bits.Mul64(s.next(), n)
	}
	return high
}
