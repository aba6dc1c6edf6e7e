package store

import "memcache/cache/policy"

// order is the order in which objects are let go: that of the policy. While the
// policy is being switched, the old one hands its slots over a step at a time,
// and is asked for victims first.
type order struct {
	name   string
	seed   uint64
	policy policy.Policy
	old    policy.Policy // nil unless the policy is being switched
	side   marks         // the mark of the policy's slots; those of old have the other
}

// of returns the policy that has the entry's slot.
func (o *order) of(e *entry) policy.Policy {
	if e.marks()&side == o.side {
		return o.policy
	}
	return o.old
}

func (o *order) len() int {
	if o.old != nil {
		return o.policy.Len() + o.old.Len()
	}
	return o.policy.Len()
}

func (o *order) evict() (slot uint32, ok bool) {
	if o.old != nil {
		if slot, ok = o.old.Evict(); ok {
			return slot, ok
		}
	}
	return o.policy.Evict()
}

// list puts the slot in the order that it belongs to: the newest lease, or an
// object that was asked for as often as uses tells.
func (s *Store) list(slot uint32, uses uint8) {
	if s.entry(slot).is(lease) {
		s.leases.Add(slot, policy.Object{})
		return
	}
	o := s.adopt(slot)
	o.Uses = uses
	s.order.policy.Add(slot, o)
}

// adopt marks the slot as the policy's, and tells what is in it.
func (s *Store) adopt(slot uint32) policy.Object {
	e := s.entry(slot)
	e.setMarks(s.order.side)
	return policy.Object{Hash: uint64(s.index.hash(s.key(s.place(slot).item))), Size: int64(e.size), Charge: e.charge()}
}

// unlist takes the slot out of the order that it is in. It returns how often the
// object was asked for, for the one that takes its place.
func (s *Store) unlist(slot uint32) (uses uint8) {
	e := s.entry(slot)
	if e.is(lease) {
		s.leases.Remove(slot)
		return 0
	}
	p := s.order.of(e)
	uses = policy.Uses(p, slot)
	p.Remove(slot)
	return uses
}

// access notes a hit for the policy and the item.
func (s *Store) access(slot uint32, now uint32) {
	e := s.entry(slot)
	e.accessed(now)
	if !e.is(lease) {
		s.order.of(e).Access(slot)
	}
}

// accessAll tells the policy of hits of objects, in order.
func (s *Store) accessAll(slots []uint32) {
	if s.order.old == nil {
		policy.AccessAll(s.order.policy, slots)
		s.saturate(slots)
		return
	}
	for _, slot := range slots {
		s.order.of(s.entry(slot)).Access(slot)
	}
}

// saturate marks those of the slots of which the policy need not be told any more.
func (s *Store) saturate(slots []uint32) {
	p, ok := s.order.policy.(policy.Saturable)
	if !ok {
		return
	}
	for _, slot := range slots {
		if p.Saturated(slot) {
			e := s.entry(slot)
			e.setMarks(e.marks() | saturated)
		}
	}
}

// follow makes the marks follow what a new policy forgets.
func (s *Store) follow(p policy.Policy) policy.Policy {
	if p, ok := p.(policy.Saturable); ok {
		p.OnDecay(func(slot uint32) {
			if e := s.entry(slot); e.marks()&saturated != 0 {
				e.setMarks(e.marks() &^ saturated)
			}
		})
	}
	return p
}

// SetPolicy switches the replacement policy, and returns when the new one has
// every item, in the order in which the old one would have evicted it. Meanwhile
// the store serves. A switch to the policy that there is does nothing. The error
// lists what is known.
func (s *Store) SetPolicy(name string) error {
	p, err := policy.New(name, s.order.seed)
	if err != nil {
		return err
	}
	s.switching.Lock() // the old policy is empty before the next switch
	defer s.switching.Unlock()
	if name == s.Stats().Policy {
		return nil
	}
	s.beginSwitch(name, p)
	for s.moveSome(step) {
	}
	return nil
}

// beginSwitch makes p the policy, and the one before the old one.
func (s *Store) beginSwitch(name string, p policy.Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.order
	o.name, o.old, o.policy, o.side = name, o.policy, s.follow(p), o.side^side
}

// moveSome hands at most n slots over. It returns whether any are left.
func (s *Store) moveSome(n int) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.order
	if o.old != nil && !policy.MoveSome(o.old, o.policy, n, s.adopt) {
		o.old = nil
	}
	return o.old != nil
}
