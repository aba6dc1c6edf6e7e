package storage

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// body is what a miss has read, in pooled memory. Two hold it: the reader, and who
// fills the cache.
type body struct {
	b       []byte
	free    func()       // what belongs to its end besides
	holders atomic.Int32 // that need it yet
	lent    atomic.Bool  // someone else may still look at b, so it is left to him
	pool    *sync.Pool
}

// bodies pools the memory of bodies by the power of two of its size.
type bodies struct{ pools [64]sync.Pool }

// get returns a body of size bytes with two holders.
func (p *bodies) get(size int64, free func()) *body {
	class := bits.Len64(uint64(max(size, 512) - 1))
	pool := &p.pools[class]
	c, ok := pool.Get().(*body)
	if !ok {
		c = &body{b: make([]byte, 1<<class), pool: pool}
	}
	c.b, c.free = c.b[:size], free
	c.holders.Store(2)
	return c
}

// done is to be called by each holder; after the second call, b is used again.
func (c *body) done() {
	if c.holders.Add(-1) > 0 {
		return
	}
	c.free()
	if !c.lent.Load() {
		c.pool.Put(c)
	}
}
