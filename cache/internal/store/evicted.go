package store

const (
	// evictedKept is how many evictions are remembered.
	evictedKept = 256
	// evictedEach is how many of one second are: the first. More than that nobody
	// can follow, and evicting must not become slower.
	evictedEach = 64
)

// Eviction is an item that was evicted.
type Eviction struct {
	Known
	At int64 // Unix time in milliseconds
	// Shrunk tells that the capacity was made smaller; else room was needed.
	Shrunk bool
}

// evicted are the last evictions.
type evicted struct {
	ring   [evictedKept]Eviction
	n      int // ever noted
	second uint32
	noted  int // in this second
}

// noteEviction remembers the item in slot, which is about to go.
func (s *Store) noteEviction(slot uint32) {
	v, now := &s.evicted, s.ticks()
	if second := now / perSecond; second != v.second {
		v.second, v.noted = second, 0
	}
	if v.noted++; v.noted > evictedEach {
		return
	}
	// What is stored never takes more than the capacity, unless this has shrunk.
	v.ring[v.n%evictedKept] = Eviction{
		Known: s.known(s.place(slot).item, now), At: s.now().UnixMilli(), Shrunk: s.held() > s.capacity,
	}
	v.n++
}

// Evicted returns the last evictions that were noted, at most n, the newest first.
func (s *Store) Evicted(n int) (all []Eviction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &s.evicted
	for i := v.n - 1; i >= max(0, v.n-evictedKept) && len(all) < n; i-- {
		all = append(all, v.ring[i%evictedKept])
	}
	return all
}
