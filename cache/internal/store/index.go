package store

import (
	"hash/maphash"
	"slices"
	"sync/atomic"
	"unsafe"

	"memcache/cache/internal/arena"
)

// stripes is how many parts the index has, each of which grows by itself, so
// that growing never takes long.
const stripes = 256

// index finds the item of a key. It holds no pointer but to its tables. Changes
// are made under Store.mu; lookups take no lock.
type index struct {
	seed  maphash.Seed
	parts [stripes]stripe
}

// stripe is a part of the index.
type stripe struct {
	first atomic.Pointer[atomic.Uint64] // cell of the table; nil while it is empty
	size  atomic.Int64                  // cells of the table
	// shifts is odd while cells are moved to where a search under way has been
	// already, or first and size are of two tables; and another number afterwards.
	shifts atomic.Uint32
	n      int
	_      [32]byte // a cache line each
}

// table is a hash table with linear probing. Where it stands, and how long it is, a
// search knows from the stripe: another place to look at first would cost it time.
type table struct {
	first *atomic.Uint64
	size  int
}

// cell is a place of a table: bits of the key's hash in the high half, the handle
// of the item in the low half. 0 is empty.
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

func (t table) at(i int) cell     { return cell(t.cell(i).Load()) }
func (t table) set(i int, c cell) { t.cell(i).Store(uint64(c)) }

func (t table) cell(i int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Add(unsafe.Pointer(t.first), i*cellSize))
}

// home is where the search for a cell begins. It needs no key, so that growing
// touches the table alone, and no power of two, so that growing by an eighth is
// enough.
func (t table) home(c cell) int { return int(uint64(c) >> 32 * uint64(t.size) >> 32) }

func (t table) after(i int) int {
	if i++; i < t.size {
		return i
	}
	return 0
}

const (
	minCells = 8
	cellSize = 8 // bytes
)

// insert adds a cell, which is not there. A table is at most five sixths full:
// then a search for what is missing looks at some 18 cells, three cache lines.
// A large one is hardly ever less than three quarters full, so that an item
// takes 10 to 11 bytes of it.
func (p *stripe) insert(c cell) {
	size := p.table().size
	if (p.n+1)*6 > size*5 {
		p.resize(size + size/12 + minCells)
	}
	p.n++
	p.table().put(c)
}

// table is the stripe's table, if it cannot change meanwhile.
func (p *stripe) table() table { return table{p.first.Load(), int(p.size.Load())} }

func (p *stripe) setTable(t table) {
	p.shifts.Add(1)
	p.first.Store(t.first)
	p.size.Store(int64(t.size))
	p.shifts.Add(1)
}

func (t table) put(c cell) {
	i := t.home(c)
	for t.at(i) != 0 {
		i = t.after(i)
	}
	t.set(i, c)
}

// match returns the first cell from i on that may be that of a key with the hash h,
// or 0.
func (t table) match(i int, h hash) (int, cell) {
	for {
		if c := t.at(i); c == 0 || c.matches(h) {
			return i, c
		}
		i = t.after(i)
	}
}

// find returns the place of a cell, which is there.
func (t table) find(c cell) int {
	i := t.home(c)
	for t.at(i) != c {
		i = t.after(i)
	}
	return i
}

// replace puts a cell in the place of another, which has the same home.
func (p *stripe) replace(old, c cell) {
	t := p.table()
	t.set(t.find(old), c)
}

// remove takes out a cell, which is there, and moves those behind it up, so that
// no search ends too early.
func (p *stripe) remove(c cell) {
	p.shifts.Add(1)
	p.table().remove(c)
	p.shifts.Add(1)
	p.n--
	if size := p.table().size; size > 8*minCells && p.n*4 < size {
		p.resize(size / 2)
	}
}

func (t table) remove(c cell) {
	hole := t.find(c)
	for i := t.after(hole); t.at(i) != 0; i = t.after(i) {
		if t.distance(t.home(t.at(i)), i) >= t.distance(hole, i) {
			t.set(hole, t.at(i))
			hole = i
		}
	}
	t.set(hole, 0)
}

// distance is how many cells to lies behind from.
func (t table) distance(from, to int) int {
	if to < from {
		to += t.size
	}
	return to - from
}

// resize gives the stripe another table. Searches in the old one go on.
func (p *stripe) resize(size int) {
	cells := slices.Grow([]atomic.Uint64(nil), size)
	to := table{&cells[:1][0], cap(cells)} // what the allocator rounds up to is of use
	from := p.table()
	for i := range from.size {
		if c := from.at(i); c != 0 {
			to.put(c)
		}
	}
	p.setTable(to)
}

// clear takes everything out.
func (x *index) clear() {
	for i := range x.parts {
		p := &x.parts[i]
		p.n = 0
		p.setTable(table{})
	}
}
