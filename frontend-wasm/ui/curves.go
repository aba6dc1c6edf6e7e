package ui

import (
	"slices"

	"memcache/shared/api"
	"memcache/shared/insight"
)

// curvesSeen is what is known of the curves.
type curvesSeen struct {
	seenValue[api.Insight] // At is 0 when nothing is known
	wanted                 bool
	err                    string // why they could not be read
}

// watchCurves asks for the curves, and from then on for what is new of them, until
// leaveCurves.
func (s *session) watchCurves() {
	s.curves.wanted = true
	s.askCurves()
}

func (s *session) leaveCurves() {
	s.curves.wanted = false
	if s.live() {
		s.call(api.MethodNoInsight, api.Empty{}, new(api.Empty), func(error) {})
	}
}

func (s *session) askCurves() {
	if !s.curves.wanted || !s.live() {
		return
	}
	in := new(api.Insight)
	s.call(api.MethodInsight, api.Empty{}, in, func(err error) {
		s.curves.err = ""
		if err != nil {
			s.curves.err = failure(err)
		} else {
			s.setCurves(*in)
		}
		s.notify(changeCurves, nil)
	})
}

func (s *session) setCurves(in api.Insight) {
	s.curves.At, s.curves.Value = wallNow(), in
	_ = keep(s.seen, seenCurves, s.curves.At, in)
}

// lens is through what the curves are looked at.
type lens struct {
	measure insight.Measure
	seconds int
}

// outlook is what the curves say to the page of the cache.
type outlook struct {
	lens
	view     insight.View      // of the window that is looked at
	now      insight.Settings  // as they are
	to       insight.Settings  // as they are chosen in the form
	other    string            // the best policy but that of to; "" when none is known
	measured measured          // with now
	promise  *api.Promise      // of the last change
	advice   insight.Advice    // from the last hour
	cache    *api.Cache        // never nil
	traffic  float64           // requests a second
	titles   map[string]string // of the policies
}

// measured is the hit rate as it was.
type measured struct {
	Rate    float64
	Known   bool
	Warming bool // the settings were changed a short while ago
}

// leastMeasured is how many requests tell a hit rate.
const leastMeasured = 100

func newOutlook(s *session, l lens, to insight.Settings) *outlook {
	o := &outlook{lens: l, to: to, cache: s.cache, promise: s.curves.Value.Promise, traffic: s.stats.traffic(shortWindow), titles: map[string]string{}}
	if o.cache == nil {
		o.cache = &api.Cache{}
	}
	o.now = insight.Settings{Capacity: o.cache.Capacity, Policy: o.cache.Policy}
	o.view = insight.Of(s.curves.Value, l.seconds)
	q := insight.Question{
		Measure: l.measure, Long: insight.Of(s.curves.Value, longWindow), Short: insight.Of(s.curves.Value, shortWindow),
		Now: o.now, Least: o.cache.MinCapacity, Most: o.cache.MaxCapacity,
	}
	for _, p := range o.cache.Policies {
		o.titles[p.Name] = p.Title
		q.Policies = append(q.Policies, p.Name)
	}
	o.advice = insight.Advise(q)
	o.other, _, _ = o.view.Best(l.measure, to.Capacity, to.Policy)
	o.measured = o.measure()
	return o
}

// measure is the hit rate with the present settings. While the window has some of
// what was before these, what came since counts, after the warm-up.
func (o *outlook) measure() (m measured) {
	m.Rate, m.Known = o.view.Measured(o.lens.measure)
	p := o.promise
	if p == nil || p.Ended || p.To != api.CacheSettings(o.now) || p.Passed >= p.WarmUp+o.view.Requests {
		return m
	}
	m = measured{Warming: p.Passed < p.WarmUp}
	if o.lens.measure == insight.Objects && p.Requests >= leastMeasured {
		m.Rate, m.Known = float64(p.Hits)/float64(p.Requests), true
	}
	return m
}

// telling is how many of the nodes that answer tell of their traffic.
func (o *outlook) telling() (some, all int) {
	for _, n := range o.cache.Nodes {
		if n.Up {
			all++
		}
	}
	return o.view.Nodes, max(all, o.view.Nodes)
}

// title is a policy's name for people.
func (o *outlook) title(policy string) string {
	if title := o.titles[policy]; title != "" {
		return title
	}
	return policy
}

// figure is what the chart draws: the curve of the chosen policy, that of the best
// other one, what is foretold for the chosen settings, what was measured with the
// present ones and what had been promised of these.
func (o *outlook) figure() curveFigure {
	f := curveFigure{At: o.to.Capacity}
	if !o.view.Enough() {
		return curveFigure{}
	}
	for i, policy := range []string{o.to.Policy, o.other} {
		if points := o.view.Points(o.lens.measure, policy); len(points) > 0 {
			f.Lines = append(f.Lines, curveLine{o.title(policy), []string{"line-a", "line-b"}[i], points})
		}
	}
	mark := func(name, class string, capacity int64, e insight.Estimate, open bool) {
		f.Marks = append(f.Marks, curveMark{name, class, insight.Point{Capacity: capacity, Estimate: e}, open})
	}
	if e, ok := o.view.At(o.lens.measure, o.to); ok {
		mark(t("Foretold"), "line-a", o.to.Capacity, e, true)
	}
	if p := o.kept(); p != nil {
		mark(t("Promised"), "line-d", p.To.Capacity, insight.Estimate{Rate: p.Rate, Band: p.Band}, true)
	}
	if o.measured.Known {
		mark(t("Measured"), "line-c", o.now.Capacity, insight.Estimate{Rate: o.measured.Rate}, false)
	}
	return f
}

// kept is the promise, if it is about what the chart shows.
func (o *outlook) kept() *api.Promise {
	least, most := o.view.Range()
	if p := o.promise; p != nil && p.Known && o.lens.measure == insight.Objects && p.To == api.CacheSettings(o.now) && p.To.Capacity >= least && p.To.Capacity <= most {
		return p
	}
	return nil
}

// The windows of the curves, in seconds.
const (
	shortWindow = 300
	longWindow  = 3600
)

// traffic is how many requests there were a second in the last so many seconds.
func (w *window) traffic(seconds float64) float64 {
	requests, sum := int64(0), 0.0
	for _, s := range slices.Backward(w.Samples) {
		if sum >= seconds {
			break
		}
		requests += s.Requests
		sum += s.Seconds
	}
	if sum == 0 {
		return 0
	}
	return float64(requests) / sum
}
