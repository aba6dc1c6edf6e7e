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
	mean := api.CurvePoint{Capacity: capacity, Objects: 1, Bytes: 1}
	for _, w := range windows {
		points := pointsOf(w.Curves, policy)
		byRequests, byBytes := float64(w.Requests)/requests, float64(w.Bytes)/bytes
		o, b := nearest(Objects.points(points), capacity), nearest(Bytes.points(points), capacity)
		mean.Objects -= byRequests * o.Rate
		mean.Bytes -= byBytes * b.Rate
		mean.ObjectsBand = math.Hypot(mean.ObjectsBand, byRequests*o.Band)
		mean.BytesBand = math.Hypot(mean.BytesBand, byBytes*b.Band)
	}
	return mean
}

// nearest is what a curve has at a capacity, or at that end which is nearest to it;
// nothing is hit without a curve.
func nearest(points []Point, capacity int64) Estimate {
	if len(points) == 0 {
		return Estimate{}
	}
	e, _ := Between(points, min(max(capacity, points[0].Capacity), points[len(points)-1].Capacity))
	return e
}

func pointsOf(curves []api.Curve, policy string) []api.CurvePoint {
	for _, c := range curves {
		if c.Policy == policy {
			return c.Points
		}
	}
	return nil
}

// Point is the hit rate with a capacity, in bytes.
type Point struct {
	Capacity int64
	Estimate
}

// Between is what a curve has at a capacity; false beyond its ends. Between two
// points it is on the straight line over the logarithm of the capacity. How far the
// truth is from that line nobody has looked; it is taken to be a quarter of what
// the two differ by, in the middle between them.
func Between(points []Point, capacity int64) (Estimate, bool) {
	i, found := slices.BinarySearchFunc(points, capacity, func(p Point, c int64) int { return cmp.Compare(p.Capacity, c) })
	if found {
		return points[i].Estimate, true
	}
	if i == 0 || i == len(points) {
		return Estimate{}, false
	}
	a, b := points[i-1], points[i]
	t := math.Log(float64(capacity)/float64(a.Capacity)) / math.Log(float64(b.Capacity)/float64(a.Capacity))
	return Estimate{a.Rate + t*(b.Rate-a.Rate), a.Band + t*(b.Band-a.Band) + t*(1-t)*math.Abs(b.Rate-a.Rate)}, true
}

// points are the hit rates of a curve.
func (m Measure) points(curve []api.CurvePoint) []Point {
	points := make([]Point, len(curve))
	for i, p := range curve {
		points[i] = Point{p.Capacity, Estimate{1 - p.Objects, p.ObjectsBand}}
		if m == Bytes {
			points[i].Estimate = Estimate{1 - p.Bytes, p.BytesBand}
		}
	}
	return points
}

// Points are the hit rates of a policy, by capacity; none when nothing was asked
// for, and for a policy that has no curve.
func (v View) Points(m Measure, policy string) []Point {
	if _, asked := v.Measured(m); !asked {
		return nil
	}
	return m.points(pointsOf(v.Curves, policy))
}

// Range is the least and the greatest capacity that is known of, 0 and 0 for none.
func (v View) Range() (least, most int64) {
	if len(v.Curves) == 0 || len(v.Curves[0].Points) == 0 {
		return 0, 0
	}
	points := v.Curves[0].Points
	return points[0].Capacity, points[len(points)-1].Capacity
}

// At is the hit rate with the settings; false when nothing was asked for, for a
// policy that has no curve, and beyond the range of capacities.
func (v View) At(m Measure, s Settings) (Estimate, bool) {
	return Between(v.Points(m, s.Policy), s.Capacity)
}

// Least is the least capacity with which the policy reaches the hit rate, in whole
// MB; false if none does.
func (v View) Least(m Measure, policy string, rate float64) (capacity int64, ok bool) {
	points := v.Points(m, policy)
	for i, p := range points {
		if p.Rate < rate-1e-9 { // less than the last digit that the nodes tell
			continue
		}
		if i == 0 {
			return wholeMB(p.Capacity), true
		}
		a := points[i-1]
		t := min(1, (rate-a.Rate)/(p.Rate-a.Rate))
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
	for i, p := range v.Points(m, policy) {
		if net := p.Rate - gain*float64(i); net > best {
			best, capacity, ok = net, wholeMB(p.Capacity), true
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
