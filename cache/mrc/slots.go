package mrc

import "math/bits"

// slots are the numbers by which the policy of a miniature knows its keys. Where it
// holds most of all keys, they are the ids; else they have no gaps, and an index.
type slots struct {
	direct bool
	held   []uint64 // when direct: a bit by id
	index  []uint16 // else: slots + 1 by id, a hash table with linear probing
	owners []uint16 // by slot: id, or of a free slot the next free one
	free   int      // first free slot, or -1
	n      int
	most   int // that n ever was
}

// leastIndex is how many cells the index begins with.
const leastIndex = 64

func newSlots(direct bool) slots {
	s := slots{direct: direct, free: -1}
	if !direct {
		s.index = make([]uint16, leastIndex)
	}
	return s
}

// end is above all slots.
func (s *slots) end() int {
	if s.direct {
		return 64 * len(s.held)
	}
	return len(s.owners)
}

func (s *slots) memory() int64 { return int64(8*cap(s.held) + 2*(cap(s.index)+cap(s.owners))) }

// owner returns the id of what is in a slot.
func (s *slots) owner(slot uint32) uint16 {
	if s.direct {
		return uint16(slot)
	}
	return s.owners[slot]
}

// each calls f with the id of every key that is there.
func (s *slots) each(f func(id uint16)) {
	for i, word := range s.held {
		for ; word != 0; word &= word - 1 {
			f(uint16(64*i + bits.TrailingZeros64(word)))
		}
	}
	for _, cell := range s.index {
		if cell != 0 {
			f(s.owners[cell-1])
		}
	}
}

func (s *slots) find(id uint16) (slot uint32, ok bool) {
	if s.direct {
		return uint32(id), int(id/64) < len(s.held) && s.held[id/64]>>(id%64)&1 != 0
	}
	for i := s.home(id); ; i = s.after(i) {
		cell := s.index[i]
		if cell == 0 {
			return 0, false
		}
		if s.owners[cell-1] == id {
			return uint32(cell - 1), true
		}
	}
}

// insert gives a key a slot, that has none.
func (s *slots) insert(id uint16) (slot uint32) {
	s.n++
	s.most = max(s.most, s.n)
	if s.direct {
		for len(s.held) <= int(id/64) {
			s.held = append(tightly(s.held), 0)
		}
		s.held[id/64] |= 1 << (id % 64)
		return uint32(id)
	}
	if s.free >= 0 {
		slot = uint32(s.free)
		s.free = int(s.owners[slot]) - 1
		s.owners[slot] = id
	} else {
		slot = uint32(len(s.owners))
		s.owners = append(tightly(s.owners), id)
	}
	if s.n*5 > len(s.index)*4 {
		s.grow()
	}
	s.index[s.vacant(id)] = uint16(slot) + 1
	return slot
}

// remove takes out what is in a slot.
func (s *slots) remove(slot uint32) {
	s.n--
	if s.direct {
		s.held[slot/64] &^= 1 << (slot % 64)
		return
	}
	s.delete(uint16(slot) + 1)
	s.owners[slot] = uint16(s.free + 1)
	s.free = int(slot)
}

// grow makes the index by a fifth longer: that costs time now and then, and a longer
// one would cost memory all the time.
func (s *slots) grow() {
	old := s.index
	s.index = make([]uint16, len(old)*6/5)
	for _, cell := range old {
		if cell != 0 {
			s.index[s.vacant(s.owners[cell-1])] = cell
		}
	}
}

// home is where the search for a key begins.
func (s *slots) home(id uint16) int {
	return int(uint64(uint32(id)*0x9e3779b1) * uint64(len(s.index)) >> 32)
}

// after is the cell after i.
func (s *slots) after(i int) int {
	if i++; i < len(s.index) {
		return i
	}
	return 0
}

// distance is how many cells after from to is.
func (s *slots) distance(from, to int) int {
	if to >= from {
		return to - from
	}
	return to - from + len(s.index)
}

func (s *slots) vacant(id uint16) int {
	i := s.home(id)
	for s.index[i] != 0 {
		i = s.after(i)
	}
	return i
}

// delete takes a cell, which is there, out of the index, and moves those behind it up.
func (s *slots) delete(cell uint16) {
	hole := s.home(s.owners[cell-1])
	for s.index[hole] != cell {
		hole = s.after(hole)
	}
	for i := s.after(hole); s.index[i] != 0; i = s.after(i) {
		if s.distance(s.home(s.owners[s.index[i]-1]), i) >= s.distance(hole, i) {
			s.index[hole], hole = s.index[i], i
		}
	}
	s.index[hole] = 0
}
