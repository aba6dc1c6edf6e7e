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

// Reader looks items up without holding others up, and without a lock: see limbo.
// What the policy must know is kept, and handed over in batches, in order, by
// Flush.
//
// A Reader is for one goroutine, which calls Tick before each batch of requests;
// Count before it answers, so that statistics never lag behind an answer; Rest
// when it is done with all values that it was lent, before it waits for anything
// and before every other method of the Store; and Flush when it has nothing to
// do and before it changes anything, so that its own lookups count before its
// own changes. Flush rests too.
type Reader struct {
	s       *Store
	now     uint32
	began   uint64 // the epoch of the last lookup, or atRest
	hits    [maxKept]hit
	n       int   // of hits
	changes int64 // Store.changes when the policy was told last
	slots   [batch]uint32
	spared  spared
	pending lookups // not counted yet
	hot     hot
	counted struct{ hits, misses, bytes atomic.Int64 }
	_       [64]byte      // what others read has a cache line of its own
	epoch   atomic.Uint64 // began, for the others
	_       [56]byte
}

// atRest is the epoch of a Reader that uses nothing.
const atRest = 0

// lookups are numbers of lookups.
type lookups struct {
	hits, misses int64
	bytes        int64 // of the values of hits
}

// hit names an object that was found. Another item may have its slot by the time
// it is told of: the stamp tells.
type hit struct{ slot, stamp uint32 }

// NewReader returns a Reader of the store.
func (s *Store) NewReader() *Reader {
	r := &Reader{s: s}
	r.Tick()
	r.Rest()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.changes = s.changes
	s.readers = append(s.readers, r)
	return r
}

// Tick reads the clock for the lookups that follow, and gives back all values
// that were lent.
func (r *Reader) Tick() {
	r.Rest()
	r.spared.lapse(r.s.limbo.evicted.Load())
	r.now = r.s.ticks()
	if at := r.s.flushAt.Load(); at != 0 && r.now >= at {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		r.s.tick()
	}
}

// Rest gives back all values that were lent.
func (r *Reader) Rest() {
	if r.began != atRest {
		r.began = atRest
		r.epoch.Store(atRest)
	}
}

// begin notes that what is found from now on is in use, and what was lent before
// is not.
func (r *Reader) begin() {
	if now := r.s.limbo.epoch.Load(); r.began != now {
		r.began = now
		r.epoch.Store(now)
	}
}

// Found is an object that a Reader has found. It is lent.
type Found struct {
	s    *Store
	e    *entry
	cas  uint64
	item arena.Handle
}

// Size is the length of the value in bytes.
func (f Found) Size() int { return int(f.e.size) }

// Flags are the client's.
func (f Found) Flags() uint32 { return f.e.flags }

// CAS is the object's cas value.
func (f Found) CAS() uint64 { return f.cas }

// Value is the value.
func (f Found) Value() Value { return f.s.lend(f.item) }

// Find looks for an object. It finds those that most requests are about; of what
// it does not find, Get tells more.
func (r *Reader) Find(key []byte) (f Found, ok bool) {
	f, _ = r.find(key, true)
	return f, f.e != nil
}

// find is Find; missing tells that there is nothing at all. Without bump, it leaves
// no trace of the access.
func (r *Reader) find(key []byte, bump bool) (f Found, missing bool) {
	if r.n == maxKept {
		r.Flush()
	}
	r.begin()
	s := r.s
	h := s.index.hash(key)
	item, sure := s.lookup(s.index.stripe(h), h, key)
	if item == arena.None {
		return f, sure
	}
	e := s.at(item)
	cas := e.cas() // before the state: an item that is invalidated gets its state first
	info := e.load()
	// The blocks of a longer value may be moved one by one: that takes a pin.
	if info.state() != 0 || e.expired(r.now) || !arena.Whole(e.skip()+int(e.size)) {
		return f, false
	}
	r.pending.hits++
	r.hot.hit(key, r.now)
	r.pending.bytes += int64(e.size)
	if s.tap != nil {
		s.tellHit(h, len(key), int(e.size))
	}
	if bump {
		e.accessed(r.now)
		if info.marks()&saturated == 0 {
			r.note(hit{s.arena.Owner(item), stamp(cas)})
		}
	}
	return Found{s, e, cas, item}, false
}

// Get looks key up as Store.Get does. Item.Idle and Item.Fetched are only set
// with o.History.
func (r *Reader) Get(key []byte, o GetOptions) (it Item, found bool, err error) {
	if !o.Touch && !o.Recache && !o.History {
		f, missing := r.find(key, !o.NoBump)
		if f.e != nil {
			return f.asItem(r.now, o.Value), true, nil
		}
		if missing && !o.Vivify {
			r.pending.misses++
			r.s.tellMiss(key)
			return it, false, nil
		}
	}
	r.Flush()
	return r.s.Get(key, o)
}

func (f Found) asItem(now uint32, value bool) Item {
	it := Item{Size: f.Size(), Flags: f.Flags(), CAS: f.cas, TTL: f.e.ttl(now)}
	if value {
		it.Value = f.Value()
	}
	return it
}

func (r *Reader) note(h hit) {
	if r.spared.has(h) {
		return
	}
	r.hits[r.n] = h
	r.n++
	if r.n%batch == 0 && r.s.mu.TryLock() {
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
	r.counted.bytes.Add(r.pending.bytes)
	r.pending = lookups{}
}

// Flush counts the lookups, and tells the policy of those since the last Flush.
func (r *Reader) Flush() {
	r.Rest()
	r.Count()
	if r.n == 0 && r.spared.hits == 0 {
		return
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.tell()
}

// tell tells the policy of the hits. The store is locked.
func (r *Reader) tell() {
	hits := r.hits[:r.n]
	if r.changes != r.s.changes {
		hits = r.stillThere()
	}
	r.n, r.changes = 0, r.s.changes
	for some := range slices.Chunk(hits, batch) {
		for i, h := range some {
			r.slots[i] = h.slot
		}
		r.s.accessAll(r.slots[:len(some)])
	}
	r.spared.renew(r.s, hits)
}

// stillThere returns the hits whose slots still have the items which were found.
func (r *Reader) stillThere() []hit {
	there := r.hits[:0]
	for _, h := range r.hits[:r.n] {
		if h.slot < r.s.slots {
			if p := r.s.place(h.slot); p.item != arena.None && p.stamp == h.stamp && h.stamp != 0 {
				there = append(there, h)
			}
		}
	}
	return there
}
