package store

import (
	"hash/maphash"

	"memcache/cache/internal/arena"
	"memcache/cache/policy"
)

const (
	none     = ^uint32(0)
	maxKey   = 250 // bytes
	pageSize = 4096
)

// page holds entries; pages come one at a time, so that growing never copies.
type page [pageSize]entry

// entry is what is known of an item besides its key and its value, which stand
// one after the other in the arena. It holds no pointer, for the garbage
// collector to pass it over.
type entry struct {
	cas    uint64
	head   arena.Handle
	size   uint32 // bytes of the value
	flags  uint32 // the client's
	expire uint32 // tick; 0 for never
	access uint32 // tick of the last access
	next   uint32 // slot of another item with the same hash, or in the free list
	keyLen uint8
	state  uint8
}

// The bits of entry.state.
const (
	used    = 1 << iota // the slot holds an item
	lease               // the item has no value yet and is in leases
	fetched             // it has been asked for since it was stored
	stale               // it was invalidated, not deleted
	won                 // a reader has been told to store it anew
)

func (s *Store) entry(slot uint32) *entry {
	return &s.pages[slot/pageSize][slot%pageSize]
}

func (s *Store) key(e *entry) []byte { return s.arena.Head(e.head)[:e.keyLen] }

func (s *Store) hash(key []byte) uint64 { return maphash.Bytes(s.seed, key) }

// object tells the policy what is in slot.
func (s *Store) object(slot uint32) policy.Object {
	e := s.entry(slot)
	return policy.Object{Hash: s.hash(s.key(e)), Size: int64(e.size), Charge: e.charge()}
}

func (e *entry) charge() int64 { return Charge(int(e.keyLen), int(e.size)) }

func (e *entry) is(state uint8) bool { return e.state&state != 0 }

// find returns the item of key, which has not expired, or nil.
func (s *Store) find(key []byte, now uint32) (slot uint32, e *entry) {
	slot, ok := s.index[s.hash(key)]
	for ok && slot != none {
		e := s.entry(slot)
		if string(s.key(e)) != string(key) {
			slot = e.next
			continue
		}
		if e.expired(now) {
			s.expire(slot)
			return none, nil
		}
		return slot, e
	}
	return none, nil
}

// insert puts a new item into the index, without value or policy.
func (s *Store) insert(key []byte) (slot uint32, e *entry) {
	slot = s.takeSlot()
	e = s.entry(slot)
	*e = entry{keyLen: uint8(len(key)), state: used, next: none}
	h := s.hash(key)
	if other, ok := s.index[h]; ok {
		e.next = other
	}
	s.index[h] = slot
	return slot, e
}

func (s *Store) takeSlot() uint32 {
	if slot := s.free; slot != none {
		s.free = s.entry(slot).next
		return slot
	}
	if s.slots%pageSize == 0 {
		s.pages = append(s.pages, new(page))
	}
	s.slots++
	return s.slots - 1
}

// fill gives the item in slot a value and makes it an object, or a lease when
// it is one.
func (s *Store) fill(slot uint32, head arena.Handle, size int) {
	e := s.entry(slot)
	e.head, e.size = head, uint32(size)
	s.bytes += e.charge()
	if e.expire != 0 {
		s.mortal++
	}
	if e.is(lease) {
		s.leaseBytes += e.charge()
	}
	s.list(slot)
}

// list puts the slot in the order that it belongs to: the newest lease, or an
// object for the policy.
func (s *Store) list(slot uint32) {
	if s.entry(slot).is(lease) {
		s.leases.Add(slot, policy.Object{})
	} else {
		s.policy.Add(slot, s.object(slot))
	}
}

// drain undoes fill, except that the policy has forgotten the slot already.
func (s *Store) drain(slot uint32) {
	e := s.entry(slot)
	s.bytes -= e.charge()
	if e.is(lease) {
		s.leaseBytes -= e.charge()
	}
	if e.expire != 0 {
		s.mortal--
	}
	s.release(e.head)
	e.head = arena.None
}

// unlist takes the slot out of the order that it is in.
func (s *Store) unlist(slot uint32) {
	if s.entry(slot).is(lease) {
		s.leases.Remove(slot)
	} else {
		s.policy.Remove(slot)
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
	h := s.hash(s.key(e))
	if first := s.index[h]; first != slot {
		s.unchain(first, slot)
	} else if e.next != none {
		s.index[h] = e.next
	} else {
		delete(s.index, h)
	}
	s.drain(slot)
	*e = entry{next: s.free}
	s.free = slot
}

// unchain takes slot out of the items with the same hash.
func (s *Store) unchain(first, slot uint32) {
	e := s.entry(first)
	for e.next != slot {
		e = s.entry(e.next)
	}
	e.next = s.entry(slot).next
}

// release gives up the index's reference to a value.
func (s *Store) release(h arena.Handle) {
	if s.arena.Disown(h) {
		s.arena.Free(h)
	}
}
