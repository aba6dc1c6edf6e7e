package policy

// lru evicts the least recently used object: a FIFO queue in which every access
// moves the object to the front.
type lru struct{ fifo }

func newLRU(few bool) *lru { return &lru{*newFIFO(few)} }

func (l *lru) Access(slot uint32) {
	l.count(slot)
	l.queue.moveToFront(&l.links, slot)
}

// Saturated is false, unlike fifo's: each access moves the object.
func (l *lru) Saturated(uint32) bool { return false }
