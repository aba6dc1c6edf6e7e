package store

import "memcache/cache/internal/arena"

// Mode is a condition of a set.
type Mode uint8

// The modes.
const (
	Set     Mode = iota
	Add          // only when there is no item
	Replace      // only when there is one
	Append       // behind the item's value, whose flags and expiry stay
	Prepend      // before it
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
	NewCAS     CAS
	// Vivify lets Append and Prepend store an item that is missing, to expire at
	// VivifyTTL.
	Vivify    bool
	VivifyTTL int64
}

// CAS is a cas value that a client gives to an item, when Given, in place of one
// of ours.
type CAS struct {
	Given bool
	Value uint64
}

// Outcome is what became of a set, a delete or a delta.
type Outcome uint8

// The outcomes.
const (
	Stored    Outcome = iota
	NotStored         // the Mode's condition does not hold
	Exists            // the item has another cas value
	NotFound          // there is no item
	NotNumber         // the item's value is not a number
)

// Writer is a value on its way into the store. Use it from one goroutine, and
// end it with Commit or Abort.
type Writer struct {
	s     *Store
	w     arena.Writer
	first []byte // the first block, once Begin has taken it
	key   int    // bytes of the key
	size  int
	waste *waste // where a value goes that the policy has refused; nil for others
}

// Begin prepares w for a value of size bytes, and takes the memory of its
// beginning. Nothing of an older item changes before Commit. A value for which
// the policy would not have others go is taken all the same, but is gone again
// as soon as it is stored.
func (s *Store) Begin(w *Writer, key []byte, size int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	if s.fits(len(key), int64(size)) && !s.admits(key, size, now) {
		*w = Writer{s: s, key: len(key), size: size, waste: newWaste(key, size)}
		return nil
	}
	return s.begin(w, key, size)
}

// begin is Begin for a value that is admitted.
func (s *Store) begin(w *Writer, key []byte, size int) error {
	if !s.fits(len(key), int64(size)) {
		s.count.TooLarge++
		return ErrTooLarge
	}
	*w = Writer{s: s, w: s.arena.Write(entrySize + len(key) + size), key: len(key), size: size}
	b, err := w.take()
	if err != nil {
		return err
	}
	b = b[entrySize:]
	w.first = b[copy(b, key):]
	return nil
}

// Next returns the memory of the next part of the value, which the caller fills
// before it asks again; nil when the value is whole.
func (w *Writer) Next() ([]byte, error) {
	var room [1][]byte
	parts, err := w.NextParts(room[:0], 1)
	if len(parts) == 0 {
		return nil, err
	}
	return parts[0], nil
}

// NextParts appends the next parts to dst, n of them at the most, and none when
// the value is whole.
func (w *Writer) NextParts(dst [][]byte, n int) ([][]byte, error) {
	if b := w.first; b != nil {
		w.first = nil
		if len(b) > 0 {
			return append(dst, b), nil
		}
	}
	if w.waste != nil {
		return w.waste.next(dst), nil
	}
	if !w.w.More() {
		return dst, nil
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for ; n > 0 && w.w.More(); n-- {
		b, err := w.take()
		if err != nil {
			return dst, err
		}
		dst = append(dst, b)
	}
	return dst, nil
}

func (w *Writer) take() ([]byte, error) { return w.s.next(&w.w, 0) }

// next makes room for the next block of a value, and for more bytes of charge,
// and takes it.
func (s *Store) next(w *arena.Writer, more int64) ([]byte, error) {
	if s.makeRoom(w.NextCost() + more) {
		s.bound()
		// The capacity is a promise about memory: it does not grow while there are
		// slabs to empty.
		s.tidy(s.capacity, slackBytes)
		if b, err := w.Next(); err == nil {
			return b, nil
		}
	}
	s.count.NoMemory++
	return nil, ErrNoMemory
}

// write takes memory for a short value and its key, and room for more bytes of
// charge, and fills it. The two fit one block.
func (s *Store) write(key, value []byte, more int64) (arena.Writer, error) {
	w := s.arena.Write(entrySize + len(key) + len(value))
	b, err := s.next(&w, more)
	if err == nil {
		b = b[entrySize:]
		copy(b[copy(b, key):], value)
	}
	return w, err
}

// rewrite gives the item in slot another value, a short one, and another cas
// value; edit may change what else is known of it. What key points to must not be
// the item's own memory, which may move.
func (s *Store) rewrite(slot uint32, key, value []byte, c CAS, edit func(*entry)) error {
	uses := s.unlist(slot) // so that making room does not take it
	w, err := s.write(key, value, entryCharge)
	if err != nil {
		s.list(slot, uses)
		return err
	}
	to := *s.entry(slot)
	to.size = uint32(len(value))
	to.setState(to.state() &^ lease)
	to.setCAS(s.takeCAS(c))
	edit(&to)
	s.swap(slot, &w, to, uses)
	return nil
}

// newEntry returns an entry of an item that is stored now.
func (s *Store) newEntry(size int, st state, expire, now uint32, c CAS) (e entry) {
	e.size, e.expire = uint32(size), expire
	e.setState(st)
	e.setCAS(s.takeCAS(c))
	e.stored(now)
	return e
}

// Size is how many bytes the value has; once it is appended or prepended, all of
// them.
func (w *Writer) Size() int { return w.size }

// Abort frees what was taken.
func (w *Writer) Abort() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.w.Abort()
}

