package store

import "memcache/cache/policy"

// spared are objects that a policy is sated with: what a Reader finds of them, it
// only counts. In a cache where few objects are asked for by far the most, that
// is most of the hits.
//
// The policy may hunger for one of them again before it is told of it: when it
// halves what it has counted, or when the object has come to the end of a queue.
// So they are forgotten after a while, which is short beside the time that either
// takes: the first goes by hits, the second by evictions. A Reader may also know
// an object for that while from a policy before this one.
type spared struct {
	objects [spares]hit // by slot
	hits    int         // that the policy has not been told of
	left    int         // hits until the objects are forgotten
	last    int64       // how many evictions there may have been until then
}

const (
	spares = 8192
	// The while is a hit for every object in the cache, mostSpared at most, and an
	// eviction for each sparedShare objects.
	mostSpared  = 1 << 17
	sparedShare = 64
)

// has tells whether the hit need not be told, and then counts it.
func (sp *spared) has(h hit) bool {
	if sp.objects[h.slot%spares] != h || sp.left == 0 {
		return false
	}
	sp.hits++
	sp.left--
	return true
}

// lapse ends the while when there have been too many evictions.
func (sp *spared) lapse(evicted int64) {
	if evicted > sp.last {
		sp.left = 0
	}
}

// renew tells the policy of the hits that were counted, and adds those of the
// objects just told of that it is sated with.
func (sp *spared) renew(s *Store, told []hit) {
	p, ok := s.order.policy.(policy.Ageing)
	if !ok || s.order.old != nil {
		sp.hits, sp.left = 0, 0
		return
	}
	p.Age(sp.hits)
	sp.hits = 0
	evicted := s.limbo.evicted.Load()
	if sp.lapse(evicted); sp.left == 0 {
		clear(sp.objects[:min(s.slots, spares)])
		sp.left, sp.last = min(p.Len(), mostSpared), evicted+int64(p.Len()/sparedShare)
	}
	for _, h := range told {
		if p.Sated(h.slot) {
			sp.objects[h.slot%spares] = h
		}
	}
}
