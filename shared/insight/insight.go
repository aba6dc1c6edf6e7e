// Package insight judges miss-ratio curves: what the hit rate would be with a
// capacity and a policy, which capacity reaches a rate, where more memory stops to
// pay, and what to set instead of what is set.
//
// All of it are pure functions of the curves that the cache nodes tell
// ([api.Insight]); the page of the cache and the backend decide with the same ones.
package insight

import (
	"cmp"
	"math"
	"slices"

	"memcache/shared/api"
)

// Measure is what a rate is a part of.
type Measure int

// The measures.
const (
	Objects Measure = iota // requests
	Bytes                  // the bytes that were asked for
)

// Settings are a capacity, in bytes, and a policy of each node.
type Settings struct {
	Capacity int64
	Policy   string
}

// Estimate is a hit rate from 0 to 1, and how far it is from the truth at most, in
// nine cases of ten.
type Estimate struct{ Rate, Band float64 }

// View is what the nodes saw in a window, all together.
type View struct {
	Nodes    int   // that have curves
	Seconds  int   // the window's length
	Covered  int   // seconds that it is of by now
	Capacity int64 // bytes, of each node
	Requests int64
	Hits     int64 // as they were
	Bytes    int64 // that were asked for
	HitBytes int64
	Exact    bool    // every key was looked at; else a sample of them was
	Rate     float64 // the lowest at which a node samples; 1 is all
	Curves   []api.Curve
}

// MinRequests is how many requests it takes to say anything.
const MinRequests = 1000

// Enough tells whether there were enough requests to say anything.
func (v View) Enough() bool { return v.Requests >= MinRequests }

// Of adds up the windows of so many seconds of the nodes. A node counts as much as
// it was asked; the capacities are those of the first. Without nodes that have
// curves the view is empty.
func Of(in api.Insight, seconds int) View {
	v := View{Seconds: seconds, Exact: true, Rate: 1}
	var windows []api.CurveWindow
	for _, n := range in.Nodes {
		i := slices.IndexFunc(n.Windows, func(w api.CurveWindow) bool { return w.Seconds == seconds })
		if i < 0 {
			continue
		}
		if v.Nodes == 0 {
			v.Capacity = n.Capacity
		}
		v.Nodes++
		v.Covered = max(v.Covered, n.Windows[i].Covered)
		v.Requests += n.Windows[i].Requests
		v.Hits += n.Windows[i].Hits
		v.Bytes += n.Windows[i].Bytes
		v.HitBytes += n.Windows[i].HitBytes
		v.Exact = v.Exact && n.Exact
		v.Rate = min(v.Rate, n.Rate)
		windows = append(windows, n.Windows[i])
	}
	v.Curves = together(windows)
	return v
}

// Measured is the hit rate as it was; false when nothing was asked for.
func (v View) Measured(m Measure) (float64, bool) {
	hits, all := v.Hits, v.Requests
	if m == Bytes {
		hits, all = v.HitBytes, v.Bytes
	}
	if all == 0 {
		return 0, false
	}
	return float64(hits) / float64(all), true
}

// together is the mean of the windows' curves, of objects by requests and of bytes
// by bytes.
func together(windows []api.CurveWindow) []api.Curve {
	busy := slices.DeleteFunc(slices.Clone(windows), func(w api.CurveWindow) bool { return w.Requests == 0 })
	switch {
	case len(busy) == 1:
		return busy[0].Curves
	case len(busy) == 0 && len(windows) > 0:
		return windows[0].Curves
	case len(busy) == 0:
		return nil
	}
	var requests, bytes float64
	for _, w := range busy {
		requests += float64(w.Requests)
		bytes += float64(w.Bytes)
	}
	var curves []api.Curve
	for _, first := range busy[0].Curves {
		mean := api.Curve{Policy: first.Policy}
		for _, p := range first.Points {
			mean.Points = append(mean.Points, meanPoint(busy, first.Policy, p.Capacity, requests, max(1, bytes)))
		}
		curves = append(curves, mean)
	}
	return curves
}

// meanPoint adds what the windows have at a capacity; their errors are independent.
func meanPoint(windows []api.CurveWindow, policy string, capacity int64, requests, bytes float64) api.CurvePoint {
	mean := api.CurvePoint{Capacity: capacity}
	for _, w := range windows {
		p := nearest(w.Curves, policy, capacity)
		objects, sizes := float64(w.Requests)/requests, float64(w.Bytes)/bytes
		mean.Objects += objects * p.Objects
		mean.Bytes += sizes * p.Bytes
		mean.ObjectsBand = math.Hypot(mean.ObjectsBand, objects*p.ObjectsBand)
		mean.BytesBand = math.Hypot(mean.BytesBand, sizes*p.BytesBand)
	}
	return mean
}

