package policy

import "memcache/cache/internal/splitmix"

// gdsf is greedy dual size frequency (Cherkasova '98): the priority of an object
// is its uses for each byte, and the age of the cache when it was last used;
// the age is the priority of what was evicted last. It evicts the lowest
// priority of samples objects drawn at random.
type gdsf struct {
	at         slots // by slot: its place among candidates
	candidates pages[candidate]
	n          int
	age        priority
	rng        splitmix.Source
}

// candidate is an object to choose from.
type candidate struct {
	priority priority
	slot     uint32
	size     weight
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

func newGDSF(seed uint64, few bool) *gdsf {
	return &gdsf{at: slots{few: few}, rng: splitmix.New(seed)}
}

func (g *gdsf) Len() int { return g.n }

func (g *gdsf) Add(slot uint32, o Object) {
	g.at.set(slot, uint32(g.n))
	c := g.candidates.grow(uint32(g.n))
	*c = candidate{slot: slot, size: weigh(o.Size)}
	g.rank(c, uint64(min(o.Uses, maxUses)))
	g.n++
}

func (g *gdsf) Access(slot uint32) {
	c := g.candidate(slot)
	g.rank(c, min(c.priority.uses()+1, usesMask))
}

func (g *gdsf) candidate(slot uint32) *candidate { return g.candidates.at(g.at.at(slot)) }

// rank gives c, asked for so many times after the first, the priority that it
// deserves now.
func (g *gdsf) rank(c *candidate, uses uint64) {
	worth := (1 + uses) << scale / uint64(max(1, c.size.bytes()))
	c.priority = (g.age+priority(worth<<usesBits))&^usesMask | priority(uses)
}

func (g *gdsf) usesOf(slot uint32) uint8 {
	return uint8(min(g.candidate(slot).priority.uses(), maxUses))
}

// Remove leaves the candidate behind the others, for Uses.
func (g *gdsf) Remove(slot uint32) {
	g.n--
	hole, last := g.candidate(slot), g.candidates.at(uint32(g.n))
	*hole, *last = *last, *hole
	g.at.set(hole.slot, g.at.at(slot))
	g.at.set(slot, uint32(g.n))
}

func (g *gdsf) Evict() (uint32, bool) {
	if g.n == 0 {
		return 0, false
	}
	victim := g.draw()
	for range samples - 1 {
		if c := g.draw(); c.priority.below(victim.priority) {
			victim = c
		}
	}
	if g.age.below(victim.priority) {
		g.age = victim.priority
	}
	slot := victim.slot
	g.Remove(slot)
	return slot, true
}

func (g *gdsf) draw() *candidate {
	return g.candidates.at(uint32(g.rng.Below(uint64(g.n))))
}
