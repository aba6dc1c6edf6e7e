package store

import (
	"unsafe"

	"memcache/cache/internal/arena"
)

const (
	none     = ^uint32(0)
	maxKey   = 250 // bytes
	pageSize = 4096
)

// entry is what is known of an item besides its key and its value. The three
// stand one after the other in the arena, so that a lookup goes from the index
// straight to where all is that it needs. Blocks are aligned to four bytes.
//
// Store.mu guards it. Lookups read it with the lock of its stripe alone, except
// for access and marks.
type entry struct {
	casLow, casHigh uint32
	size            uint32 // bytes of the value
	flags           uint32 // the client's
	expire          uint32 // tick; 0 for never
	access          uint32 // tick of the last access
	keyLen          uint8
	state           state
	stripe          uint8 // its part of the index
	marks           marks
}

const entrySize = int(unsafe.Sizeof(entry{}))

// page holds places by slot; pages come one at a time, so that growing never
// copies.
type page [pageSize]place

// place is where the item of a slot is: what goes through all items by slot
// finds them here. It holds no pointer, for the garbage collector to pass it over.
type place struct {
	item   arena.Handle // None for a slot that is free
	expire uint32       // the entry's; of a free slot the next free one
}

// state is what sets an item apart from an object that lookups may serve, whose
// state is 0.
type state uint8

const (
	lease state = 1 << iota // the item has no value yet and is in leases
	stale                   // it was invalidated, not deleted
	won                     // a reader has been told to store it anew
)

// marks are what lookups do not read.
type marks uint8

const (
	fetched marks = 1 << iota // it has been asked for since it was stored
	side                      // which of the two policies has it: see Store.side
)

func (e *entry) is(s state) bool { return e.state&s != 0 }

func (e *entry) fetched() bool { return e.marks&fetched != 0 }

func (e *entry) cas() uint64 { return uint64(e.casHigh)<<32 | uint64(e.casLow) }

func (e *entry) setCAS(cas uint64) { e.casHigh, e.casLow = uint32(cas>>32), uint32(cas) }

func (e *entry) charge() int64 { return Charge(int(e.keyLen), int(e.size)) }

// skip is how many bytes stand before the value.
func (e *entry) skip() int { return entrySize + int(e.keyLen) }

func (s *Store) place(slot uint32) *place { return &s.pages[slot/pageSize][slot%pageSize] }

func (s *Store) at(item arena.Handle) *entry {
	return (*entry)(unsafe.Pointer(unsafe.SliceData(s.arena.Prefix(item, entrySize))))
}

// entry returns the entry of a slot that is not free.
func (s *Store) entry(slot uint32) *entry { return s.at(s.place(slot).item) }

func (s *Store) key(item arena.Handle) []byte {
	return s.arena.Prefix(item, s.at(item).skip())[entrySize:]
}

// lock locks the stripe of an entry, for a change of what lookups read.
func (s *Store) lock(e *entry) *stripe {
	t := &s.index.parts[e.stripe]
	t.Lock()
	return t
}

// lookup returns the item of key, or arena.None. Store.mu or the lock of t is held.
func (s *Store) lookup(t *stripe, h hash, key []byte) arena.Handle {
	if len(t.cells) == 0 {
		return arena.None
	}
	for i := t.home(makeCell(h, 0)); ; i = t.after(i) {
		c := t.cells[i]
		if c == 0 {
			return arena.None
		}
		if c.matches(h) && int(s.at(c.item()).keyLen) == len(key) && string(s.key(c.item())) == string(key) {
			return c.item()
		}
	}
}

// find returns the item of key, which has not expired, or nil.
func (s *Store) find(key []byte, now uint32) (slot uint32, e *entry) {
	h := s.index.hash(key)
	item := s.lookup(s.index.stripe(h), h, key)
	if item == arena.None {
		return none, nil
	}
	slot = s.arena.Owner(item)
	if e = s.at(item); e.expired(now) {
		s.expire(slot)
		return none, nil
	}
	return slot, e
}

// add makes an item of what w has written under key, which has none, and of the
// other fields of e.
func (s *Store) add(key []byte, w *arena.Writer, e entry) {
	h := s.index.hash(key)
	e.keyLen, e.stripe = uint8(len(key)), h.stripe()
	slot := s.takeSlot()
	item := s.put(slot, w, e)
	s.list(slot, 0)
	t := s.index.stripe(h)
	t.Lock()
	defer t.Unlock()
	t.insert(makeCell(h, item))
}

// put gives what w has written, with the entry e before it, to slot.
func (s *Store) put(slot uint32, w *arena.Writer, e entry) arena.Handle {
	item := w.Done(slot)
	*s.at(item) = e
	*s.place(slot) = place{item, e.expire}
	s.account(&e, 1)
	return item
}

// swap gives the item in slot what w has written, and the other fields of e. It
// was taken out of its order before, which knew of so many uses.
func (s *Store) swap(slot uint32, w *arena.Writer, e entry, uses uint8) {
	item := s.place(slot).item
	old := s.at(item)
	s.account(old, -1)
	e.keyLen, e.stripe = old.keyLen, old.stripe
	t := s.lock(old)
	s.repoint(t, item, s.put(slot, w, e))
	t.Unlock()
	s.list(slot, uses)
	s.release(item)
}

// repoint makes the index find an item in its new place. Both hold its key.
func (s *Store) repoint(t *stripe, from, to arena.Handle) {
	h := s.index.hash(s.key(to))
	t.cells[t.find(makeCell(h, from))] = makeCell(h, to)
}

// account adds an item to what is counted, or with -1 takes it away.
func (s *Store) account(e *entry, sign int64) {
	s.bytes += sign * e.charge()
	if e.is(lease) {
		s.leaseBytes += sign * e.charge()
	}
	if e.expire != 0 {
		s.mortal += sign
	}
}

// remove takes an item out.
func (s *Store) remove(slot uint32) {
	s.unlist(slot)
	s.forget(slot)
}

// forget takes out an item that its policy has forgotten already.
func (s *Store) forget(slot uint32) {
	p := s.place(slot)
	item := p.item
	e := s.at(item)
	h := s.index.hash(s.key(item))
	t := s.lock(e)
	t.remove(makeCell(h, item))
	t.Unlock()
	s.account(e, -1)
	*p = place{expire: s.free}
	s.free = slot
	s.release(item)
}

// release gives up the index's reference to an item.
func (s *Store) release(item arena.Handle) {
	if s.arena.Disown(item) {
		s.arena.Free(item)
	}
}

func (s *Store) takeSlot() uint32 {
	if slot := s.free; slot != none {
		s.free = s.place(slot).expire
		return slot
	}
	if s.slots%pageSize == 0 {
		s.pages = append(s.pages, new(page))
	}
	s.slots++
	return s.slots - 1
}

// owners lets the arena move items while lookups go on.
type owners struct{ s *Store }

func (o owners) Lock(slot uint32)   { o.s.lock(o.s.entry(slot)) }
func (o owners) Unlock(slot uint32) { o.s.index.parts[o.s.entry(slot).stripe].Unlock() }

func (o owners) Moved(slot uint32, to arena.Handle) {
	p := o.s.place(slot)
	o.s.repoint(&o.s.index.parts[o.s.at(to).stripe], p.item, to)
	p.item = to
}
