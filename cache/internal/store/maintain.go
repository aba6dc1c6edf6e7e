package store

import (
	"slices"

	"memcache/cache/internal/arena"
)

// Beyond what is in use, slabs that are not full may waste 1/slackShare and
// slackBytes before values are moved together.
const (
	slackShare = 64
	slackBytes = 8 << 20
)

// sweepSteps bounds the search for expired items of one Maintain, in steps; at
// one call a second 262,144 items are looked at each second.
const sweepSteps = 262_144 / step

// Maintain does what nobody asks for: it takes out what has expired, and gives
// memory back to the system that has been unused since the last call. Call it
// about once a second.
func (s *Store) Maintain() error {
	for range sweepSteps {
		if !s.sweep() {
			break
		}
	}
	for s.burySome() {
	}
	s.compact(slackBytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arena.TrimIdle()
}

// sweep looks for expired items among the next slots, and tells whether there
// are more to look at before the search is round.
func (s *Store) sweep() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	if s.mortal == 0 {
		return false
	}
	end := min(s.cursor+step, s.slots)
	for slot := s.cursor; slot < end; slot++ {
		if p := s.place(slot); p.item != arena.None && p.expire != 0 && now >= p.expire {
			s.expire(slot)
		}
	}
	s.cursor = end
	if end == s.slots {
		s.cursor = 0
	}
	return s.cursor != 0
}

// compact moves values together while more than slack is wasted, slab by slab.
func (s *Store) compact(slack int64) {
	for s.compactSlab(slack) {
	}
}

func (s *Store) compactSlab(slack int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty() // what nobody owns does not move
	return s.tidy(s.arena.Used(), slack)
}

// tidy empties one slab when the slabs take more than inUse and the slack, and
// tells whether it did.
func (s *Store) tidy(inUse, slack int64) bool {
	if len(s.dying) > 0 {
		return false // their owners in the arena are slots of another life
	}
	return s.arena.Occupied() > inUse+inUse/slackShare+slack && s.arena.Compact()
}

// trim gives free memory back to the system, that of what lookups still use too.
func (s *Store) trim() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty()
	return s.arena.Trim()
}

// FlushAll removes everything, leases too: at once when exptime is not above 0,
// else at that time, as in the protocol. It returns when the memory is free.
func (s *Store) FlushAll(exptime int64) error {
	if s.flush(exptime) {
		return nil
	}
	for s.burySome() {
	}
	return s.trim()
}

// flush empties the store, or notes when to do so.
func (s *Store) flush(exptime int64) (later bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	s.count.Flushes++
	if at, past := s.expiry(exptime, now); at != 0 && !past {
		s.flushAt.Store(at)
		return true
	}
	s.reset()
	return false
}

// reset empties the index and the policies at once; bury frees the values.
func (s *Store) reset() {
	s.index.clear()
	s.tap.Flush()
	s.dying, s.pages = append(s.dying, s.pages...), nil
	s.flushAt.Store(0)
	s.slots, s.free, s.cursor = 0, none, 0
	s.changes++
	s.mortal, s.bytes, s.leaseBytes = 0, 0, 0
	s.largest, s.topCursor, s.evicted = nil, 0, evicted{}
	s.order.policy, s.order.old = s.follow(newPolicy(s.order.name, s.order.seed)), nil
	s.leases = newPolicy("lru", 0)
}

// bury frees some of the values that were flushed; it returns whether there were
// any.
func (s *Store) bury() bool {
	if len(s.dying) == 0 {
		return false
	}
	some := s.dying[0][s.buried : s.buried+step]
	for i := range some {
		if item := some[i].item; item != arena.None {
			s.retire(item)
		}
	}
	if s.buried += step; s.buried == pageSize {
		s.dying, s.buried = slices.Delete(s.dying, 0, 1), 0
	}
	return true
}

func (s *Store) burySome() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bury()
}
