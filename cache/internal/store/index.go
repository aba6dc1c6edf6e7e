package store

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"

	"memcache/cache/internal/arena"
)

// stripes is how many parts the index has. Lookups lock one of them for some
// tens of nanoseconds, so that two at once seldom meet; a part grows by itself,
// so that growing never holds a lookup up for long.
const stripes = 256

// index finds the item of a key. It holds no pointer.
type index struct {
	seed  maphash.Seed
	parts [stripes]stripe
}

// stripe is a part of the index, with the lock that guards it and those fields
// of its entries that lookups read: to change them, hold Store.mu and the
// stripe's lock, in this order. With Store.mu alone they may be read.
type stripe struct {
	sync.Mutex
	n     int
	cells []cell
	_     [24]byte // a cache line each
}

// cell is a place of a hash table with linear probing: bits of the key's hash in
// the high half, the handle of the item in the low half. 0 is empty.
type cell uint64

// hash is a key's hash: its highest bits choose the stripe, its lowest the place
// in the stripe.
type hash uint64

func (x *index) hash(key []byte) hash { return hash(maphash.Bytes(x.seed, key)) }

func (x *index) stripe(h hash) *stripe { return &x.parts[h.stripe()] }

func (h hash) stripe() uint8 { return uint8(h >> 56) }

func makeCell(h hash, item arena.Handle) cell { return cell(h)<<32 | cell(item) }

func (c cell) item() arena.Handle { return arena.Handle(c) }

func (c cell) matches(h hash) bool { return uint32(c>>32) == uint32(h) }

// home is where the search for a cell begins. It needs no key, so that growing
// touches the table alone, and no power of two, so that growing by an eighth is
// enough.
func (t *stripe) home(c cell) int {
	high, _ := bits.Mul64(uint64(c)&^(1<<32-1), uint64(len(t.cells)))
	return int(high)
}

func (t *stripe) after(i int) int {
	if i++; i < len(t.cells) {
		return i
	}
	return 0
}

const minCells = 8

// insert adds a cell, which is not there. A table is at most five sixths full:
// then a search for what is missing looks at some 18 cells, three cache lines.
// A large one is hardly ever less than three quarters full, so that an item
// takes 10 to 11 bytes of it.
func (t *stripe) insert(c cell) {
	if (t.n+1)*6 > len(t.cells)*5 {
		t.resize(len(t.cells) + len(t.cells)/12 + minCells)
	}
	t.n++
	t.put(c)
}

func (t *stripe) put(c cell) {
	i := t.home(c)
	for t.cells[i] != 0 {
		i = t.after(i)
	}
	t.cells[i] = c
}

// find returns the place of a cell, which is there.
func (t *stripe) find(c cell) int {
	i := t.home(c)
	for t.cells[i] != c {
		i = t.after(i)
	}
	return i
}

// remove takes out a cell, which is there, and moves those behind it up, so that
// no search ends too early.
func (t *stripe) remove(c cell) {
	hole := t.find(c)
	for i := t.after(hole); t.cells[i] != 0; i = t.after(i) {
		if t.distance(t.home(t.cells[i]), i) >= t.distance(hole, i) {
			t.cells[hole] = t.cells[i]
			hole = i
		}
	}
	t.cells[hole] = 0
	t.n--
	if len(t.cells) > 8*minCells && t.n*4 < len(t.cells) {
		t.resize(len(t.cells) / 2)
	}
}

// distance is how many cells to lies behind from.
func (t *stripe) distance(from, to int) int {
	if to < from {
		to += len(t.cells)
	}
	return to - from
}

func (t *stripe) resize(size int) {
	old := t.cells
	t.cells = slices.Grow([]cell(nil), size)
	t.cells = t.cells[:cap(t.cells)] // what the allocator rounds up to is of use
	for _, c := range old {
		if c != 0 {
			t.put(c)
		}
	}
}

// clear takes everything out.
func (x *index) clear() {
	for i := range x.parts {
		t := &x.parts[i]
		t.Lock()
		t.n, t.cells = 0, nil
		t.Unlock()
	}
}
