package store

import (
	"slices"
	"sync/atomic"

	"memcache/cache/internal/arena"
)

const (
	// batch is how many hits a Reader keeps before it tells the policy of them.
	batch = 64
	// maxKept is how many it keeps while others have the store's lock: to wait for
	// it costs more.
	maxKept = 8 * batch
)

// Reader looks items up without holding others up: a plain hit takes only the
// lock of a part of the index. What the policy must know is kept, and handed
// over in batches, in order, by Flush.
//
// A Reader is for one goroutine, which calls Tick before each batch of requests,
// Count before it answers, so that statistics never lag behind an answer, and
// Flush when it has nothing to do and before it changes anything, so that its
// own lookups count before its own changes.
type Reader struct {
	s       *Store
	now     uint32
	hits    [maxKept]hit
	n       int // of hits
	slots   [batch]uint32
	pending lookups // not counted yet
	counted struct{ hits, misses atomic.Int64 }
}

// lookups are numbers of lookups.
type lookups struct{ hits, misses int64 }

// hit names an item that was found. Another item may have its slot by the time
// it is told of: the cas value tells.
type hit struct {
	slot uint32
	cas  uint32 // the lower half
}

// NewReader returns a Reader of the store.
func (s *Store) NewReader() *Reader {
	r := &Reader{s: s}
	r.Tick()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers = append(s.readers, r)
	return r
}

// Tick reads the clock for the lookups that follow.
func (r *Reader) Tick() {
	r.now = r.s.ticks()
	if at := r.s.flushAt.Load(); at != 0 && r.now >= at {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		r.s.tick()
	}
}

// Get looks key up as Store.Get does. Item.Idle and Item.Fetched are only set
// with o.History.
func (r *Reader) Get(key []byte, o GetOptions) (it Item, found bool, err error) {
	if o.Touch || o.Recache || o.History {
		return r.get(key, o)
	}
	s := r.s
	h := s.index.hash(key)
	t := s.index.stripe(h)
	t.Lock()
	item := s.lookup(t, h, key)
	if item == arena.None {
		t.Unlock()
		if o.Vivify {
			return r.get(key, o)
		}
		r.pending.misses++
		return it, false, nil
	}
	e := s.at(item)
	if e.state != 0 || e.expired(r.now) {
		t.Unlock()
		return r.get(key, o)
	}
	it = Item{Size: int(e.size), Flags: e.flags, CAS: e.cas(), TTL: e.ttl(r.now)}
	if o.Value {
		it.Value = s.pin(item)
	}
	slot := s.arena.Owner(item)
	t.Unlock()
	r.pending.hits++
	if !o.NoBump {
		r.note(hit{slot, uint32(it.CAS)})
	}
	return it, true, nil
}

// get does what needs more than the lock of a stripe.
func (r *Reader) get(key []byte, o GetOptions) (Item, bool, error) {
	r.Flush()
	return r.s.Get(key, o)
}

func (r *Reader) note(h hit) {
	r.hits[r.n] = h
	r.n++
	switch {
	case r.n == maxKept:
		r.Flush()
	case r.n%batch == 0 && r.s.mu.TryLock():
		r.tell()
		r.s.mu.Unlock()
	}
}

// Count counts the lookups since the last Count.
func (r *Reader) Count() {
	if r.pending == (lookups{}) {
		return
	}
	r.counted.hits.Add(r.pending.hits)
	r.counted.misses.Add(r.pending.misses)
	r.pending = lookups{}
}

// Flush counts the lookups, and tells the policy of those since the last Flush.
func (r *Reader) Flush() {
	r.Count()
	if r.n == 0 {
		return
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.tell()
}

// tell tells the policy of the hits. The store is locked.
func (r *Reader) tell() {
	for some := range slices.Chunk(r.hits[:r.n], batch) {
		r.s.accessAll(r.stillThere(some), r.now)
	}
	r.n = 0
}

// stillThere returns the slots of the hits that still have the items which were
// found. It goes through the hits twice, so that the processor waits for the
// places, and then for the entries, of many at once.
func (r *Reader) stillThere(hits []hit) []uint32 {
	s := r.s
	var items [batch]arena.Handle
	for i, h := range hits {
		if h.slot < s.slots {
			items[i] = s.place(h.slot).item
		}
	}
	slots := r.slots[:0]
	for i, h := range hits {
		if items[i] == arena.None {
			continue
		}
		if e := s.at(items[i]); !e.is(lease) && e.casLow == h.cas {
			slots = append(slots, h.slot)
		}
	}
	return slots
}
