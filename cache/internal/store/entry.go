package store

import (
	"memcache/cache/internal/arena"
)

const (
	none     = ^uint32(0)
	maxKey   = 250 // bytes
	pageSize = 4096
)

// page holds entries; pages come one at a time, so that growing never copies.
type page [pageSize]entry

// entry is what is known of an item besides its key and its value, which stand
// one after the other in the arena. It takes 32 bytes, and holds no pointer, for
// the garbage collector to pass it over.
//
// Store.mu guards it. Lookups read it with the lock of its stripe alone, except
// for access and marks.
type entry struct {
	cas    uint64
	head   arena.Handle
	size   uint32 // bytes of the value
	flags  uint32 // the client's
	expire uint32 // tick; 0 for never
	access uint32 // tick of the last access; the next slot in the list of free ones
	keyLen uint8
	state  state
	stripe uint8 // its part of the index
	marks  marks
}

// state is what kind of item it is. One that is used and nothing else is an
// object that lookups may serve.
type state uint8

const (
	used  state = 1 << iota // the slot holds an item
	lease                   // the item has no value yet and is in leases
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

func (e *entry) charge() int64 { return Charge(int(e.keyLen), int(e.size)) }

func (s *Store) entry(slot uint32) *entry {
	return &(*s.pages.Load())[slot/pageSize][slot%pageSize]
}

func (s *Store) key(e *entry) []byte { return s.arena.Prefix(e.head, int(e.keyLen)) }

// lock locks the stripe of an entry, for a change of what lookups read.
func (s *Store) lock(e *entry) *stripe {
	t := &s.index.parts[e.stripe]
	t.Lock()
	return t
}

// lookup returns the slot of key, or none. Store.mu or the lock of t is held.
func (s *Store) lookup(t *stripe, h hash, key []byte) uint32 {
	if len(t.cells) == 0 {
		return none
	}
	for i := t.home(makeCell(h, 0)); ; i = t.after(i) {
		c := t.cells[i]
		if c == 0 {
			return none
		}
		if c.matches(h) && string(s.key(s.entry(c.slot()))) == string(key) {
			return c.slot()
		}
	}
}

// find returns the item of key, which has not expired, or nil.
func (s *Store) find(key []byte, now uint32) (slot uint32, e *entry) {
	h := s.index.hash(key)
	slot = s.lookup(s.index.stripe(h), h, key)
	if slot == none {
		return none, nil
	}
	if e = s.entry(slot); e.expired(now) {
		s.expire(slot)
		return none, nil
	}
	return slot, e
}

// add makes an item of what w has written under key, which has none, and of the
// other fields of e.
func (s *Store) add(key []byte, w *arena.Writer, e entry) {
	h := s.index.hash(key)
	slot := s.takeSlot()
	e.keyLen, e.stripe, e.head = uint8(len(key)), h.stripe(), w.Done(slot)
	*s.entry(slot) = e
	s.account(&e, 1)
	s.list(slot)
	t := s.index.stripe(h)
	t.Lock()
	defer t.Unlock()
	t.insert(makeCell(h, slot))
}

// swap gives the item in slot what w has written, and the other fields of e. It
// was taken out of its order before.
func (s *Store) swap(slot uint32, w *arena.Writer, e entry) {
	old := s.entry(slot)
	head := old.head
	e.keyLen, e.stripe, e.head = old.keyLen, old.stripe, w.Done(slot)
	s.account(old, -1)
	s.account(&e, 1)
	t := s.lock(old)
	*old = e
	t.Unlock()
	s.list(slot)
	s.release(head)
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
	e := s.entry(slot)
	h := s.index.hash(s.key(e))
	t := s.lock(e)
	t.remove(makeCell(h, slot))
	t.Unlock()
	s.account(e, -1)
	s.release(e.head)
	*e = entry{access: s.free}
	s.free = slot
}

// release gives up the index's reference to a value.
func (s *Store) release(h arena.Handle) {
	if s.arena.Disown(h) {
		s.arena.Free(h)
	}
}

func (s *Store) takeSlot() uint32 {
	if slot := s.free; slot != none {
		s.free = s.entry(slot).access
		return slot
	}
	if s.slots%pageSize == 0 {
		// Lookups may go on with the old list: they ask for no slot beyond it.
		pages := append(*s.pages.Load(), new(page))
		s.pages.Store(&pages)
	}
	s.slots++
	return s.slots - 1
}

// owners lets the arena move values while lookups go on.
type owners struct{ s *Store }

func (o owners) Lock(slot uint32)   { o.s.lock(o.s.entry(slot)) }
func (o owners) Unlock(slot uint32) { o.s.index.parts[o.s.entry(slot).stripe].Unlock() }

func (o owners) Moved(slot uint32, to arena.Handle) { o.s.entry(slot).head = to }
