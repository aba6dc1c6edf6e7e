// Package autopilot decides, from the miss-ratio curves of the cache, what its
// capacity should be: the smallest that reaches a hit rate, or the knee of the
// curve, between two bounds.
//
// It is pure: a [Pilot] is what is remembered from one decision to the next, and
// who keeps it (package cachectl, in the database) hands in the time, the settings
// and the curves. What keeps it from oscillating:
//
//   - It changes nothing for [Interval] after a change, and until the curves, which
//     begin anew with another capacity, are of [learn] at least.
//   - It grows when the rate is [slack] below the target, in the last hour too unless it
//     is [urgent] below, to what reaches slack more than the target; it shrinks when that
//     saves a fifth, and no further than what reaches slack more. Between the two nothing
//     happens.
//   - What it has grown it does not let go for an hour, and not before it has seen an hour
//     of traffic with it; and for twice as long each time it had to take back soon what it
//     had let go.
package autopilot

import (
	"cmp"
	"math"
	"slices"
	"time"

	"memcache/shared/api"
	"memcache/shared/insight"
)

const (
	// Interval is the least time between two changes, and how long a change by a person
	// pauses the autopilot.
	Interval = 10 * time.Minute
	// learn is how long curves must be of to be believed.
	learn = 4 * time.Minute
	// calm is how long curves must be of before memory is let go.
	calm = 10 * time.Minute
	// hold is for how long grown memory is kept, and how long curves must be of then.
	hold = time.Hour
	// regret is within what time growing again means that shrinking was wrong.
	regret = 3 * time.Hour
	// forgiven is after what time that does not matter any more.
	forgiven = 24 * time.Hour

	slack  = 0.005 // of the hit rate
	urgent = 0.02  // of the hit rate: so far below the target, the last minutes are enough
	nearly = 0.02  // of the hit rate, below the most that can be reached
	gain   = 0.01  // of the hit rate, that a doubling of the memory must bring at the knee
	save   = 0.8   // of the capacity: shrinking must get below that

	mostGrowth = 4 // times the capacity, at once
	mostSaved  = 4 // the part of it, likewise
)

// Pilot is the autopilot between two decisions.
type Pilot struct {
	api.AutopilotSettings
	Seen    insight.Settings      // of the cache, as it knows them
	Since   int64                 // when a person last changed these; 0 for not since it is on
	Undone  int64                 // when one of its changes was undone, which turned it off
	Changes []api.AutopilotChange // newest first
}

// New is a pilot that is off; the bounds of the capacity are those that can be set.
func New(least, most int64) Pilot {
	half := most / 2 / api.MB * api.MB
	return Pilot{AutopilotSettings: api.AutopilotSettings{Goal: api.GoalRate, Target: 0.9, Least: max(least, min(64*api.MB, half)), Most: max(least, half)}}
}

// Sight is what a decision is made from.
type Sight struct {
	Now         time.Time
	Cache       insight.Settings // as they are set
	Short, Long insight.View     // of five minutes and of an hour
}

// Look notes what has happened since the last decision: it tells whether p changed.
func (p *Pilot) Look(s Sight) (changed bool) {
	if !p.On || p.Seen == s.Cache {
		return false
	}
	p.Seen, p.Since = s.Cache, s.Now.UnixMilli()
	return true
}

// View tells how it is, with what Look and Decide would do now.
func (p Pilot) View(s Sight) api.Autopilot {
	p.Look(s)
	a := api.Autopilot{AutopilotSettings: p.AutopilotSettings, Undone: p.Undone, Changes: slices.Clone(p.Changes)}
	if a.Changes == nil {
		a.Changes = []api.AutopilotChange{}
	}
	if now, ok := s.Short.At(insight.Objects, s.Cache); ok {
		a.Rate = now.Rate
	}
	a.State = p.state(s)
	switch a.State {
	case api.AutopilotPaused:
		a.Since, a.Until = p.Since, p.free().UnixMilli()
	case api.AutopilotWaits:
		a.Until = p.free().UnixMilli()
	case api.AutopilotChanges, api.AutopilotHolds:
		a.Want = s.Cache.Capacity
		if c, ok := p.Decide(s); ok {
			a.Want = c.To
		}
	}
	return a
}

