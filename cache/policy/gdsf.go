package policy

import "memcache/cache/internal/splitmix"

// gdsf is greedy dual size frequency (Cherkasova '98): the priority of an object
// is its uses for each byte, and the age of the cache when it was last used;
// the age is the priority of what was evicted last. It evicts the lowest
// priority of samples objects drawn at random.
type gdsf struct {
	place      slots           // by slot: its place among the candidates
	sizes      sizes           // by slot
	candidates slots           // by place, in no order
	priorities pages[priority] // by place
	n          uint32
	age        priority
	rng        splitmix.Source
}

// priority is a number with scale bits after the point, above the uses after the
// first in the low usesBits. Priorities are compared by how far they are apart,
// so that they may wrap around.
type priority uint64

const (
	samples  = 64
	scale    = 32
	usesBits = 8
	usesMask = 1<<usesBits - 1
)

func (p priority) uses() uint64 { return uint64(p & usesMask) }

func (p priority) below(other priority) bool { return int64(p-other) < 0 }

func newGDSF(seed uint64, told Objects) *gdsf {
	few := told != nil
	return &gdsf{place: slots{few: few}, sizes: sizes{told: told}, candidates: slots{few: few}, rng: splitmix.New(seed)}
}

func (g *gdsf) Len() int { return int(g.n) }

func (g *gdsf) Add(slot uint32, o Object) {
	g.sizes.add(slot, o)
	g.place.set(slot, g.n)
	g.candidates.set(g.n, slot)
	*g.priorities.grow(g.n) = g.rank(slot, uint64(min(o.Uses, maxUses)))
	g.n++
}

func (g *gdsf) Access(slot uint32) {
	p := g.priorities.at(g.place.at(slot))
	*p = g.rank(slot, min(p.uses()+1, usesMask))
}

// rank is the priority that an object deserves now, which was asked for so many times
// after the first.
func (g *gdsf) rank(slot uint32, uses uint64) priority {
	worth := (1 + uses) << scale / uint64(max(1, g.sizes.at(slot)))
	return (g.age+priority(worth<<usesBits))&^usesMask | priority(uses)
}

func (g *gdsf) usesOf(slot uint32) uint8 {
	return uint8(min(g.priorities.at(g.place.at(slot)).uses(), maxUses))
}

// Remove leaves the candidate behind the others, for Uses.
func (g *gdsf) Remove(slot uint32) {
	g.n--
	hole, last := g.place.at(slot), g.candidates.at(g.n)
	p, q := g.priorities.at(hole), g.priorities.at(g.n)
	*p, *q = *q, *p
	g.put(last, hole)
	g.put(slot, g.n)
}

func (g *gdsf) put(slot, place uint32) {
	g.candidates.set(place, slot)
	g.place.set(slot, place)
}

func (g *gdsf) Evict() (uint32, bool) {
	if g.n == 0 {
		return 0, false
	}
	victim := g.draw()
	least := *g.priorities.at(victim)
	for range samples - 1 {
		c := g.draw()
		if p := *g.priorities.at(c); p.below(least) {
			victim, least = c, p
		}
	}
	if g.age.below(least) {
		g.age = least
	}
	slot := g.candidates.at(victim)
	g.Remove(slot)
	return slot, true
}

// draw returns the place of any candidate.
func (g *gdsf) draw() uint32 { return uint32(g.rng.Below(uint64(g.n))) }

func (g *gdsf) Renumber(to func(slot uint32) uint32) {
	g.place = slots{few: g.place.few}
	g.candidates.cut(g.n)
	g.priorities.cut(g.n)
	for i := range g.n {
		g.put(to(g.candidates.at(i)), i)
	}
}
