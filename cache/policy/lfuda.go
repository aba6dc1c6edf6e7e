package policy

// lfuda is LFU with dynamic ageing (Arlitt and others, '99): the priority of an
// object is the number of its uses and the age of the cache when it was last
// used; the age is the priority of what was evicted last. It evicts the lowest
// priority, and among equals the least recently used.
type lfuda struct {
	links   links
	objects pages[lfuObject]
	queues  [priorities]list // by priority modulo priorities
	age     uint32
	n       int
}

type lfuObject struct {
	uses  uint16 // after the first
	queue uint16
}

const (
	// A use after the first counts this often: measured on real traces, 3 misses
	// less than 1 in every group of them, objects and bytes.
	again      = 3
	mostUses   = 1000
	priorities = 4096 // no object is this far ahead of the age
)

func newLFUDA(few bool) *lfuda {
	l := &lfuda{links: links{few: few}}
	for i := range l.queues {
		l.queues[i] = newList()
	}
	return l
}

func (l *lfuda) Len() int { return l.n }

func (l *lfuda) Add(slot uint32, o Object) {
	*l.objects.grow(slot) = lfuObject{uses: uint16(min(o.Uses, maxUses))}
	l.enqueue(slot)
	l.n++
}

func (l *lfuda) Access(slot uint32) {
	o := l.objects.at(slot)
	o.uses = min(o.uses+1, mostUses)
	l.dequeue(slot)
	l.enqueue(slot)
}

func (l *lfuda) Remove(slot uint32) {
	l.dequeue(slot)
	l.n--
}

func (l *lfuda) Evict() (uint32, bool) {
	if l.n == 0 {
		return 0, false
	}
	for l.queues[l.age%priorities].tail == none {
		l.age++
	}
	slot := l.queues[l.age%priorities].tail
	l.Remove(slot)
	return slot, true
}

func (l *lfuda) usesOf(slot uint32) uint8 { return uint8(min(l.objects.at(slot).uses, maxUses)) }

func (l *lfuda) enqueue(slot uint32) {
	o := l.objects.at(slot)
	o.queue = uint16((l.age + 1 + again*uint32(o.uses)) % priorities)
	l.queues[o.queue].pushFront(&l.links, slot)
}

func (l *lfuda) dequeue(slot uint32) { l.queues[l.objects.at(slot).queue].remove(&l.links, slot) }
