// Package store keeps items by key within a capacity: the index, the
// replacement policy, the value memory and the expiry. There is one policy for
// all items, so that it sees every request, and an object as large as the whole
// capacity fits; one lock guards every change. Lookups that hit go around that
// lock: see Reader.
//
// An item is charged what it really takes: its blocks in the arena and its place
// in the index. Room is made before memory is taken, so that what is held
// never exceeds the capacity: stored items, values still being written, and
// values that are deleted but still being sent.
//
// A lease is an item without a value that a meta get with N leaves behind: its
// reader has won the right to fill it, and deleting it takes the right away.
// Leases are no objects: the policy does not see them, they have a bounded part
// of the memory, and they go oldest first.
package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"memcache/cache/internal/arena"
	"memcache/cache/internal/tap"
	"memcache/cache/policy"
)

// Bounds of the capacity, in bytes.
const (
	MinCapacity = 1 << 20
	MaxCapacity = arena.MaxBytes
)

const (
	// entryCharge is what an item takes besides its blocks: its places by slot (12
	// bytes), in the index (at most 13) and in the policy (at most 21).
	entryCharge = 48
	// leaseShare is the part of the capacity that leases may take: 1/16.
	leaseShare = 16
	// step is how many items are handled under one hold of the lock: with every
	// policy, well under a millisecond (GDSF looks at 64 candidates for each).
	step = 32
)

// Errors of Begin and Commit. The text is for the log: the server has its own.
var (
	ErrTooLarge = errors.New("the item is larger than the item limit or the capacity")
	ErrNoMemory = errors.New("all memory is taken by values that are being read or written")
)

// Config is how a store begins.
type Config struct {
	Capacity  int64            // bytes, from MinCapacity to MaxCapacity
	ItemLimit int64            // bytes of the largest value
	Policy    string           // a name of policy.Infos
	Seed      uint64           // for policies that use chance
	Now       func() time.Time // nil is time.Now
	Tap       *tap.Tap         // is told of what happens; nil for none
	// FirstCAS is the first cas value given out. It must be above those of
	// every earlier life of the cache, or a lease from before a restart could fill
	// one from after it.
	FirstCAS uint64
}

// Store is a cache in memory. Its methods may be called at the same time.
type Store struct {
	now     func() time.Time
	elapsed func() time.Duration // since the start
	limit   int64
	tap     *tap.Tap

	index   index
	flushAt atomic.Uint32 // tick at which everything goes; 0 for never

	switching  sync.Mutex // one switch of the policy at a time
	topping    sync.Mutex // one Top at a time
	mu         sync.Mutex // everything below, and all changes above
	limbo      limbo
	arena      *arena.Arena
	pages      []*page // places by slot
	slots      uint32  // slots ever used
	free       uint32  // first unused slot below slots; none ends the list
	changes    int64   // how often a slot got another object, or was freed
	order      order
	leases     policy.Policy // orders the leases, oldest first
	capacity   int64
	nextCAS    uint64
	dying      []*page // places of flushed items that are still to be freed
	buried     int     // places of the first of them whose items are free
	cursor     uint32  // slot from which the search for expired items goes on
	mortal     int64   // items that will expire
	bytes      int64   // charge of all items, leases included
	leaseBytes int64
	count      Counters // without the lookups of readers
	readers    []*Reader
	hot        hot // without the hits of readers
	evicted    evicted
	largest    []large         // see Top
	topCursor  uint32          // slot from which the search for them goes on
	classes    []ClassCounters // by number of the class
}

// New returns an empty store. Close gives its memory back.
func New(c Config) (*Store, error) {
	if err := checkCapacity(c.Capacity); err != nil {
		return nil, err
	}
	if _, err := policy.New(c.Policy, c.Seed); err != nil {
		return nil, err
	}
	elapsed := sinceStart(c.Now)
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Store{
		now: c.Now, elapsed: elapsed, limit: c.ItemLimit, tap: c.Tap, index: index{seed: maphash.MakeSeed()},
		order:    order{name: c.Policy, seed: c.Seed},
		capacity: c.Capacity, nextCAS: max(1, c.FirstCAS), classes: make([]ClassCounters, arena.Classes()+1),
	}
	var err error
	if s.arena, err = arena.New(owners{s}); err != nil {
		return nil, err
	}
	s.limbo.epoch.Store(atRest + 1)
	s.reset()
	return s, nil
}

// Close gives the memory of all values back. Nothing may use the store, or a
// Value of it, any more.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
	for s.bury() {
	}
	s.empty()
	return s.arena.Close()
}

// newPolicy makes a policy whose name was checked before.
func newPolicy(name string, seed uint64) policy.Policy {
	p, err := policy.New(name, seed)
	if err != nil {
		panic(err)
	}
	return p
}

