package cachelink

import (
	"math/bits"
	"sync"
)

// buffer is pooled memory for one value. Its capacity is a power of two.
type buffer struct {
	b    []byte
	free func() // gives it back; to be called once
}

// buffers pools buffers by the power of two of their capacity.
type buffers struct{ pools [48]sync.Pool }

// get returns a buffer of n bytes.
func (p *buffers) get(n int) *buffer {
	class := bits.Len(uint(max(n, 512) - 1))
	pool := &p.pools[class]
	if b, ok := pool.Get().(*buffer); ok {
		b.b = b.b[:n]
		return b
	}
	b := &buffer{b: make([]byte, n, 1<<class)}
	b.free = func() { pool.Put(b) }
	return b
}
