package policy

// lru evicts the least recently used object: a FIFO queue in which every access
// moves the object to the front.
type lru struct{ fifo }

func newLRU() *lru {
	l := &lru{}
	l.queue = newList(&l.links)
	return l
}

func (l *lru) Access(slot uint32) {
	l.count(slot)
	l.queue.moveToFront(slot)
}

// Saturated is false, unlike fifo's: each access moves the object.
func (l *lru) Saturated(uint32) bool { return false }
