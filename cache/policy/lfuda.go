package policy

// lfuda is LFU with dynamic ageing (Arlitt and others, '99): the priority of an
// object is the number of its uses and the age of the cache when it was last
// used; the age is the priority of what was evicted last. It evicts the lowest
// priority, and among equals the least recently used.
type lfuda struct {
	links   links
	objects pages[lfuObject]
	queues  lists // by priority modulo priorities
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
	return &lfuda{links: links{few: few}, queues: newLists(priorities, few)}
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
	for l.queues.at(l.age%priorities).tail == none {
		l.age++
	}
	slot := l.queues.at(l.age % priorities).tail
	l.Remove(slot)
	return slot, true
}

func (l *lfuda) usesOf(slot uint32) uint8 { return uint8(min(l.objects.at(slot).uses, maxUses)) }

func (l *lfuda) enqueue(slot uint32) {
	o := l.objects.at(slot)
	o.queue = uint16((l.age + 1 + again*uint32(o.uses)) % priorities)
	l.put(slot, uint32(o.queue))
}

func (l *lfuda) put(slot, queue uint32) {
	q := l.queues.at(queue)
	q.pushFront(&l.links, slot)
	l.queues.set(queue, q)
}

func (l *lfuda) dequeue(slot uint32) {
	queue := uint32(l.objects.at(slot).queue)
	q := l.queues.at(queue)
	q.remove(&l.links, slot)
	l.queues.set(queue, q)
}

func (l *lfuda) Renumber(to func(slot uint32) uint32) {
	old := *l
	l.links, l.objects, l.queues = links{few: old.links.few}, nil, newLists(priorities, old.links.few)
	for i := range uint32(priorities) {
		q := old.queues.at(i)
		q.backwards(&old.links, func(slot uint32) {
			*l.objects.grow(to(slot)) = *old.objects.at(slot)
			l.put(to(slot), i)
		})
	}
}
