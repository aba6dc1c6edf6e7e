package policy

// lru evicts the least recently used object: a doubly linked list threaded
// through two arrays, most recently used first.
type lru struct {
	prev, next []uint32 // by slot; none at the ends
	head, tail uint32
	n          int
}

const none = ^uint32(0)

func newLRU() *lru { return &lru{head: none, tail: none} }

func (l *lru) Len() int { return l.n }

func (l *lru) Add(slot uint32, _ Object) {
	for uint32(len(l.prev)) <= slot {
		l.prev, l.next = append(l.prev, none), append(l.next, none)
	}
	l.pushFront(slot)
	l.n++
}

func (l *lru) Access(slot uint32) {
	if l.head == slot {
		return
	}
	l.unlink(slot)
	l.pushFront(slot)
}

func (l *lru) Remove(slot uint32) {
	l.unlink(slot)
	l.n--
}

func (l *lru) Evict() (uint32, bool) {
	slot := l.tail
	if slot == none {
		return 0, false
	}
	l.Remove(slot)
	return slot, true
}

func (l *lru) pushFront(slot uint32) {
	l.prev[slot], l.next[slot] = none, l.head
	if l.head != none {
		l.prev[l.head] = slot
	} else {
		l.tail = slot
	}
	l.head = slot
}

func (l *lru) unlink(slot uint32) {
	p, n := l.prev[slot], l.next[slot]
	if p != none {
		l.next[p] = n
	} else {
		l.head = n
	}
	if n != none {
		l.prev[n] = p
	} else {
		l.tail = p
	}
}
