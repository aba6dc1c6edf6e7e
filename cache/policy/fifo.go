package policy

// fifo evicts what was stored first, however often it is asked for.
type fifo struct {
	uses
	decay
	links links
	queue list
	n     int
}

func newFIFO(few bool) *fifo {
	return &fifo{uses: uses{no: few}, links: links{few: few}, queue: newList()}
}

func (f *fifo) Len() int { return f.n }

func (f *fifo) Add(slot uint32, o Object) {
	f.begin(slot, o)
	f.queue.pushFront(&f.links, slot)
	f.n++
}

func (f *fifo) Access(slot uint32) { f.count(slot) }

// Saturated is for as long as the object is there: nothing decays.
func (f *fifo) Saturated(slot uint32) bool { return f.all(slot) }

func (f *fifo) Remove(slot uint32) {
	f.queue.remove(&f.links, slot)
	f.n--
}

func (f *fifo) Evict() (uint32, bool) {
	slot := f.queue.tail
	if slot == none {
		return 0, false
	}
	f.Remove(slot)
	return slot, true
}

func (f *fifo) Renumber(to func(slot uint32) uint32) {
	old := *f
	f.links, f.queue, f.marks = links{few: old.links.few}, newList(), nil
	old.queue.backwards(&old.links, func(slot uint32) {
		if !f.no {
			*f.marks.grow(to(slot)) = *old.marks.at(slot)
		}
		f.queue.pushFront(&f.links, to(slot))
	})
}