func checkCapacity(n int64) error {
	if n < MinCapacity || n > MaxCapacity {
		return fmt.Errorf("the capacity of %d bytes is out of range: choose %d MB to %d MB", n, MinCapacity>>20, MaxCapacity>>20)
	}
	return nil
}

// Charge returns the bytes that an item is charged.
func Charge(keyLen, size int) int64 { return arena.Cost(entrySize+keyLen+size) + entryCharge }

// Stats is a view of a store at one moment.
type Stats struct {
	Counters
	Capacity int64
	MaxItem  int64 // bytes of the largest value that would be taken now
	Policy   string
	Items    int64 // without leases
	Leases   int64
	Bytes    int64 // charge of items and leases
	Held     int64 // charge of everything, values being sent or written included
	Resident int64 // bytes of value memory that the system may count
}

// Counters count since the start, or since ResetStats.
type Counters struct {
	Gets, Hits, Misses              int64
	HitBytes                        int64 // of the values of hits
	Sets, Stored                    int64 // Stored counts those that were
	Touches, TouchHits, TouchMisses int64
	DeleteHits, DeleteMisses        int64
	IncrHits, IncrMisses            int64
	DecrHits, DecrMisses            int64
	CASHits, CASMisses, CASBad      int64
	Flushes                         int64
	Evictions, EvictedUnfetched     int64
	GetExpired                      int64 // asked for, but expired
	Reclaimed, ExpiredUnfetched     int64 // expired items whose memory was taken back
	LeasesWon, LeasesLost, Refused  int64 // Refused are fills whose lease was gone
	TooLarge, NoMemory              int64
	NotAdmitted                     int64 // values that the policy did not want to keep
}

// Stats returns the counters and what is in use.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	s.empty()
	return Stats{
		Counters: s.counters(),
		Capacity: s.capacity, MaxItem: s.maxItem(), Policy: s.order.name,
		Items: int64(s.order.len()), Leases: int64(s.leases.Len()),
		Bytes: s.bytes, Held: s.held(), Resident: s.arena.Resident(),
	}
}

func (s *Store) counters() Counters {
	c := s.count
	for _, r := range s.readers {
		hits, misses := r.counted.hits.Load(), r.counted.misses.Load()
		c.Gets += hits + misses
		c.Hits += hits
		c.Misses += misses
		c.HitBytes += r.counted.bytes.Load()
	}
	return c
}

// SetCapacity changes the capacity. When it shrinks, it evicts until the items
// fit and gives the memory that is free then back to the system.
func (s *Store) SetCapacity(n int64) error {
	if err := checkCapacity(n); err != nil {
		return err
	}
	s.mu.Lock()
	s.capacity = n
	s.mu.Unlock()
	for s.shrink() {
	}
	s.compact(0)
	return s.trim()
}

// shrink evicts some items; it returns whether there is more to do.
func (s *Store) shrink() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range step {
		if s.held() <= s.capacity || !s.evict() {
			return false
		}
	}
	return true
}

// held is the memory that counts against the capacity. What is in limbo has a
// bound of its own.
func (s *Store) held() int64 {
	return s.arena.Used() - s.limbo.bytes + int64(s.order.len()+s.leases.Len())*entryCharge
}

// makeRoom evicts until n more bytes fit. It evicts nothing when that cannot be
// enough, because of values that are being sent or written.
func (s *Store) makeRoom(n int64) bool {
	if s.roomFor(n) {
		return true
	}
	if s.held()-s.bytes+n > s.capacity {
		return false
	}
	for s.held()+n > s.capacity {
		if !s.evict() {
			return false
		}
	}
	return true
}

// roomFor tells whether n more bytes fit, once what was flushed is freed.
func (s *Store) roomFor(n int64) bool {
	s.freeDead()
	for s.held()+n > s.capacity && s.bury() {
	}
	return s.held()+n <= s.capacity
}

// evict lets one item go, an object if there is one, else the oldest lease.
func (s *Store) evict() bool {
	if slot, ok := s.order.evict(); ok {
		s.countEviction(s.entry(slot))
		s.noteEviction(slot)
		s.forget(slot)
		return true
	}
	return s.evictLease()
}

func (s *Store) evictLease() bool {
	slot, ok := s.leases.Evict()
	if ok {
		s.forget(slot)
	}
	return ok
}

// fits tells whether an item can ever be stored: a lease on the same key must
// have room beside it.
func (s *Store) fits(keyLen int, size int64) bool {
	return size <= s.limit && size <= s.capacity && Charge(keyLen, int(size))+Charge(keyLen, 0) <= s.capacity
}

// maxItem searches for the largest value that fits with the longest key.
func (s *Store) maxItem() int64 {
	low, high := int64(0), min(s.limit, s.capacity)
	for low < high {
		mid := (low + high + 1) / 2
		if s.fits(maxKey, mid) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}
