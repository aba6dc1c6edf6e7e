package policy

import "math/bits"

// turn is how far the clock of a ghost goes while as many bytes are evicted as
// are present; it remembers what was evicted in the last memory of it.
const (
	turn   = 4096
	memory = turn * 9 / 10
)

// ghost remembers what was evicted lately, in four bytes each: half of a hash,
// and when. Each line is a queue of sixteen.
type ghost struct {
	table[mementos]
	clock uint64 // with 16 bits after the point
}

type (
	mementos [16]memento // newest first
	memento  struct{ tag, time uint16 }
)

// fit makes room for 15 of 16 slots: what is remembered is nine in ten of them,
// where sizes are alike.
func (g *ghost) fit(slots int) { g.grow(uint32(slots/len(mementos{})*15/16) + 1) }

// add remembers hash, with which charge bytes of all are evicted.
func (g *ghost) add(hash uint32, charge, all int64) {
	high, low := bits.Mul64(uint64(charge), turn<<16)
	part, _ := bits.Div64(high, low, uint64(max(1, charge, all)))
	g.clock += part
	l := g.at(hash)
	copy(l[1:], l[:])
	l[0] = memento{uint16(hash >> 16), uint16(g.clock >> 16)}
}

// take tells whether hash is remembered, and forgets it.
func (g *ghost) take(hash uint32) bool {
	l := g.at(hash)
	for i, m := range l {
		if m.tag == uint16(hash>>16) && uint16(g.clock>>16)-m.time <= memory {
			copy(l[i:], l[i+1:])
			l[len(l)-1] = memento{}
			return true
		}
	}
	return false
}