// nearest is the point of a curve at a capacity, between two of its own or at an end.
func nearest(curves []api.Curve, policy string, capacity int64) api.CurvePoint {
	points := pointsOf(curves, policy)
	if len(points) == 0 {
		return api.CurvePoint{Objects: 1, Bytes: 1}
	}
	return at(points, min(max(capacity, points[0].Capacity), points[len(points)-1].Capacity))
}

func pointsOf(curves []api.Curve, policy string) []api.CurvePoint {
	for _, c := range curves {
		if c.Policy == policy {
			return c.Points
		}
	}
	return nil
}

// at is the point at a capacity within the range of the points: on the straight
// line between its neighbours, over the logarithm of the capacity. How far the
// truth is from that line nobody has looked; it is taken to be a quarter of what
// the neighbours differ by, in the middle between them.
func at(points []api.CurvePoint, capacity int64) api.CurvePoint {
	i, found := slices.BinarySearchFunc(points, capacity, func(p api.CurvePoint, c int64) int { return cmp.Compare(p.Capacity, c) })
	if found || i == 0 || i == len(points) {
		return points[min(i, len(points)-1)]
	}
	a, b := points[i-1], points[i]
	t := math.Log(float64(capacity)/float64(a.Capacity)) / math.Log(float64(b.Capacity)/float64(a.Capacity))
	between := func(x, y float64) float64 { return x + t*(y-x) }
	doubt := func(x, y float64) float64 { return t * (1 - t) * math.Abs(y-x) }
	return api.CurvePoint{
		Capacity: capacity, Objects: between(a.Objects, b.Objects), Bytes: between(a.Bytes, b.Bytes),
		ObjectsBand: between(a.ObjectsBand, b.ObjectsBand) + doubt(a.Objects, b.Objects),
		BytesBand:   between(a.BytesBand, b.BytesBand) + doubt(a.Bytes, b.Bytes),
	}
}

// estimate is the hit rate at a point.
func (m Measure) estimate(p api.CurvePoint) Estimate {
	if m == Bytes {
		return Estimate{1 - p.Bytes, p.BytesBand}
	}
	return Estimate{1 - p.Objects, p.ObjectsBand}
}

// Range is the least and the greatest capacity that is known of, 0 and 0 for none.
func (v View) Range() (least, most int64) {
	if len(v.Curves) == 0 || len(v.Curves[0].Points) == 0 {
		return 0, 0
	}
	points := v.Curves[0].Points
	return points[0].Capacity, points[len(points)-1].Capacity
}

// At is the hit rate with the settings; false without requests, for a policy that
// has no curve, and beyond the range of capacities.
func (v View) At(m Measure, s Settings) (Estimate, bool) {
	points := pointsOf(v.Curves, s.Policy)
	if _, asked := v.Measured(m); !asked || len(points) == 0 || s.Capacity < points[0].Capacity || s.Capacity > points[len(points)-1].Capacity {
		return Estimate{}, false
	}
	return m.estimate(at(points, s.Capacity)), true
}

// Least is the least capacity with which the policy reaches the hit rate, in whole
// MB; false if none does.
func (v View) Least(m Measure, policy string, rate float64) (capacity int64, ok bool) {
	points := pointsOf(v.Curves, policy)
	if _, asked := v.Measured(m); !asked {
		return 0, false
	}
	for i, p := range points {
		r := m.estimate(p).Rate
		if r < rate-1e-9 { // less than the last digit that the nodes tell
			continue
		}
		if i == 0 {
			return wholeMB(p.Capacity), true
		}
		a := points[i-1]
		below := m.estimate(a).Rate
		t := min(1, (rate-below)/(r-below))
		return wholeMB(int64(math.Ceil(float64(a.Capacity) * math.Pow(float64(p.Capacity)/float64(a.Capacity), t)))), true
	}
	return 0, false
}

func wholeMB(bytes int64) int64 { return max(1, (bytes+api.MB-1)/api.MB) * api.MB }

// Knee is the capacity beyond which no doubling brings the policy gain more of the
// hit rate, be it by several doublings together: where the rate less gain for each
// doubling is greatest. False without requests.
func (v View) Knee(m Measure, policy string, gain float64) (capacity int64, ok bool) {
	best := math.Inf(-1)
	_, asked := v.Measured(m)
	for i, p := range pointsOf(v.Curves, policy) {
		if net := m.estimate(p).Rate - gain*float64(i); net > best {
			best, capacity, ok = net, wholeMB(p.Capacity), asked
		}
	}
	return capacity, ok
}

// Best is the policy with the highest hit rate at the capacity, of those that
// are not among others; false when none is known.
func (v View) Best(m Measure, capacity int64, others ...string) (policy string, e Estimate, ok bool) {
	for _, c := range v.Curves {
		if slices.Contains(others, c.Policy) {
			continue
		}
		if x, known := v.At(m, Settings{capacity, c.Policy}); known && (!ok || x.Rate > e.Rate) {
			policy, e, ok = c.Policy, x, true
		}
	}
	return policy, e, ok
}
