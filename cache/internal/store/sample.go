package store

import (
	"time"

	"memcache/cache/mrc"
)

// What the store tells its tap, for the curves: see package tap. A get that touches
// counts as a touch, as in the statistics, and is no request.

func (s *Store) tellHit(h hash, keyLen, size int) {
	if s.tap.Takes(uint64(h), size) {
		s.tap.Tell(mrc.Event{Op: mrc.Hit, Hash: uint64(h), Size: uint32(size), Charge: uint32(Charge(keyLen, size))})
	}
}

func (s *Store) tellMiss(key []byte) {
	if s.tap != nil {
		s.tellUnsized(mrc.Miss, s.index.hash(key), 0)
	}
}

func (s *Store) tellGone(key []byte) {
	if s.tap != nil {
		s.tellUnsized(mrc.Delete, s.index.hash(key), 0)
	}
}

func (s *Store) tellUnsized(op mrc.Op, h hash, expire uint32) {
	if s.tap.MayTake(uint64(h)) {
		s.tap.Tell(mrc.Event{Op: op, Hash: uint64(h), Expire: expire})
	}
}

func (s *Store) tellTouch(slot, expire uint32) {
	if s.tap != nil {
		s.tellUnsized(mrc.Touch, s.index.hash(s.key(s.place(slot).item)), expire)
	}
}

func (s *Store) tellSet(key []byte, size int, expire uint32) {
	if s.tap == nil {
		return
	}
	if h := s.index.hash(key); s.tap.Takes(uint64(h), size) {
		s.tap.Tell(mrc.Event{Op: mrc.Set, Hash: uint64(h), Size: uint32(size), Charge: uint32(Charge(len(key), size)), Expire: expire})
	}
}

// tellItem tells of an item that was stored. A lease is none.
func (s *Store) tellItem(slot uint32) {
	if e := s.entry(slot); s.tap != nil && !e.is(lease) {
		s.tellSet(s.key(s.place(slot).item), int(e.size), e.expire)
	}
}

// tellGet tells of a get that was carried out under the lock.
func (s *Store) tellGet(key []byte, o GetOptions, e *entry) {
	if s.tap == nil || o.Touch {
		return
	}
	if e == nil || e.is(lease|stale) {
		s.tellMiss(key)
		return
	}
	s.count.HitBytes += int64(e.size)
	s.tellHit(s.index.hash(key), len(key), int(e.size))
}

// Traffic is what was asked for since the start, or since ResetStats.
func (s *Store) Traffic() mrc.Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counters()
	return mrc.Traffic{Requests: c.Gets, Hits: c.Hits, HitBytes: c.HitBytes}
}

// Capacity returns the capacity in bytes.
func (s *Store) Capacity() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capacity
}

// Elapsed is the time since the start.
func (s *Store) Elapsed() time.Duration { return s.elapsed() }
