package store

import (
	"cmp"
	"slices"
	"sync"

	"memcache/cache/internal/splitmix"
)

const (
	// hotKeys is how many keys a hot counts the hits of. One that has more than
	// 1/hotKeys of the hits is among them.
	hotKeys = 256
	// hotBatch is how many hits are looked at before their distance doubles, which
	// it does until a second is over: so few hits are counted exactly, and many cost
	// no more than a few.
	hotBatch = 64
	// hotTicks is after how many ticks counting begins anew, half an hour; what was
	// counted before that is kept as long.
	hotTicks = 1800 * perSecond
)

// hot counts the hits of those keys that have the most, by looking at some of the
// hits: a Space-Saving summary of a sample. One goroutine at a time counts.
type hot struct {
	left    int // hits until the next that is looked at
	every   int // one in so many is, at the moment
	weight  int // of the next that is looked at
	taken   int // in this second
	second  uint32
	chances splitmix.Source

	mu     sync.Mutex
	began  uint32 // tick
	counts map[string]*int64
	before map[string]*int64 // in the half hour before began
	since  uint32            // when that began
}

// hit counts a hit. It is called for each, and does something for few.
func (h *hot) hit(key []byte, now uint32) {
	if h.left--; h.left < 0 {
		h.look(key, now)
	}
}

// look counts the hit for all that were not looked at, and draws the next.
func (h *hot) look(key []byte, now uint32) {
	h.count(key, int64(max(1, h.weight)), now)
	if second := now / perSecond; second != h.second {
		h.second, h.taken, h.every = second, 0, h.every/2
	}
	if h.taken++; h.taken%hotBatch == 0 {
		h.every *= 2
	}
	h.every = max(1, h.every)
	h.weight, h.left = h.every, 0
	if h.every > 1 { // by chance, or what comes in turns would never be seen
		h.left = int(h.chances.Next() % uint64(2*h.every-1))
	}
}

func (h *hot) count(key []byte, n int64, now uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.counts == nil || now-h.began > hotTicks {
		h.before, h.since = h.counts, h.began
		h.counts, h.began = make(map[string]*int64, hotKeys), now
	}
	if c := h.counts[string(key)]; c != nil {
		*c += n
		return
	}
	if len(h.counts) >= hotKeys {
		n += h.dropLeast()
	}
	h.counts[string(key)] = &n
}

// dropLeast makes room for a key. It may have had as many hits as the one that goes.
func (h *hot) dropLeast() (hits int64) {
	least := ""
	for key, c := range h.counts {
		if least == "" || *c < hits {
			least, hits = key, *c
		}
	}
	delete(h.counts, least)
	return hits
}

// addTo adds what was counted, and returns since when.
func (h *hot) addTo(all map[string]int64) (since uint32, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, counts := range []map[string]*int64{h.counts, h.before} {
		for key, c := range counts {
			all[key] += *c
		}
	}
	since = h.began
	if h.before != nil {
		since = h.since
	}
	return since, h.counts != nil
}

func (h *hot) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts, h.before = nil, nil
}

// keyHits are the hits of a key.
type keyHits struct {
	key  string
	hits int64
}

// hottest returns the keys with the most hits, the most first, and since which tick
// they are counted; 0 when there was none.
func (s *Store) hottest() (keys []keyHits, since uint32) {
	all := map[string]int64{}
	for _, h := range s.hots() {
		if began, some := h.addTo(all); some && (since == 0 || began < since) {
			since = began
		}
	}
	for key, n := range all {
		keys = append(keys, keyHits{key, n})
	}
	slices.SortFunc(keys, func(a, b keyHits) int {
		return cmp.Or(cmp.Compare(b.hits, a.hits), cmp.Compare(a.key, b.key))
	})
	return keys, since
}

func (s *Store) hots() []*hot {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []*hot{&s.hot}
	for _, r := range s.readers {
		all = append(all, &r.hot)
	}
	return all
}
