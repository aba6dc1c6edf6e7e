package store

import (
	"slices"

	"memcache/cache/internal/arena"
)

// sizeStep is how finely Survey tells the sizes of items apart, in bytes.
const sizeStep = 32

// Survey tells what is stored, by size.
type Survey struct {
	Classes []ClassStats // those that hold anything, or have evicted; smallest first
	Sizes   []SizeCount  // smallest first
}

// ClassStats describes one size class. An item is of the class of its first
// block.
type ClassStats struct {
	arena.Class
	ClassCounters
	Items int64
	Bytes int64 // keys and values
	Age   int64 // seconds since the last access of the item that has waited longest
}

// ClassCounters count in one size class since the start, or since ResetStats.
type ClassCounters struct {
	Evicted, EvictedMortal, EvictedUnfetched int64 // EvictedMortal would have expired
	EvictedIdle                              int64 // seconds since the last access of the item evicted last
	Reclaimed, ExpiredUnfetched              int64
}

// SizeCount is how many items take at most Size bytes, and more than the next
// smaller one.
type SizeCount struct {
	Size  int64
	Count int64
}

// class is the number of the item's size class.
func (e *entry) class() int { return arena.ClassOf(e.skip() + int(e.size)) }

func (s *Store) countEviction(e *entry) {
	c := &s.classes[e.class()]
	s.count.Evictions++
	s.limbo.evicted.Add(1)
	c.Evicted++
	c.EvictedIdle = e.idle(s.tick())
	if e.expire != 0 {
		c.EvictedMortal++
	}
	if !e.fetched() {
		s.count.EvictedUnfetched++
		c.EvictedUnfetched++
	}
}

// ResetStats sets all counters to zero.
func (s *Store) ResetStats() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count = Counters{}
	for _, r := range s.readers {
		r.counted.hits.Store(0)
		r.counted.misses.Store(0)
		r.counted.bytes.Store(0)
		r.hot.reset()
	}
	s.hot.reset()
	clear(s.classes)
}

// Survey looks at every item, a step at a time: while items come and go, it
// tells of some and not of others.
func (s *Store) Survey() Survey {
	all := survey{make([]ClassStats, arena.Classes()+1), map[int64]int64{}}
	for from := uint32(0); s.surveySome(&all, from); from += step {
	}
	return s.summary(&all)
}

type survey struct {
	classes []ClassStats    // by number
	sizes   map[int64]int64 // items by size
}

func (s *Store) surveySome(all *survey, from uint32) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	end := min(from+step, s.slots)
	for slot := from; slot < end; slot++ {
		if s.place(slot).item == arena.None {
			continue
		}
		e := s.entry(slot)
		if e.is(lease) || e.expired(now) {
			continue
		}
		c := &all.classes[e.class()]
		c.Items++
		c.Bytes += int64(e.keyLen()) + int64(e.size)
		c.Age = max(c.Age, e.idle(now))
		all.sizes[(e.charge()+sizeStep-1)/sizeStep*sizeStep]++
	}
	return end < s.slots
}

func (s *Store) summary(all *survey) (v Survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, class := range s.arena.Classes() {
		c := all.classes[class.Number]
		c.Class, c.ClassCounters = class, s.classes[class.Number]
		if c.Slabs > 0 || c.ClassCounters != (ClassCounters{}) {
			v.Classes = append(v.Classes, c)
		}
	}
	for size, n := range all.sizes {
		v.Sizes = append(v.Sizes, SizeCount{size, n})
	}
	slices.SortFunc(v.Sizes, func(a, b SizeCount) int { return int(a.Size - b.Size) })
	return v
}
