package store

import (
	"bytes"

	"memcache/cache/policy"
)

// admits asks the policy, if it has an opinion, whether a new item is worth the
// ones that would have to go for it: once they are gone, that cannot be undone.
// What replaces an item takes the place that this has.
func (s *Store) admits(key []byte, size int, now uint32) bool {
	p, ok := s.order.policy.(policy.Admitter)
	charge := Charge(len(key), size)
	if !ok || s.roomFor(charge) {
		return true
	}
	if _, e := s.find(key, now); e != nil && !e.is(lease) {
		return true
	}
	o := policy.Object{Hash: uint64(s.index.hash(key)), Size: int64(size), Charge: charge}
	return p.Admit(o, s.held()+charge-s.capacity)
}

// waste takes the bytes of a value that is not kept, so that its client is read
// on and answered as for any other.
type waste struct {
	key  []byte
	left int // bytes for which there was no room yet
	room [4 << 10]byte
}

func newWaste(key []byte, size int) *waste {
	return &waste{key: bytes.Clone(key), left: size}
}

// next appends room for the next bytes, unless they have all been taken.
func (w *waste) next(dst [][]byte) [][]byte {
	n := min(w.left, len(w.room))
	w.left -= n
	if n == 0 {
		return dst
	}
	return append(dst, w.room[:n])
}

// discard is Commit for a value that is not kept: it is stored, and gone at once.
// Who fills under a cas value is told, for others may be waiting for the fill.
func (w *Writer) discard(o SetOptions) (Outcome, uint64) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.Sets++
	switch {
	case o.Mode != Append && o.Mode != Prepend:
	case o.Vivify:
		o.Mode = Set
	default:
		o.Mode = Replace // they need an item, as it does
	}
	now := s.tick()
	slot, e := s.find(w.waste.key, now)
	outcome, _ := s.decide(e, o)
	if outcome != Stored {
		if outcome == NotStored && e != nil {
			s.access(slot, now)
		}
		return outcome, 0
	}
	s.count.NotAdmitted++
	w.drop(slot, e)
	expire, _ := s.expiry(o.Exptime, now)
	s.tellSet(w.waste.key, w.size, expire)
	if o.HasCAS {
		return NotStored, 0
	}
	return Stored, s.takeCAS(o.NewCAS)
}
