package store

import "memcache/cache/internal/arena"

// GetOptions say what a get does besides looking.
type GetOptions struct {
	Value      bool // the value too
	Compete    bool // take the right to store anew what is stale or ageing; without it, nobody would know of Item.Won
	NoBump     bool // leave no trace of the access
	History    bool // tell Item.Idle and Item.Fetched, which Reader.Get leaves out else
	Touch      bool // make it expire at TTL
	TTL        int64
	Vivify     bool // on a miss, leave a lease that expires at VivifyTTL
	VivifyTTL  int64
	NewCAS     CAS  // of that lease
	Recache    bool // win when fewer than RecacheTTL seconds are left
	RecacheTTL int64
}

// Item is what a get found.
type Item struct {
	Value Value // when asked for: the caller must release it
	Size  int   // bytes
	Flags uint32
	CAS   uint64
	TTL   int64 // seconds left; -1 for ever
	Idle  int64 // seconds since the access before
	// Fetched tells that there was an access before.
	Fetched bool
	Won     bool // with Compete: the caller shall store the item anew
	Lost    bool // with Compete: another caller has won already
	Stale   bool // the item was invalidated
}

// Value is a value that stays as it is until it is released, whatever becomes of
// its item. One that a Reader has found is only lent, and must be kept to stay
// beyond the Reader's next call.
type Value struct {
	s    *Store
	head arena.Handle
	skip int32 // bytes of the entry and the key before it
	kept bool
}

// lend returns the value of an item for as long as this cannot go.
func (s *Store) lend(item arena.Handle) Value {
	return Value{s: s, head: item, skip: int32(s.at(item).skip())}
}

// pin returns the value of an item, for the caller to release.
func (s *Store) pin(item arena.Handle) Value {
	v := s.lend(item)
	v.Keep()
	return v
}

// Keep makes the value stay until it is released.
func (v *Value) Keep() {
	if !v.kept {
		v.s.arena.Retain(v.head)
		v.kept = true
	}
}

// Segments appends the value's memory to dst. It must not be written to, nor
// read after Release.
func (v Value) Segments(dst [][]byte) [][]byte {
	return v.s.arena.Segments(v.head, int(v.skip), dst)
}

func (v Value) size() int { return v.s.arena.Length(v.head) - int(v.skip) }

// Release gives the value up. It must be called once for each Value, unless that
// was only lent. It does not wait for anybody.
func (v Value) Release() {
	if v.kept && v.s.arena.Release(v.head) {
		v.s.leaveDead(v.head)
	}
}

// Get looks key up. When it is missing, found is false, unless o.Vivify made a
// lease of it. The error is ErrNoMemory for a lease that found no room.
func (s *Store) Get(key []byte, o GetOptions) (it Item, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	reclaimed := s.count.Reclaimed
	slot, e := s.find(key, now)
	// A lease is no hit: there is nothing yet. Nor is what was invalidated.
	s.countGet(o, e != nil && !e.is(lease|stale))
	s.tellGet(key, o, e)
	if e != nil && !o.Touch && !e.is(lease|stale) {
		s.hot.hit(key, now)
	}
	if e == nil {
		s.count.GetExpired += s.count.Reclaimed - reclaimed
		if !o.Vivify {
			return it, false, nil
		}
		return s.vivify(key, o, now)
	}
	it = Item{
		Size: int(e.size), Flags: e.flags, CAS: e.cas(),
		Idle: e.idle(now), Fetched: e.fetched(), Stale: e.is(stale),
	}
	if o.Compete {
		s.compete(e, &it, o, now)
	}
	if o.Touch {
		s.setExpiryAfter(slot, o.TTL, now)
	}
	if o.Value {
		it.Value = s.pin(s.place(slot).item)
	}
	it.TTL = e.ttl(now)
	if !o.NoBump {
		s.access(slot, now)
	}
	return it, true, nil
}

// countGet counts as memcached does: a get that touches is a touch.
func (s *Store) countGet(o GetOptions, hit bool) {
	all, hits, misses := &s.count.Gets, &s.count.Hits, &s.count.Misses
	if o.Touch {
		all, hits, misses = &s.count.Touches, &s.count.TouchHits, &s.count.TouchMisses
	}
	*all++
	if hit {
		*hits++
	} else {
		*misses++
	}
}

// compete tells whether the caller is the one to store the item anew.
func (s *Store) compete(e *entry, it *Item, o GetOptions, now uint32) {
	ageing := o.Recache && e.expire != 0 && e.ttl(now) < o.RecacheTTL
	switch {
	case e.is(won):
		it.Lost = true
		s.count.LeasesLost++
	case it.Stale || ageing:
		it.Won = true
		e.setState(e.state() | won)
		s.count.LeasesWon++
	}
}

// vivify makes a lease for a key that is missing; the caller has won it.
func (s *Store) vivify(key []byte, o GetOptions, now uint32) (it Item, found bool, err error) {
	ttl := o.VivifyTTL
	if o.Touch {
		ttl = o.TTL
	}
	expire, past := s.expiry(ttl, now)
	if past {
		return it, false, nil
	}
	charge := Charge(len(key), 0)
	for s.leaseBytes+charge > s.capacity/leaseShare && s.evictLease() {
	}
	w, err := s.write(key, nil, entryCharge)
	if err != nil {
		return it, false, err
	}
	e := s.newEntry(0, lease|won, expire, now, o.NewCAS)
	item := w.Head()
	s.add(key, &w, e)
	s.count.LeasesWon++
	it = Item{CAS: e.cas(), TTL: e.ttl(now), Won: true}
	if o.Value {
		it.Value = s.pin(item)
	}
	return it, true, nil
}

// Touch changes when the item expires, and tells whether there is one.
func (s *Store) Touch(key []byte, exptime int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	slot, e := s.find(key, now)
	s.countGet(GetOptions{Touch: true}, e != nil)
	if e == nil {
		return false
	}
	s.setExpiryAfter(slot, exptime, now)
	s.access(slot, now)
	return true
}

// setExpiryAfter sets the expiry; one that lies behind is the present, so that
// the item is still whole for its caller and gone for the next.
func (s *Store) setExpiryAfter(slot uint32, exptime int64, now uint32) {
	tick, past := s.expiry(exptime, now)
	if past {
		tick = now
	}
	s.setExpiry(slot, tick)
}

// Description is what is known of an item, for a person who looks for a fault.
type Description struct {
	CAS     uint64
	TTL     int64 // seconds left; -1 for ever
	Idle    int64 // seconds since the last access
	Fetched bool  // there was an access since it was stored
	Class   int   // number of its size class: see ClassStats
	Charge  int64 // bytes that it takes
	Flags   uint32
}

// Describe tells what is known of the item. It is no access, and not counted.
func (s *Store) Describe(key []byte) (d Description, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	_, e := s.find(key, now)
	if e == nil {
		return d, false
	}
	return Description{
		CAS: e.cas(), TTL: e.ttl(now), Idle: e.idle(now), Fetched: e.fetched(), Class: e.class(), Charge: e.charge(), Flags: e.flags,
	}, true
}