// free is when it may change something again.
func (p Pilot) free() time.Time {
	last := p.Since
	if len(p.Changes) > 0 {
		last = max(last, p.Changes[0].Time)
	}
	return time.UnixMilli(last).Add(Interval)
}

func (p Pilot) state(s Sight) string {
	switch {
	case !p.On:
		return api.AutopilotOff
	case p.Since > 0 && s.Now.Before(time.UnixMilli(p.Since).Add(Interval)):
		return api.AutopilotPaused
	case s.Now.Before(p.free()):
		return api.AutopilotWaits
	case p.outside(s.Cache.Capacity):
		return api.AutopilotChanges
	case s.Short.Nodes == 0:
		return api.AutopilotBlind
	case !s.Short.Enough() || covers(s.Short) < learn:
		return api.AutopilotLearns
	}
	if _, ok := p.target(s); ok {
		return api.AutopilotChanges
	}
	return api.AutopilotHolds
}

func covers(v insight.View) time.Duration { return time.Duration(v.Covered) * time.Second }

func (p Pilot) outside(capacity int64) bool { return capacity < p.Least || capacity > p.Most }

// Decide is the change to make now, if there is one. The caller makes it, and then
// calls Note.
func (p Pilot) Decide(s Sight) (c api.AutopilotChange, ok bool) {
	p.Look(s)
	if p.state(s) != api.AutopilotChanges {
		return c, false
	}
	c = api.AutopilotChange{
		ID: 1, Time: s.Now.UnixMilli(), From: s.Cache.Capacity, Policy: s.Cache.Policy, Goal: p.Goal, Target: p.Target,
		To: min(max(s.Cache.Capacity, p.Least), p.Most), Why: api.WhyOutside,
	}
	if len(p.Changes) > 0 {
		c.ID = p.Changes[0].ID + 1
	}
	if to, found := p.target(s); found && !p.outside(s.Cache.Capacity) {
		c.To, c.Why = to.capacity, to.why
	}
	view := s.Short
	if c.To < c.From {
		view = s.Long
	}
	c.Was, c.Is = rate(view, s.Cache.Policy, c.From), rate(view, s.Cache.Policy, c.To)
	c.Text = sentence(c)
	return c, true
}

// Note remembers a change that was made.
func (p *Pilot) Note(c api.AutopilotChange) {
	p.Seen = insight.Settings{Capacity: c.To, Policy: c.Policy}
	p.Changes = slices.Insert(slices.Clone(p.Changes), 0, c)
	p.Changes = p.Changes[:min(len(p.Changes), api.MaxAutopilotChanges)]
}

// Undo turns it off and marks the change, and those after it, as undone. It returns
// the change; false if there is none that could be undone.
func (p *Pilot) Undo(id int64, now time.Time) (c api.AutopilotChange, ok bool) {
	i := slices.IndexFunc(p.Changes, func(c api.AutopilotChange) bool { return c.ID == id })
	if i < 0 || p.Changes[i].Undone != 0 {
		return c, false
	}
	p.Changes = slices.Clone(p.Changes)
	for j := range p.Changes[:i+1] {
		p.Changes[j].Undone = cmp.Or(p.Changes[j].Undone, now.UnixMilli())
	}
	p.On, p.Undone = false, now.UnixMilli()
	return p.Changes[i], true
}

// Set changes what it is told. Turned on, it begins with the cache as it is.
func (p *Pilot) Set(to api.AutopilotSettings, cache insight.Settings) {
	if to.On && !p.On {
		p.Seen, p.Since, p.Undone = cache, 0, 0
	}
	p.AutopilotSettings = to
}

func rate(v insight.View, policy string, capacity int64) float64 {
	e, _ := v.At(insight.Objects, insight.Settings{Capacity: capacity, Policy: policy})
	return e.Rate
}

// aim is a capacity, and the reason for it.
type aim struct {
	capacity int64
	why      string
}

