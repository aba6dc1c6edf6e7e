package policy

import "slices"

// wtinylfu is W-TinyLFU (Einziger and others, '17) with size-aware admission by
// aggregated victims (arXiv 2105.08770). What is new comes into a window, kept
// as LRU. What leaves the window competes with the objects that would have to
// leave the main part for it: it gets in when it was asked for at least as
// often as all of them together. The main part is a segmented LRU: on
// probation until asked for again, then protected. Frequencies come from a sketch, which
// also knows what is not here.
//
// What is asked for is only marked, and gets its new place when it comes to the
// end of its queue: a hit touches no neighbours in a list, and the misses are the
// same to within 0.001.
//
// The shares, and the rules below, are those that missed least over all on real
// traces (web, CDN, databases, disks); the changes in the mean object miss ratio are
// written where another choice was tried.
type wtinylfu struct {
	links   links
	objects residents
	queues  [3]list
	bytes   [3]int64 // of each queue
	sketch  *sketch
	full    int64 // what was present when room was needed: the capacity, nearly
	roomy   bool  // no room was needed since the last Add
	n       int
}

type resident struct {
	charge weight
	hash   uint32 // of the key, but for the low three bits, the marks: the queue, and touched
}

const (
	window = iota
	probation
	protected

	queueBits = 3
	touched   = 4 // asked for since it got its place
	ownBits   = 3 // how many these are
	ownMask   = 1<<ownBits - 1

	windowPercent    = 10 // of all bytes
	protectedPercent = 80 // of those of the main part
)

func newWTinyLFU(told Objects) *wtinylfu {
	return &wtinylfu{
		links: links{few: told != nil}, objects: residents{told: told}, queues: [3]list{newList(), newList(), newList()},
		sketch: newSketch(), roomy: true,
	}
}

func (w *wtinylfu) Len() int { return w.n }

// Add puts an object into the window, or on probation when it is larger than
// the window: Admit let it compete.
func (w *wtinylfu) Add(slot uint32, o Object) {
	r := w.objects.add(slot, o)
	w.n++
	w.sketch.fit(w.n)
	w.sketch.add(r.sketched(), 1+w.unknown(r, o.Uses))
	if w.roomy {
		w.spill()
	}
	w.roomy = true
	if charge := r.charge.bytes(); charge > windowOf(w.total()+charge) {
		w.push(slot, probation)
	} else {
		w.push(slot, window)
	}
}

// unknown is how many of the uses the sketch has not counted.
func (w *wtinylfu) unknown(r resident, uses uint8) uint16 {
	return uint16(max(0, min(int(uses), maxUses)-w.sketch.estimate(r.sketched())))
}

// spill lets objects go on from the window without competition while there is
// room for them in the main part.
func (w *wtinylfu) spill() {
	full := max(w.full, w.total())
	share := windowOf(full)
	for w.bytes[window] > share {
		slot := w.last(window)
		if w.main()+w.objects.at(slot).charge.bytes() > full-share {
			return
		}
		w.move(slot, probation)
	}
}

func (w *wtinylfu) Access(slot uint32) { w.sketch.add(w.touch(slot), 1) }

// accessAll first finds out the hashes of some, so that the processor waits for
// the memory of all of them at once, and again for that of the sketch.
func (w *wtinylfu) accessAll(slots []uint32) {
	var hashes [64]uint32
	for some := range slices.Chunk(slots, len(hashes)) {
		for i, slot := range some {
			hashes[i] = w.touch(slot)
		}
		w.sketch.fetch(hashes[:len(some)])
		for _, hash := range hashes[:len(some)] {
			w.sketch.add(hash, 1)
		}
	}
}

// touch marks the object in slot, and returns the hash that the sketch knows it by.
func (w *wtinylfu) touch(slot uint32) uint32 {
	r := w.objects.at(slot)
	if r.hash&touched == 0 { // what need not be written stays shared between processors
		w.objects.mark(slot, r.queue()|touched)
	}
	return r.sketched()
}

// Sated is when the object is marked and its frequency cannot rise.
func (w *wtinylfu) Sated(slot uint32) bool {
	r := w.objects.at(slot)
	return r.hash&touched != 0 && w.sketch.estimate(r.sketched()) == maxCount
}

func (w *wtinylfu) Age(n int) { w.sketch.ageBy(n) }

// last returns the end of a queue, or none. What was asked for there gets its
// new place first.
func (w *wtinylfu) last(queue uint32) uint32 {
	for {
		slot := w.queues[queue].tail
		if slot == none {
			return none
		}
		r := w.objects.at(slot)
		if r.hash&touched == 0 {
			return slot
		}
		w.objects.mark(slot, queue)
		w.promote(slot, queue)
	}
}

// promote moves a slot of the queue to where something goes that was asked for.
func (w *wtinylfu) promote(slot, queue uint32) {
	if queue != probation {
		w.queues[queue].moveToFront(&w.links, slot)
		return
	}
	w.move(slot, protected)
	for w.bytes[protected] > w.main()*protectedPercent/100 {
		w.move(w.last(protected), probation)
	}
}

