package policy

import (
	"math"

	"memcache/cache/internal/splitmix"
)

// gdsf is greedy dual size frequency (Cherkasova '98): the priority of an object
// is its uses for each byte, and the age of the cache when it was last used;
// the age is the priority of what was evicted last. It evicts the lowest
// priority of samples objects drawn at random.
type gdsf struct {
	at         pages[uint32] // by slot: its place among candidates
	uses       pages[uint16] // by slot: after the first
	candidates pages[candidate]
	n          int
	age        uint64
	rng        splitmix.Source
}

// candidate is an object to choose from. Priorities are compared by how far
// they are from the age, so that they may wrap around.
type candidate struct {
	priority uint64
	slot     uint32
	size     weight
}

const (
	samples = 64
	scale   = 32 // bits after the point of a priority
)

func newGDSF(seed uint64) *gdsf { return &gdsf{rng: splitmix.New(seed)} }

func (g *gdsf) Len() int { return g.n }

func (g *gdsf) Add(slot uint32, o Object) {
	*g.uses.grow(slot) = uint16(min(o.Uses, maxUses))
	*g.at.grow(slot) = uint32(g.n)
	c := g.candidates.grow(uint32(g.n))
	*c = candidate{slot: slot, size: weigh(o.Size)}
	g.rank(c)
	g.n++
}

func (g *gdsf) Access(slot uint32) {
	if uses := g.uses.at(slot); *uses < math.MaxUint16 {
		*uses++
	}
	g.rank(g.candidates.at(*g.at.at(slot)))
}

// rank gives c the priority that it deserves now.
func (g *gdsf) rank(c *candidate) {
	uses := 1 + uint64(*g.uses.at(c.slot))
	c.priority = g.age + uses<<scale/uint64(max(1, c.size.bytes()))
}

func (g *gdsf) usesOf(slot uint32) uint8 { return uint8(min(*g.uses.at(slot), maxUses)) }

func (g *gdsf) Remove(slot uint32) {
	g.n--
	hole, last := *g.at.at(slot), g.candidates.at(uint32(g.n))
	*g.candidates.at(hole) = *last
	*g.at.at(last.slot) = hole
}

func (g *gdsf) Evict() (uint32, bool) {
	if g.n == 0 {
		return 0, false
	}
	victim := g.draw()
	for range samples - 1 {
		if c := g.draw(); int64(c.priority-victim.priority) < 0 {
			victim = c
		}
	}
	if int64(victim.priority-g.age) > 0 {
		g.age = victim.priority
	}
	slot := victim.slot
	g.Remove(slot)
	return slot, true
}

func (g *gdsf) draw() *candidate {
	return g.candidates.at(uint32(g.rng.Below(uint64(g.n))))
}
