package policy

import "memcache/cache/internal/splitmix"

// random evicts any object, each with the same probability: the slots stand in
// one dense array, and the last one fills the hole that another leaves.
type random struct {
	uses
	decay
	slots slots // present, in no order
	place slots // by slot: where in slots it stands
	n     uint32
	rng   splitmix.Source
}

func newRandom(seed uint64, few bool) *random {
	return &random{uses: uses{no: few}, slots: slots{few: few}, place: slots{few: few}, rng: splitmix.New(seed)}
}

func (r *random) Len() int { return int(r.n) }

func (r *random) Add(slot uint32, o Object) {
	r.begin(slot, o)
	r.place.set(slot, r.n)
	r.slots.set(r.n, slot)
	r.n++
}

func (r *random) Access(slot uint32) { r.count(slot) }

// Saturated is for as long as the object is there: nothing decays.
func (r *random) Saturated(slot uint32) bool { return r.all(slot) }

func (r *random) Remove(slot uint32) {
	r.n--
	hole, moved := r.place.at(slot), r.slots.at(r.n)
	r.slots.set(hole, moved)
	r.place.set(moved, hole)
}

func (r *random) Evict() (uint32, bool) {
	if r.n == 0 {
		return 0, false
	}
	slot := r.slots.at(uint32(r.rng.Below(uint64(r.n))))
	r.Remove(slot)
	return slot, true
}

func (r *random) Renumber(to func(slot uint32) uint32) {
	r.place = slots{few: r.place.few}
	r.slots.cut(r.n)
	for i := range r.n {
		slot := to(r.slots.at(i))
		r.slots.set(i, slot)
		r.place.set(slot, i)
	}
}