// target is the capacity to change to; false when the present one is right.
func (p Pilot) target(s Sight) (aim, bool) {
	to, ok := p.grow(s)
	if !ok {
		to, ok = p.shrink(s)
	}
	now, want := s.Cache.Capacity, to.capacity
	to.capacity = min(max(want, p.Least, wholeMB(now/mostSaved)), p.Most, now*mostGrowth)
	if to.why == api.WhyBest && to.capacity > now && to.capacity < want { // a step on the way
		to.why = api.WhyBelow
	}
	return to, ok && to.capacity != now
}

// grow is how much more it should be, as the last minutes say.
func (p Pilot) grow(s Sight) (aim, bool) {
	now := s.Cache.Capacity
	to := p.right(s.Short, s.Cache)
	to.capacity = min(to.capacity, p.Most)
	if to.capacity <= now {
		return to, false
	}
	is, will := rate(s.Short, s.Cache.Policy, now), rate(s.Short, s.Cache.Policy, to.capacity)
	if to.why == api.WhyPays {
		return to, will-is-gain*doublings(now, to.capacity) > slack
	}
	low := is < p.Target-slack && (covers(s.Long) < calm || rate(s.Long, s.Cache.Policy, now) < p.Target-slack)
	return to, (low || is < p.Target-urgent) && will > is+slack
}

// shrink is how little would do, as the last minutes and the last hour say, if it
// may be let go by now.
func (p Pilot) shrink(s Sight) (aim, bool) {
	now := s.Cache.Capacity
	until, grown := p.held(s.Now)
	if covers(s.Long) < calm || !s.Long.Enough() || grown && (s.Now.Before(until) || covers(s.Long) < hold*9/10) {
		return aim{}, false
	}
	short, long := p.right(s.Short, s.Cache), p.right(s.Long, s.Cache)
	to := long
	if short.capacity > long.capacity {
		to = short
	}
	if to.why == api.WhyPays {
		to.why = api.WhyIdle
	}
	if to.why == api.WhyBelow {
		to.why = api.WhyAbove
	}
	to.capacity = max(to.capacity, p.Least)
	return to, float64(to.capacity) <= save*float64(now)
}

// right is the capacity that the goal asks for, as the view says.
func (p Pilot) right(v insight.View, cache insight.Settings) aim {
	least, known := v.Range()
	least, most := max(least, p.Least), min(known, p.Most)
	if p.Goal == api.GoalKnee {
		knee, ok := v.Knee(insight.Objects, cache.Policy, gain)
		if !ok {
			knee = cache.Capacity
		}
		return aim{knee, api.WhyPays}
	}
	top := rate(v, cache.Policy, most)
	if top >= p.Target {
		if to, ok := v.Least(insight.Objects, cache.Policy, min(p.Target+slack, top)); ok {
			return aim{max(to, least), api.WhyBelow}
		}
	}
	if most < p.Most && top-rate(v, cache.Policy, most/2) > slack {
		return aim{most, api.WhyBelow} // beyond what is known, there is more
	}
	if to, ok := v.Least(insight.Objects, cache.Policy, top-nearly); ok {
		return aim{max(to, least), api.WhyBest}
	}
	return aim{cache.Capacity, api.WhyBest}
}

// held is until when nothing is let go since it grew: for an hour, and twice as long
// for each time it had shrunk too early. It is false when it has not grown in a day.
func (p Pilot) held(now time.Time) (until time.Time, grown bool) {
	var last, next time.Time // when it grew: at last, and next after the change looked at
	wait := hold
	for _, c := range p.Changes {
		at := time.UnixMilli(c.Time)
		switch {
		case now.Sub(at) > forgiven:
			return last.Add(wait), !last.IsZero()
		case c.Undone != 0:
		case c.To > c.From:
			next = at
			if last.IsZero() {
				last = at
			}
		default:
			if !next.IsZero() && next.Sub(at) < regret && wait < 16*hold {
				wait *= 2
			}
			next = time.Time{}
		}
	}
	return last.Add(wait), !last.IsZero()
}

func doublings(from, to int64) float64 { return math.Log2(float64(to) / float64(from)) }

func wholeMB(bytes int64) int64 { return max(1, (bytes+api.MB-1)/api.MB) * api.MB }
