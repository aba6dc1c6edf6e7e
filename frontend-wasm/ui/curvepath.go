package ui

import (
	"math"
	"strconv"

	"memcache/shared/insight"
)

// The size of a curve chart's own coordinates; the page stretches them.
const (
	curveWidth  = 600
	curveHeight = 240
)

// curveFigure is what a chart of hit rates by capacity shows.
type curveFigure struct {
	Lines []curveLine
	Marks []curveMark
	At    int64 // bytes: the capacity that is marked by an upright line; 0 for none
}

// curveLine is the curve of one policy.
type curveLine struct {
	Name   string
	Class  string // its colour: line-a, line-b, …
	Points []insight.Point
}

// curveMark is a dot beside the lines.
type curveMark struct {
	Name  string
	Class string // its colour
	Point insight.Point
	Open  bool // a ring: foretold, not measured
}

// curveScale maps capacities, whose logarithms have equal distances, and hit rates
// to the chart's coordinates.
type curveScale struct {
	Least, Most int64   // bytes
	Low, High   float64 // hit rates
}

// scale is what all of the figure fits in; false when there is nothing to show. The
// rates reach from a multiple of 10 % to another.
func (f *curveFigure) scale() (s curveScale, ok bool) {
	s = curveScale{Least: math.MaxInt64, Low: 1}
	for _, l := range f.Lines {
		for _, p := range l.Points {
			s.Least, s.Most = min(s.Least, p.Capacity), max(s.Most, p.Capacity)
			s.fit(p)
		}
	}
	for _, m := range f.Marks {
		s.fit(m.Point)
	}
	const step = 10
	s.Low = max(0, math.Floor(s.Low*step+1e-6)/step)
	s.High = min(1, math.Ceil(s.High*step-1e-6)/step)
	if s.High-s.Low < 1.5/step { // a flat curve needs room around it
		s.Low, s.High = max(0, s.Low-1.0/step), min(1, s.High+1.0/step)
	}
	return s, s.Least < s.Most
}

func (s *curveScale) fit(p insight.Point) { s.Low, s.High = min(s.Low, p.Rate), max(s.High, p.Rate) }

// x is where a capacity lies, from 0 to 1.
func (s curveScale) x(capacity int64) float64 {
	at := math.Log(float64(capacity)/float64(s.Least)) / math.Log(float64(s.Most)/float64(s.Least))
	return min(max(at, 0), 1)
}

// capacity is what lies at x.
func (s curveScale) capacity(x float64) int64 {
	return int64(math.Round(float64(s.Least) * math.Pow(float64(s.Most)/float64(s.Least), min(max(x, 0), 1))))
}

func (s curveScale) place(p insight.Point) point {
	y := (p.Rate - s.Low) / (s.High - s.Low)
	return point{s.x(p.Capacity) * curveWidth, (1 - min(max(y, 0), 1)) * curveHeight}
}

// path is the line through the points, "" for fewer than two.
func (s curveScale) path(points []insight.Point) string {
	if len(points) < 2 {
		return ""
	}
	return string(s.trace(nil, points, 'M'))
}

func (s curveScale) trace(b []byte, points []insight.Point, step byte) []byte {
	for _, p := range points {
		b = appendPoint(append(b, step), s.place(p))
		step = 'L'
	}
	return b
}

// band is the surface that the truth is in, "" when the points are exact.
func (s curveScale) band(points []insight.Point) string {
	var upper, lower []insight.Point
	wide := false
	for i, p := range points {
		q := points[len(points)-1-i]
		upper = append(upper, raised(p, p.Band))
		lower = append(lower, raised(q, -q.Band))
		wide = wide || p.Band > 0
	}
	if !wide {
		return ""
	}
	return string(append(s.trace(s.trace(nil, upper, 'M'), lower, 'L'), 'Z'))
}

func raised(p insight.Point, by float64) insight.Point {
	p.Rate += by
	return p
}

// upright is a line from the top to the bottom at a capacity, "" for 0.
func (s curveScale) upright(capacity int64) string {
	if capacity <= 0 {
		return ""
	}
	x := strconv.FormatFloat(math.Round(s.x(capacity)*curveWidth*10)/10, 'f', -1, 64)
	return "M" + x + " 0V" + strconv.Itoa(curveHeight)
}

// dot is a place alone: a line of no length, which its ends make round.
func (s curveScale) dot(p insight.Point) string {
	return string(appendPoint([]byte{'M'}, s.place(p))) + "h0.01"
}
