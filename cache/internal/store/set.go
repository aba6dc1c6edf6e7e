package store

import "memcache/cache/internal/arena"

// Mode is a condition of a set.
type Mode uint8

// The modes.
const (
	Set     Mode = iota
	Add          // only when there is no item
	Replace      // only when there is one
)

// SetOptions say how a value is stored.
type SetOptions struct {
	Mode    Mode
	Flags   uint32
	Exptime int64 // as in the protocol
	HasCAS  bool  // only when the item's cas value is CAS
	CAS     uint64
	// Invalidate, with HasCAS, lets a CAS lower than the item's store the value
	// as a stale one.
	Invalidate bool
}

// Outcome is what became of a set or a delete.
type Outcome uint8

// The outcomes.
const (
	Stored    Outcome = iota
	NotStored         // the Mode's condition does not hold
	Exists            // the item has another cas value
	NotFound          // there is no item
)

// Writer is a value on its way into the store. Use it from one goroutine, and
// end it with Commit or Abort.
type Writer struct {
	s     *Store
	w     arena.Writer
	first []byte // the first block, once Begin has taken it
	key   int    // bytes of the key
	size  int
}

// Begin prepares w for a value of size bytes, and takes the memory of its
// beginning. Nothing of an older item changes before Commit.
func (s *Store) Begin(w *Writer, key []byte, size int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	if !s.fits(len(key), int64(size)) {
		s.count.TooLarge++
		return ErrTooLarge
	}
	*w = Writer{s: s, w: s.arena.Write(len(key) + size), key: len(key), size: size}
	b, err := w.take()
	if err != nil {
		return err
	}
	w.first = b[copy(b, key):]
	return nil
}

// Next returns the memory of the next part of the value, which the caller fills
// before it asks again; nil when the value is whole.
func (w *Writer) Next() ([]byte, error) {
	if b := w.first; b != nil {
		w.first = nil
		if len(b) > 0 {
			return b, nil
		}
	}
	if !w.w.More() {
		return nil, nil
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.take()
}

func (w *Writer) take() ([]byte, error) {
	if w.s.makeRoom(w.w.NextCost()) {
		// The capacity is a promise about memory: it does not grow while there are
		// slabs to empty.
		w.s.tidy(w.s.capacity, slackBytes)
		if b, err := w.w.Next(); err == nil {
			return b, nil
		}
	}
	w.s.count.NoMemory++
	return nil, ErrNoMemory
}

// Abort frees what was taken.
func (w *Writer) Abort() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.w.Abort()
}

// Commit stores the value, which must be whole, and returns its cas value. The
// error is ErrNoMemory.
func (w *Writer) Commit(o SetOptions) (Outcome, uint64, error) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	s.count.Sets++
	head := w.w.Done(none)
	key := s.arena.Head(head)[:w.key]
	slot, e := s.find(key, now)
	outcome, marks := s.decide(e, o)
	if outcome != Stored {
		if outcome == NotStored && e != nil {
			s.access(slot, e, now)
		}
		s.arena.Free(head)
		return outcome, 0, nil
	}
	expire, past := s.expiry(o.Exptime, now)
	if marks != 0 {
		expire, past = e.expire, false
	}
	if past {
		s.dropFor(slot, e, head)
		return Stored, s.takeCAS(), nil
	}
	if e != nil {
		s.unlist(slot)
		s.drain(slot)
	} else {
		if !s.makeRoom(entryCharge) {
			s.count.NoMemory++
			s.arena.Free(head)
			return NotStored, 0, ErrNoMemory
		}
		slot, e = s.insert(key)
	}
	s.count.Stored++
	e.state = used | marks
	e.flags, e.expire, e.access, e.cas = o.Flags, expire, now, s.takeCAS()
	w.w.Done(slot)
	s.fill(slot, head, w.size)
	return Stored, e.cas, nil
}

// dropFor carries out a set whose value has expired already: nothing is left.
func (s *Store) dropFor(slot uint32, e *entry, head arena.Handle) {
	if e != nil {
		s.remove(slot)
	}
	s.count.Stored++
	s.arena.Free(head)
}

// decide tells whether a value may be stored over e, and the marks that it then
// takes over from e.
func (s *Store) decide(e *entry, o SetOptions) (Outcome, uint8) {
	switch {
	case o.Mode == Add && e != nil, o.Mode == Replace && e == nil:
		return NotStored, 0
	case !o.HasCAS || o.Mode == Add:
		return Stored, 0
	case e == nil:
		s.count.CASMisses++
		s.count.Refused++
		return NotFound, 0
	case e.cas == o.CAS:
		s.count.CASHits++
		return Stored, 0
	case o.Invalidate && o.CAS < e.cas:
		return Stored, stale | e.state&won
	}
	s.count.CASBad++
	s.count.Refused++
	return Exists, 0
}

func (s *Store) takeCAS() uint64 {
	s.nextCAS++
	return s.nextCAS - 1
}

// DeleteOptions say what a delete does.
type DeleteOptions struct {
	HasCAS bool // only when the item's cas value is CAS
	CAS    uint64
	// Invalidate keeps the item, marked as stale and with a new cas value, and
	// with HasTTL makes it expire at TTL.
	Invalidate bool
	HasTTL     bool
	TTL        int64
}

// Delete takes the item out; Stored means that it did.
func (s *Store) Delete(key []byte, o DeleteOptions) Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	slot, e := s.find(key, now)
	switch {
	case e == nil:
		s.count.DeleteMisses++
		return NotFound
	case o.HasCAS && e.cas != o.CAS:
		s.count.CASBad++
		return Exists
	}
	s.count.DeleteHits++
	if !o.Invalidate {
		s.remove(slot)
		return Stored
	}
	if o.HasTTL {
		s.touchEntry(e, o.TTL, now)
	}
	e.state = e.state&^won | stale
	e.cas = s.takeCAS()
	return Stored
}

// Drop takes the item out, if hasCAS only one with the cas value, because a
// value that was to replace it could not be stored.
func (s *Store) Drop(key []byte, hasCAS bool, cas uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot, e := s.find(key, s.tick()); e != nil && (!hasCAS || e.cas == cas) {
		s.remove(slot)
	}
}
