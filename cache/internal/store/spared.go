package store

import "memcache/cache/policy"

// spared are objects that a policy is sated with: what a Reader finds of them, it
// only counts. In a cache where few objects are asked for by far the most, that
// is most of the hits.
//
// The policy may hunger for one of them again before it is told of it: when it
// halves what it has counted, or when the object has come to the end of a queue.
// So they are forgotten after a while, which is short beside the time that either
// takes. A Reader may also know an object for that while from a policy before
// this one.
type spared struct {
	objects [spares]hit // by slot
	hits    int         // that the policy has not been told of
	left    int         // hits until the objects are forgotten
}

const (
	spares = 512
	// The while is a hit for every sparedShare objects in the cache, and mostSpared at most.
	sparedShare = 16
	mostSpared  = 4096
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

// renew tells the policy of the hits that were counted, and adds those of the
// objects just told of that it is sated with.
func (sp *spared) renew(o *order, told []hit) {
	p, ok := o.policy.(policy.Ageing)
	if !ok || o.old != nil {
		sp.hits, sp.left = 0, 0
		return
	}
	p.Age(sp.hits)
	sp.hits = 0
	if sp.left == 0 {
		sp.objects = [spares]hit{}
		sp.left = min(p.Len()/sparedShare, mostSpared)
	}
	for _, h := range told {
		if p.Sated(h.slot) {
			sp.objects[h.slot%spares] = h
		}
	}
}
