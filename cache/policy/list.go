package policy

const none = ^uint32(0)

// link is a slot's place in the one list that it is in.
type link struct{ prev, next uint32 } // none at the ends

// links are the places of all slots. Where there are few slots, each takes half
// the memory.
type links struct {
	few    bool
	wide   pages[link]
	narrow pages[[2]uint16]
}

func (l *links) at(slot uint32) link {
	if l.few {
		n := l.narrow.at(slot)
		return link{widen(n[0]), widen(n[1])}
	}
	return *l.wide.at(slot)
}

func (l *links) set(slot uint32, to link) {
	if l.few {
		*l.narrow.grow(slot) = [2]uint16{uint16(to.prev), uint16(to.next)}
		return
	}
	*l.wide.grow(slot) = to
}

func (l *links) setPrev(slot, prev uint32) {
	if l.few {
		l.narrow.at(slot)[0] = uint16(prev)
		return
	}
	l.wide.at(slot).prev = prev
}

func (l *links) setNext(slot, next uint32) {
	if l.few {
		l.narrow.at(slot)[1] = uint16(next)
		return
	}
	l.wide.at(slot).next = next
}

// widen undoes the conversion of a slot, or of none, to 16 bits.
func widen(slot uint16) uint32 {
	if slot == uint16(none&0xffff) {
		return none
	}
	return uint32(slot)
}

// list is a doubly linked list of slots. Lists of one policy share its links.
type list struct{ head, tail uint32 }

func newList() list { return list{none, none} }

// lists are many lists. Where there are few slots, each takes half the memory.
type lists struct {
	wide   []list
	narrow [][2]uint16
}

func newLists(n int, few bool) lists {
	var l lists
	if few {
		l.narrow = make([][2]uint16, n)
	} else {
		l.wide = make([]list, n)
	}
	for i := range n {
		l.set(uint32(i), newList())
	}
	return l
}

func (l *lists) at(i uint32) list {
	if l.wide == nil {
		return list{widen(l.narrow[i][0]), widen(l.narrow[i][1])}
	}
	return l.wide[i]
}

func (l *lists) set(i uint32, to list) {
	if l.wide == nil {
		l.narrow[i] = [2]uint16{uint16(to.head), uint16(to.tail)}
		return
	}
	l.wide[i] = to
}

func (l *list) pushFront(all *links, slot uint32) {
	all.set(slot, link{none, l.head})
	if l.head != none {
		all.setPrev(l.head, slot)
	} else {
		l.tail = slot
	}
	l.head = slot
}

func (l *list) remove(all *links, slot uint32) {
	at := all.at(slot)
	if at.prev != none {
		all.setNext(at.prev, at.next)
	} else {
		l.head = at.next
	}
	if at.next != none {
		all.setPrev(at.next, at.prev)
	} else {
		l.tail = at.prev
	}
}

func (l *list) moveToFront(all *links, slot uint32) {
	if l.head != slot {
		l.remove(all, slot)
		l.pushFront(all, slot)
	}
}

// backwards calls f with each slot, from the tail on; f may not change the list.
func (l *list) backwards(all *links, f func(slot uint32)) {
	for slot := l.tail; slot != none; slot = all.towardsHead(slot) {
		f(slot)
	}
}

// towardsHead returns the slot before slot in its list, or none.
func (l *links) towardsHead(slot uint32) uint32 { return l.at(slot).prev }