func (w *wtinylfu) Remove(slot uint32) {
	w.pull(slot)
	w.n--
}

// Evict decides between the oldest object of the window and the main part,
// unless that has more than its share anyway.
func (w *wtinylfu) Evict() (slot uint32, ok bool) {
	if w.roomy {
		w.full = max(w.total(), w.full-w.full/1024)
		w.roomy = false
	}
	if slot = w.last(window); slot != none && w.main() <= w.full-windowOf(w.full) {
		r := w.objects.at(slot)
		if !w.worthier(w.sketch.estimate(r.sketched()), r.charge.bytes()) {
			w.Remove(slot)
			return slot, true
		}
		w.move(slot, probation)
	}
	for _, queue := range [...]uint32{probation, protected, window} {
		if slot = w.last(queue); slot != none {
			w.Remove(slot)
			return slot, true
		}
	}
	return 0, false
}

// Admit lets an object that is larger than the window compete at once: the
// evictions for it could not be undone afterwards. (Without it, 0.04 more
// misses on web traces.)
func (w *wtinylfu) Admit(o Object, room int64) bool {
	charge := weigh(o.Charge).bytes()
	if room <= 0 || charge <= windowOf(w.total()+charge-room) {
		return true
	}
	hash := residentOf(o, 0).sketched()
	if w.worthier(w.sketch.estimate(hash)+1, room) {
		return true
	}
	w.sketch.add(hash, 1)
	return false
}

// worthier tells whether a frequency is at least that of all the objects
// together that would make room in the main part. They are looked at one by one
// only until that is known: each counts for one at the least, so that there are
// never many of them. Those that prove worthier get another round. (Without
// that round, or had the candidate to be above them, 0.004 to 0.04 more misses.)
func (w *wtinylfu) worthier(frequency int, room int64) bool {
	sum, queue := 0, probation
	for slot := w.last(probation); room > 0; slot = w.links.towardsHead(slot) {
		if slot == none && queue == probation {
			queue = protected
			slot = w.queues[queue].tail
		}
		if slot == none {
			break
		}
		r := w.objects.at(slot)
		if sum += max(1, w.sketch.estimate(r.sketched())); sum > frequency {
			if queue == probation {
				w.rotate(slot)
			}
			return false
		}
		room -= r.charge.bytes()
	}
	return true
}

// rotate gives the objects on probation from the last to slot another round.
func (w *wtinylfu) rotate(slot uint32) {
	for {
		last := w.queues[probation].tail
		w.queues[probation].moveToFront(&w.links, last)
		if last == slot {
			return
		}
	}
}

func (w *wtinylfu) usesOf(slot uint32) uint8 {
	return uint8(max(1, w.sketch.estimate(w.objects.at(slot).sketched())) - 1)
}

func (w *wtinylfu) push(slot uint32, queue uint32) {
	r := w.objects.at(slot)
	w.objects.mark(slot, r.hash&touched|queue)
	w.bytes[queue] += r.charge.bytes()
	w.queues[queue].pushFront(&w.links, slot)
}

func (w *wtinylfu) pull(slot uint32) {
	r := w.objects.at(slot)
	w.bytes[r.queue()] -= r.charge.bytes()
	w.queues[r.queue()].remove(&w.links, slot)
}

func (w *wtinylfu) move(slot, queue uint32) {
	w.pull(slot)
	w.push(slot, queue)
}

// Renumber leaves the sketch, which knows no slots.
func (w *wtinylfu) Renumber(to func(slot uint32) uint32) {
	old := *w
	w.links, w.objects.marks = links{few: old.links.few}, nil
	for i := range w.queues {
		w.queues[i] = newList()
		old.queues[i].backwards(&old.links, func(slot uint32) {
			*w.objects.marks.grow(to(slot)) = *old.objects.marks.at(slot)
			w.queues[i].pushFront(&w.links, to(slot))
		})
	}
}

// Sum takes what is present for what there is room for.
func (w *wtinylfu) Sum() {
	for i := range w.queues {
		w.bytes[i] = 0
		w.queues[i].backwards(&w.links, func(slot uint32) { w.bytes[i] += w.objects.at(slot).charge.bytes() })
	}
	w.full = w.total()
}

func (w *wtinylfu) main() int64  { return w.bytes[probation] + w.bytes[protected] }
func (w *wtinylfu) total() int64 { return w.bytes[window] + w.main() }

// windowOf is the window's share of n bytes.
func windowOf(n int64) int64 { return n * windowPercent / 100 }

func residentOf(o Object, marks uint32) resident {
	return resident{weigh(o.Charge), o.hash()&^ownMask | marks}
}

func (r resident) queue() uint32 { return r.hash & queueBits }

// sketched is the hash by which the sketch knows the object.
func (r resident) sketched() uint32 { return r.hash >> ownBits }
