package store

import (
	"sync/atomic"
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
// straight to where all is that it needs.
//
// It is changed under Store.mu, but for access. Lookups read it without a lock,
// and what changes while they may do so is read and written as one word.
type entry struct {
	size     uint32    // bytes of the value
	casWords [2]uint32 // see cas
	flags    uint32    // the client's
	expire   uint32    // tick; 0 for never
	access   uint32    // twice the tick of the last access, and 1 when there was one since it was stored
	info     uint32    // see load
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
	stamp  uint32       // see stamp
}

// stamp tells an object with this cas value from the others that have its slot
// one after the other. 0 is none of an object.
func stamp(cas uint64) uint32 { return uint32(cas) }

func (e *entry) stamp() uint32 {
	if e.is(lease) {
		return 0
	}
	return stamp(e.cas())
}

// state is what sets an item apart from an object that lookups may serve, whose
// state is 0.
type state uint8

const (
	lease state = 1 << iota // the item has no value yet and is in leases
	stale                   // it was invalidated, not deleted
	won                     // a reader has been told to store it anew
)

// marks are what the order knows of an object.
type marks uint8

const (
	side      marks = 1 << iota // which of the two policies has it: see order.side
	saturated                   // the policy need not be told of accesses: see policy.Saturable
)

// info is what an entry has in less than a word: bytes of the key, state and
// marks, eight bits each.
type info uint32

func (i info) keyLen() int  { return int(uint8(i)) }
func (i info) state() state { return state(i >> 8) }
func (i info) marks() marks { return marks(i >> 16) }

func (e *entry) load() info { return info(atomic.LoadUint32(&e.info)) }

func (e *entry) setInfo(keyLen int, s state, m marks) {
	atomic.StoreUint32(&e.info, uint32(keyLen)|uint32(s)<<8|uint32(m)<<16)
}

func (e *entry) keyLen() int  { return e.load().keyLen() }
func (e *entry) state() state { return e.load().state() }
func (e *entry) marks() marks { return e.load().marks() }

func (e *entry) setState(s state) { e.setInfo(e.keyLen(), s, e.marks()) }

func (e *entry) setMarks(m marks) { e.setInfo(e.keyLen(), e.state(), m) }

func (e *entry) is(s state) bool { return e.state()&s != 0 }

// casWord is aligned: an entry begins 20 bytes behind the beginning of a block.
func (e *entry) casWord() *uint64 { return (*uint64)(unsafe.Pointer(&e.casWords)) }

func (e *entry) cas() uint64 { return atomic.LoadUint64(e.casWord()) }

func (e *entry) setCAS(cas uint64) { atomic.StoreUint64(e.casWord(), cas) }

func (e *entry) expiry() uint32 { return atomic.LoadUint32(&e.expire) }

// accessed notes an access. What need not be written stays shared between
// processors.
func (e *entry) accessed(now uint32) {
	if to := now<<1 | 1; atomic.LoadUint32(&e.access) != to {
		atomic.StoreUint32(&e.access, to)
	}
}

// stored notes that the item was stored, and not asked for since.
func (e *entry) stored(now uint32) { e.access = now << 1 }

func (e *entry) fetched() bool { return atomic.LoadUint32(&e.access)&1 != 0 }

func (e *entry) lastAccess() uint32 { return atomic.LoadUint32(&e.access) >> 1 }

func (e *entry) charge() int64 { return Charge(e.keyLen(), int(e.size)) }

// skip is how many bytes stand before the value.
func (e *entry) skip() int { return entrySize + e.keyLen() }

func (s *Store) place(slot uint32) *place { return &s.pages[slot/pageSize][slot%pageSize] }

func (s *Store) at(item arena.Handle) *entry { return (*entry)(s.arena.Data(item)) }

// entry returns the entry of a slot that is not free.
func (s *Store) entry(slot uint32) *entry { return s.at(s.place(slot).item) }

func (s *Store) key(item arena.Handle) []byte {
	e := s.at(item)
	return e.next(e.keyLen())
}

// next are the n bytes behind the entry: of the key, which stands there.
func (e *entry) next(n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(e), entrySize)), n)
}

// has tells whether the key is that of the item.
func (e *entry) has(key []byte) bool {
	return e.keyLen() == len(key) && string(e.next(len(key))) == string(key)
}

// lookup returns the item of key, or arena.None. A search beside which cells are
// moved may miss it, and is not sure.
func (s *Store) lookup(p *stripe, h hash, key []byte) (item arena.Handle, sure bool) {
	shifts := p.shifts.Load()
	t := p.table()
	if t.size == 0 || shifts&1 != 0 || p.shifts.Load() != shifts {
		return arena.None, t.size == 0
	}
	i, c := t.match(t.home(makeCell(h, 0)), h)
	for c != 0 && !s.at(c.item()).has(key) {
		i, c = t.match(t.after(i), h)
	}
	return c.item(), c != 0 || p.shifts.Load() == shifts
}

// find returns the item of key, which has not expired, or nil.
func (s *Store) find(key []byte, now uint32) (slot uint32, e *entry) {
	h := s.index.hash(key)
	item, _ := s.lookup(s.index.stripe(h), h, key)
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
	slot := s.takeSlot()
	item := s.put(slot, len(key), w, e)
	s.list(slot, 0)
	s.index.stripe(h).insert(makeCell(h, item))
	s.tellItem(slot)
}

// put gives what w has written, with the entry e before it, to slot.
func (s *Store) put(slot uint32, keyLen int, w *arena.Writer, e entry) arena.Handle {
	e.setInfo(keyLen, e.state(), e.marks())
	item := w.Done(slot)
	*s.at(item) = e
	*s.place(slot) = place{item, e.expire, e.stamp()}
	s.account(&e, 1)
	return item
}

// swap gives the item in slot what w has written, and the other fields of e. It
// was taken out of its order before, which knew of so many uses.
func (s *Store) swap(slot uint32, w *arena.Writer, e entry, uses uint8) {
	item := s.place(slot).item
	old := s.at(item)
	s.changes++
	s.account(old, -1)
	s.repoint(item, s.put(slot, old.keyLen(), w, e))
	s.list(slot, uses)
	s.retire(item)
	s.tellItem(slot)
}

// repoint makes the index find an item in its new place. Both hold its key.
func (s *Store) repoint(from, to arena.Handle) {
	h := s.index.hash(s.key(to))
	s.index.stripe(h).replace(makeCell(h, from), makeCell(h, to))
}

// setCAS gives the item another cas value.
func (s *Store) setCAS(slot uint32, cas uint64) {
	e := s.entry(slot)
	e.setCAS(cas)
	s.changes++
	s.place(slot).stamp = e.stamp()
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
	s.index.stripe(h).remove(makeCell(h, item))
	s.account(e, -1)
	s.changes++
	*p = place{expire: s.free}
	s.free = slot
	s.retire(item)
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
type owners struct{ *Store }

func (o owners) Moved(slot uint32, to arena.Handle) {
	p := o.place(slot)
	o.repoint(p.item, to)
	p.item = to
}

func (o owners) Wait() { o.await() }
