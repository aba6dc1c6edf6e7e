package arena

import "sync/atomic"

// Compact empties one sparse slab by moving its blocks into the room that other
// slabs of their class have, and tells whether it could. It copies at most half
// a MiB; call it again until it returns false, and Trim then.
// Values that are pinned or still being written stay where they are.
func (a *Arena) Compact() bool {
	for c := range classes {
		if a.partial[c].free >= classes[c].perSlab && a.emptySparsest(uint8(c)) {
			return true
		}
	}
	return false
}

// emptySparsest moves what is in the sparsest slab of class c. The others have
// room for it, because together they have a whole slab's room.
func (a *Arena) emptySparsest(c uint8) bool {
	number := a.partial[c].first
	for n := number; n != 0; n = a.slabs[n].next {
		if a.slabs[n].live < a.slabs[number].live {
			number = n
		}
	}
	per := classes[c].perSlab
	room := per - a.slabs[number].live
	// Out of the list, so that no block moves within the slab.
	a.unlist(number)
	a.partial[c].free -= room
	if left := a.moveBlocks(number); len(left) > 0 {
		a.owners.Wait()
		a.freeLeft(number, left)
	}
	if s := &a.slabs[number]; s.live > 0 {
		a.list(number)
		a.partial[c].free += per - s.live
		return false
	}
	a.partial[c].slabs--
	a.warm = append(a.warm, number)
	return true
}

// moveBlocks copies every block of the slab that may move to another, and
// returns those that it has copied.
func (a *Arena) moveBlocks(number uint32) (left []Handle) {
	s := &a.slabs[number]
	c := classes[s.class]
	for i := range c.perSlab {
		h := handle(number) + Handle(i*c.size/unit)
		if s.taken[i/64]>>(i%64)&1 != 0 && a.moveBlock(h, s.class) {
			left = append(left, h)
		}
	}
	return left
}

// freeLeft frees blocks that were copied elsewhere. The slab is in no list; its
// count of live blocks is kept here. A reader that took a reference to a value
// of one block before it moved keeps the block.
func (a *Arena) freeLeft(number uint32, left []Handle) {
	s := &a.slabs[number]
	c := classes[s.class]
	for _, h := range left {
		if previous(a.at(h, linkBytes)) == None {
			a.Leave(h)
			if !a.Release(h) {
				continue
			}
		}
		_, off := slabOf(h)
		s.clearBit(off / c.size)
		s.live--
		a.used -= int64(c.size)
	}
}

// moveBlock copies the block at h to another slab and tells those that point to
// it, unless anyone but the owner may be using the value. Compact has made sure
// that there is room: take adds no slab.
func (a *Arena) moveBlock(h Handle, c uint8) bool {
	head := a.headOf(h)
	owner := owner(a.at(head, headBytes))
	if owner == NoOwner || a.partial[c].first == 0 || a.pinned(head) {
		return false
	}
	to, err := a.take(c)
	if err != nil {
		return false
	}
	b := a.at(to, classes[c].size)
	copy(b, a.at(h, classes[c].size))
	if after := next(b); after != None {
		setPrevious(a.at(after, linkBytes), to)
	}
	if h != head {
		setNext(a.at(previous(b), linkBytes), to)
		return true
	}
	atomic.StoreUint32(refs(b), 1) // a reader may have found the old one meanwhile
	a.owners.Moved(owner, to)
	return true
}

// headOf returns the first block of the value that the block at h is part of.
func (a *Arena) headOf(h Handle) Handle {
	for {
		before := previous(a.at(h, linkBytes))
		if before == None {
			return h
		}
		h = before
	}
}