// Commit stores the value, which must be whole, and returns its cas value. The
// error is ErrNoMemory.
func (w *Writer) Commit(o SetOptions) (Outcome, uint64, error) {
	if w.waste != nil {
		outcome, cas := w.discard(o)
		return outcome, cas, nil
	}
	if o.Mode == Append || o.Mode == Prepend {
		return w.join(o)
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.commit(o)
}

func (w *Writer) commit(o SetOptions) (Outcome, uint64, error) {
	s := w.s
	now := s.tick()
	s.count.Sets++
	slot, e := s.find(w.name(), now)
	outcome, left := s.decide(e, o)
	if outcome != Stored {
		if outcome == NotStored && e != nil {
			s.access(slot, now)
		}
		w.w.Abort()
		return outcome, 0, nil
	}
	expire, past := s.expiry(o.Exptime, now)
	if left != 0 {
		expire, past = e.expire, false
	}
	if past {
		s.tellGone(w.name())
		w.drop(slot, e)
		return Stored, s.takeCAS(o.NewCAS), nil
	}
	if e == nil && !s.makeRoom(entryCharge) {
		s.count.NoMemory++
		w.w.Abort()
		return NotStored, 0, ErrNoMemory
	}
	s.count.Stored++
	to := s.newEntry(w.size, left, expire, now, o.NewCAS)
	to.flags = o.Flags
	if e != nil {
		s.swap(slot, &w.w, to, s.unlist(slot))
	} else {
		s.add(w.name(), &w.w, to)
	}
	return Stored, to.cas(), nil
}

// drop carries out a set whose value has expired already: nothing is left.
func (w *Writer) drop(slot uint32, e *entry) {
	if e != nil {
		w.s.remove(slot)
	}
	w.s.count.Stored++
	w.w.Abort()
}

// decide tells whether a value may be stored over e, and what is left then of the
// state of e.
func (s *Store) decide(e *entry, o SetOptions) (Outcome, state) {
	switch {
	case o.Mode == Add && e != nil, o.Mode == Replace && e == nil:
		return NotStored, 0
	case !o.HasCAS || o.Mode == Add:
		return Stored, 0
	case e == nil:
		s.count.CASMisses++
		s.count.Refused++
		return NotFound, 0
	case e.cas() == o.CAS:
		s.count.CASHits++
		return Stored, 0
	case o.Invalidate && o.CAS < e.cas():
		return Stored, stale | e.state()&won
	}
	s.count.CASBad++
	s.count.Refused++
	return Exists, 0
}

// takeCAS returns the client's value, or the next of ours.
func (s *Store) takeCAS(c CAS) uint64 {
	if c.Given {
		return c.Value
	}
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
	NewCAS     CAS
	// Clear keeps the item, but without its value and flags.
	Clear bool
}

// Delete takes the item out; Stored means that it did.
func (s *Store) Delete(key []byte, o DeleteOptions) Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	slot, e := s.find(key, now)
	if e == nil || !o.HasCAS || e.cas() == o.CAS {
		s.tellGone(key) // what is not here may still be in a larger cache
	}
	switch {
	case e == nil:
		s.count.DeleteMisses++
		return NotFound
	case o.HasCAS && e.cas() != o.CAS:
		s.count.CASBad++
		return Exists
	}
	s.count.DeleteHits++
	if o.Clear {
		if s.rewrite(slot, key, nil, o.NewCAS, func(to *entry) { to.flags = 0; to.setState(0) }) != nil {
			s.remove(slot) // the value must go in any case
			return Stored
		}
	}
	if o.Invalidate {
		s.invalidate(slot, o, now)
	} else if !o.Clear {
		s.remove(slot)
	}
	return Stored
}

func (s *Store) invalidate(slot uint32, o DeleteOptions, now uint32) {
	if o.HasTTL {
		s.setExpiryAfter(slot, o.TTL, now)
	}
	e := s.entry(slot)
	e.setState(e.state()&^won | stale) // first: who reads the new cas value must see it
	s.setCAS(slot, s.takeCAS(o.NewCAS))
}

// Drop takes the item out, if hasCAS only one with the cas value, because a
// value that was to replace it could not be stored.
func (s *Store) Drop(key []byte, hasCAS bool, cas uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, e := s.find(key, s.tick())
	if e != nil && hasCAS && e.cas() != cas {
		return
	}
	s.tellGone(key)
	if e != nil {
		s.remove(slot)
	}
}
