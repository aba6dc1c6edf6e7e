package policy

// sieve is Zhang and others' policy (NSDI '24): a FIFO queue and a hand that
// goes from its end to its front, again and again. The hand passes over what
// was asked for since it last came by, and evicts the first that was not; the
// survivors stay where they are.
type sieve struct {
	fifo
	hand uint32 // where the next search begins; none for the end of the queue
}

const visited = 1 << 7 // in uses.marks: asked for since the hand came by

func newSieve(few bool) *sieve {
	s := &sieve{fifo: *newFIFO(few), hand: none}
	s.no = false // for the marks
	return s
}

func (s *sieve) Access(slot uint32) {
	s.count(slot)
	// What is asked for often is only read, so that processors can share it.
	if mark := s.marks.at(slot); *mark&visited == 0 {
		*mark |= visited
	}
}

// Saturated is until the hand comes by.
func (s *sieve) Saturated(slot uint32) bool {
	return s.all(slot) && *s.marks.at(slot)&visited != 0
}

func (s *sieve) Remove(slot uint32) {
	if s.hand == slot {
		s.hand = s.links.towardsHead(slot)
	}
	s.fifo.Remove(slot)
}

func (s *sieve) Evict() (uint32, bool) {
	if s.n == 0 {
		return 0, false
	}
	for {
		if s.hand == none {
			s.hand = s.queue.tail
		}
		slot := s.hand
		mark := s.marks.at(slot)
		if *mark&visited == 0 {
			s.Remove(slot)
			return slot, true
		}
		*mark &^= visited
		s.decayed(slot)
		s.hand = s.links.towardsHead(slot)
	}
}

func (s *sieve) Renumber(to func(slot uint32) uint32) {
	s.fifo.Renumber(to)
	if s.hand != none {
		s.hand = to(s.hand)
	}
}
