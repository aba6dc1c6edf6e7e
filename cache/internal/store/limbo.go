package store

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"memcache/cache/internal/arena"
)

// Lookups take no lock and leave no mark on what they find. So what is taken out
// of the index is not freed at once: it waits in limbo until every Reader that
// may have found it has said that it is done. (Epoch-based reclamation: Fraser,
// Practical lock-freedom, 2004.)
//
// Time is counted in epochs, from 1. A Reader notes the epoch of its last lookup:
// what was retired in an earlier one is not what it has found.
type limbo struct {
	_       [64]byte // what lookups read has a cache line of its own
	epoch   atomic.Uint64
	evicted atomic.Int64 // how many items ever were
	_       [48]byte
	items   []retired // oldest first
	bytes   int64     // of them

	mu    sync.Mutex // a leaf: nothing is locked under it
	dead  []arena.Handle
	deads atomic.Int32 // how many these are
}

// retired is an item that the index does not know any more.
type retired struct {
	item  arena.Handle
	epoch uint64
	bytes int64
}

const (
	// Items in limbo take at most 1/limboShare of the capacity, and limboBytes,
	// beyond it.
	limboShare = 64
	limboBytes = 8 << 20
	// patience is how many items wait before it is looked whether some can go, and
	// patienceBytes how many bytes: a large block is best used again while the
	// processor still has it in its cache.
	patience      = 32
	patienceBytes = 32 << 10
)

// retire gives up the index's reference to an item, once no lookup uses it.
func (s *Store) retire(item arena.Handle) {
	l := &s.limbo
	s.arena.Leave(item)
	bytes := arena.Cost(s.arena.Length(item))
	l.items = append(l.items, retired{item, l.epoch.Load(), bytes})
	l.bytes += bytes
	if len(l.items)%patience == 0 || l.bytes >= patienceBytes {
		s.reclaim()
	}
}

// reclaim frees what no lookup uses any more.
func (s *Store) reclaim() {
	l := &s.limbo
	oldest := s.oldestEpoch()
	n := 0
	for ; n < len(l.items) && l.items[n].epoch < oldest; n++ {
		l.bytes -= l.items[n].bytes
		if s.arena.Release(l.items[n].item) {
			s.arena.Free(l.items[n].item)
		}
	}
	l.items = l.items[:copy(l.items, l.items[n:])]
	if len(l.items) > 0 {
		l.epoch.Add(1)
	}
}

// oldestEpoch is the epoch in which the first of the lookups under way began.
func (s *Store) oldestEpoch() uint64 {
	oldest := uint64(math.MaxUint64)
	for _, r := range s.readers {
		if e := r.epoch.Load(); e != atRest {
			oldest = min(oldest, e)
		}
	}
	return oldest
}

// await waits until the lookups that are under way are done. They take no longer
// than a Reader's turn, and never wait for Store.mu.
func (s *Store) await() {
	now := s.limbo.epoch.Add(1)
	for i := 0; s.oldestEpoch() < now; i++ {
		if i < 100 {
			runtime.Gosched()
		} else {
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// bound waits for lookups when more is in limbo than may be.
func (s *Store) bound() {
	if s.limbo.bytes <= min(s.capacity/limboShare, limboBytes) {
		return
	}
	if s.reclaim(); s.limbo.bytes > min(s.capacity/limboShare, limboBytes) {
		s.empty()
	}
}

// empty waits until nothing is in limbo.
func (s *Store) empty() {
	s.freeDead()
	if len(s.limbo.items) > 0 {
		s.await()
		s.reclaim()
	}
}

// leaveDead leaves an item that nobody has a reference to any more to the next
// who has the store's lock.
func (s *Store) leaveDead(item arena.Handle) {
	l := &s.limbo
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = append(l.dead, item)
	l.deads.Store(int32(len(l.dead)))
}

func (s *Store) freeDead() {
	l := &s.limbo
	if l.deads.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, item := range l.dead {
		s.arena.Free(item)
	}
	l.dead = l.dead[:0]
	l.deads.Store(0)
}
