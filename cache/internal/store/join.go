package store

// join stores the item's value and w's together, for Append and Prepend. They
// are copied without the lock; when the item has another value by then, the
// copy is made again.
func (w *Writer) join(o SetOptions) (Outcome, uint64, error) {
	for {
		old, outcome, cas, err := w.pinOld(o)
		if old.s == nil {
			return outcome, cas, err
		}
		var both Writer
		err = w.copyWith(old, &both, o.Mode)
		done := false
		if err == nil {
			cas, done = both.replace(old, o)
		}
		old.Release()
		if err != nil || done {
			w.Abort()
			w.size = both.size
			return Stored, cas, err
		}
	}
}

// pinOld pins the value that w's is to be joined to. When there is none to pin,
// the join has its end, and w is used up.
func (w *Writer) pinOld(o SetOptions) (old Value, outcome Outcome, cas uint64, err error) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, e := s.find(w.name(), s.tick())
	switch {
	case e == nil && o.Vivify:
		outcome, cas, err = w.commit(SetOptions{Flags: o.Flags, Exptime: o.VivifyTTL, NewCAS: o.NewCAS})
		return old, outcome, cas, err
	case e == nil:
		outcome = NotStored
	case o.HasCAS && e.cas() != o.CAS:
		s.count.CASBad++
		outcome = Exists
	case !s.fits(w.key, int64(e.size)+int64(w.size)):
		s.count.TooLarge++
		outcome = NotStored
	default:
		if !e.is(lease) {
			s.order.of(e).Access(slot) // so that room for the copy is made elsewhere first
		}
		return s.pin(s.place(slot).item), Stored, 0, nil
	}
	s.count.Sets++
	w.w.Abort()
	return old, outcome, 0, nil
}

// copyWith fills both with the old value and w's.
func (w *Writer) copyWith(old Value, both *Writer, m Mode) error {
	first, second := old, Value{s: w.s, head: w.w.Head(), skip: old.skip}
	if m == Prepend {
		first, second = second, first
	}
	parts := second.Segments(first.Segments(nil))
	w.s.mu.Lock()
	err := w.s.begin(both, w.name(), old.size()+w.size)
	w.s.mu.Unlock()
	if err != nil {
		return err
	}
	for {
		b, err := both.Next()
		if err != nil {
			both.Abort()
		}
		if b == nil {
			return err
		}
		parts = fill(b, parts)
	}
}

// fill copies from parts until b is full, and returns what is left of them.
func fill(b []byte, parts [][]byte) [][]byte {
	for len(b) > 0 {
		n := copy(b, parts[0])
		b, parts[0] = b[n:], parts[0][n:]
		if len(parts[0]) == 0 {
			parts = parts[1:]
		}
	}
	return parts
}

// replace puts w's value in the place of the old one, if that is still the
// item's. The flags and the expiry stay.
func (w *Writer) replace(old Value, o SetOptions) (cas uint64, ok bool) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	slot, e := s.find(w.name(), now)
	if e == nil || s.place(slot).item != old.head {
		w.w.Abort()
		return 0, false
	}
	uses := s.unlist(slot)
	to := s.newEntry(w.size, 0, e.expire, now, o.NewCAS)
	to.flags = e.flags
	s.swap(slot, &w.w, to, uses)
	s.count.Sets++
	s.count.Stored++
	return to.cas(), true
}

// name is the key, in the memory that w has taken.
func (w *Writer) name() []byte {
	return w.s.arena.Prefix(w.w.Head(), entrySize+w.key)[entrySize:]
}
