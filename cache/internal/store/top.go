package store

import (
	"cmp"
	"slices"

	"memcache/cache/internal/arena"
)

const (
	// headBytes is how much of a value Known tells.
	headBytes = 1280
	// topScan is how many slots one Top looks at for the largest items: where there
	// are more, it goes on where the last one ended.
	topScan = 65_536
	// topKept is how many of the largest are remembered from one Top to the next.
	topKept = 64
)

// Known is what is known of an item, with the beginning of its value: whoever
// stored it may know it again by that.
type Known struct {
	Key     string
	Size    int   // bytes of the value
	Charge  int64 // bytes that it takes
	Flags   uint32
	Idle    int64 // seconds since the last access
	Fetched bool  // there was an access since it was stored
	Head    []byte
}

// Top is which items are the largest, and which have the most hits.
type Top struct {
	Largest []Known
	Hottest []Hot
	Since   int64 // Unix time since which hits are counted; 0 when there was none
	Seen    int   // slots that were looked at for the largest in this call
	Slots   int   // of all of them
}

// Hot is an item and its hits, which are an estimate when there are many.
type Hot struct {
	Known
	Hits int64
}

// large is an item that is among the largest, as far as they are known.
type large struct {
	slot, stamp uint32
	size        uint32
}

// Top returns the n largest items and the n with the most hits.
func (s *Store) Top(n int) Top {
	s.topping.Lock()
	defer s.topping.Unlock()
	t := Top{}
	for more := true; more && t.Seen < topScan; {
		more = s.lookAtSome(&t)
	}
	keys, since := s.hottest()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	s.keepLargest()
	for _, l := range s.largest[:min(n, len(s.largest))] {
		t.Largest = append(t.Largest, s.known(s.place(l.slot).item, now))
	}
	for _, k := range keys {
		if _, e := s.find([]byte(k.key), now); e != nil && !e.is(lease|stale) && len(t.Hottest) < n {
			slot, _ := s.find([]byte(k.key), now)
			t.Hottest = append(t.Hottest, Hot{s.known(s.place(slot).item, now), k.hits})
		}
	}
	if since != 0 {
		t.Since = s.now().Unix() - int64((now-since)/perSecond)
	}
	return t
}

// lookAtSome looks for large items among the next slots, and tells whether there
// are more before the search is round.
func (s *Store) lookAtSome(t *Top) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Slots = int(s.slots)
	if s.topCursor >= s.slots {
		s.topCursor = 0
	}
	end := min(s.topCursor+step, s.slots)
	for slot := s.topCursor; slot < end; slot++ {
		p := s.place(slot)
		if p.item == arena.None || p.stamp == 0 {
			continue
		}
		if size := s.at(p.item).size; len(s.largest) < topKept || size > s.largest[topKept-1].size {
			s.largest = append(s.largest, large{slot, p.stamp, size})
		}
	}
	if len(s.largest) > 2*topKept {
		s.keepLargest()
	}
	t.Seen += int(end - s.topCursor)
	s.topCursor = end
	return end < s.slots
}

// keepLargest drops what is no longer there, what is there twice and what is smaller
// than topKept others.
func (s *Store) keepLargest() {
	s.largest = slices.DeleteFunc(s.largest, func(l large) bool {
		if l.slot >= s.slots {
			return true
		}
		p := s.place(l.slot)
		return p.item == arena.None || p.stamp != l.stamp
	})
	slices.SortFunc(s.largest, func(a, b large) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.slot, b.slot)) })
	s.largest = slices.Compact(s.largest)
	s.largest = s.largest[:min(len(s.largest), topKept)]
}

// known describes an item.
func (s *Store) known(item arena.Handle, now uint32) Known {
	e := s.at(item)
	return Known{
		Key: string(s.key(item)), Size: int(e.size), Charge: e.charge(), Flags: e.flags, Idle: e.idle(now), Fetched: e.fetched(),
		Head: s.head(item),
	}
}

// head copies the beginning of an item's value.
func (s *Store) head(item arena.Handle) []byte {
	b := make([]byte, 0, min(headBytes, int(s.at(item).size)))
	var segments [8][]byte
	for _, part := range s.lend(item).Segments(segments[:0]) {
		b = append(b, part[:min(len(part), cap(b)-len(b))]...)
	}
	return b
}
