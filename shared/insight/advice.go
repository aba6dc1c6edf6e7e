package insight

import (
	"math"
	"slices"
)

// Kind is what an [Advice] says.
type Kind string

// The kinds.
const (
	Wait   Kind = "wait"   // not enough traffic yet to say
	Keep   Kind = "keep"   // nothing would do noticeably better
	Switch Kind = "switch" // another policy would serve more, with the same capacity
	Grow   Kind = "grow"   // more memory would serve more
	Shrink Kind = "shrink" // less memory would serve as much
)

// Advice is what to set, and why.
type Advice struct {
	Kind      Kind
	To        Settings // as they are, for Wait and Keep
	Now, Then Estimate // as they are, and with To; 0 for Wait
}

// Gain is how much more of the requests would be served, from -1 to 1.
func (a Advice) Gain() float64 { return a.Then.Rate - a.Now.Rate }

// What makes a change worth it, as parts of the hit rate.
const (
	switchGain = 0.01  // another policy, which costs nothing
	growGain   = 0.02  // each doubling of the memory
	shrinkLoss = 0.002 // less memory: no more than that
	certainty  = 0.01  // and of that much one must be sure
)

// Question is what [Advise] is asked.
type Question struct {
	Measure     Measure
	Long, Short View // the last hour and the last five minutes
	Now         Settings
	Least, Most int64    // capacities that may be set
	Policies    []string // that may be set; without any, the policy stays
}

// Advise recommends one thing. It must be worth it in the last hour, and in the last
// five minutes too, unless there was too little traffic in these. A better policy
// comes first, then more memory, by two doublings at most, then less, down to a
// quarter.
func Advise(q Question) Advice {
	wait := Advice{Kind: Wait, To: q.Now}
	now, ok := q.Long.At(q.Measure, q.Now)
	if !ok || !q.Long.Enough() {
		return wait
	}
	for _, to := range q.candidates() {
		if then, ok := q.Long.At(q.Measure, to.Settings); ok && q.worth(to) {
			return Advice{Kind: to.kind, To: to.Settings, Now: now, Then: then}
		}
	}
	return Advice{Kind: Keep, To: q.Now, Now: now, Then: now}
}

// candidate is what may be recommended.
type candidate struct {
	Settings
	kind      Kind
	doublings float64 // of the memory
}

// candidates are those that the bounds allow, the first ones first.
func (q Question) candidates() []candidate {
	var all []candidate
	var barred []string
	for _, c := range q.Long.Curves {
		if c.Policy == q.Now.Policy || !slices.Contains(q.Policies, c.Policy) {
			barred = append(barred, c.Policy)
		}
	}
	if policy, _, ok := q.Long.Best(q.Measure, q.Now.Capacity, barred...); ok {
		all = append(all, candidate{Settings{q.Now.Capacity, policy}, Switch, 0})
	}
	for _, doublings := range []int{1, 2} {
		if to := q.Now.Capacity << doublings; to <= q.Most {
			all = append(all, candidate{Settings{to, q.Now.Policy}, Grow, float64(doublings)})
		}
	}
	for _, halvings := range []int{2, 1} {
		if to := q.Now.Capacity >> halvings; to >= q.Least && to == wholeMB(to) {
			all = append(all, candidate{Settings{to, q.Now.Policy}, Shrink, 0})
		}
	}
	return all
}

// worth tells whether both windows speak for it.
func (q Question) worth(c candidate) bool {
	return worth(q.Long, q.Measure, q.Now, c) && (!q.Short.Enough() || worth(q.Short, q.Measure, q.Now, c))
}

func worth(v View, m Measure, now Settings, c candidate) bool {
	a, known := v.At(m, now)
	b, also := v.At(m, c.Settings)
	gain, doubt := b.Rate-a.Rate, math.Hypot(a.Band, b.Band)
	switch c.kind {
	case Switch:
		gain -= max(switchGain, doubt)
	case Grow:
		gain -= max(growGain*c.doublings, doubt)
	case Shrink:
		gain += shrinkLoss
		known = known && doubt <= certainty
	}
	return known && also && gain >= 0
}
