package tap

import (
	"sync/atomic"

	"memcache/cache/mrc"
)

// ringSize is how many events wait at most.
const ringSize = 8192

// ring holds events between those who cause them and the one who takes them. When
// it is full, they are lost, and nobody waits (Vyukov's bounded queue).
type ring struct {
	cells [ringSize]cell
	_     [64]byte // each of these has a cache line of its own
	head  atomic.Uint64
	_     [56]byte
	lost  atomic.Int64
	_     [56]byte
	tail  uint64 // of the one who takes
}

// cell has an event when turn is one above its place in the order of all events.
type cell struct {
	turn  atomic.Uint64
	event mrc.Event
}

func newRing() *ring {
	r := &ring{}
	for i := range r.cells {
		r.cells[i].turn.Store(uint64(i))
	}
	return r
}

// push tells whether there was room.
func (r *ring) push(e mrc.Event) bool {
	for {
		at := r.head.Load()
		c := &r.cells[at%ringSize]
		switch turn := c.turn.Load(); {
		case turn < at:
			r.lost.Add(1)
			return false
		case turn == at && r.head.CompareAndSwap(at, at+1):
			c.event = e
			c.turn.Store(at + 1)
			return true
		}
	}
}

func (r *ring) pop() (e mrc.Event, ok bool) {
	c := &r.cells[r.tail%ringSize]
	if c.turn.Load() != r.tail+1 {
		return e, false
	}
	e = c.event
	c.turn.Store(r.tail + ringSize)
	r.tail++
	return e, true
}
