package ui

import (
	"math"
	"strconv"

	"memcache/shared/api"
)

// The size of a chart's own coordinates; the page stretches them.
const (
	chartWidth  = 600
	chartHeight = 120
)

// gapMillis is how long may lie between two samples, beyond the interval of
// the later one, for them to be joined by a line.
const gapMillis = 4000

// maxInterval is the longest interval of a sample, in seconds, that is drawn
// as joined to the one before: a longer one spans an outage.
const maxInterval = 30

// series takes one value out of a sample; false when there is none.
type series func(api.Sample) (float64, bool)

func hitRate(s api.Sample) (float64, bool) {
	if s.Requests == 0 {
		return 0, false
	}
	return float64(s.Hits) / float64(s.Requests), true
}

func perSecond(n int64, s api.Sample) (float64, bool) {
	if s.Seconds <= 0 {
		return 0, false
	}
	return float64(n) / s.Seconds, true
}

func requestRate(s api.Sample) (float64, bool)  { return perSecond(s.Requests, s) }
func hitsRate(s api.Sample) (float64, bool)     { return perSecond(s.Hits, s) }
func missesRate(s api.Sample) (float64, bool)   { return perSecond(s.Misses, s) }
func evictionRate(s api.Sample) (float64, bool) { return perSecond(s.Evictions, s) }
func itemCount(s api.Sample) (float64, bool)    { return float64(s.Items), true }
func byteCount(s api.Sample) (float64, bool)    { return float64(s.Bytes), true }

// highest returns the largest value of the series in the window, or 0.
func highest(w *window, value series) float64 {
	top := 0.0
	for _, s := range w.Samples {
		if v, ok := value(s); ok {
			top = max(top, v)
		}
	}
	return top
}

// niceTop rounds up to a number that reads well at the top of an axis: 1, 2,
// 2.5 or 5 times a power of ten.
func niceTop(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// niceBytes rounds up likewise in powers of two, so that bytes read well.
func niceBytes(v float64) float64 {
	top := 1024.0
	for top < v {
		top *= 2
	}
	return top
}

// linePath returns the path of a line through the series, top being the value
// at the upper edge. Samples apart by a gap are not joined; one that stands
// alone becomes a dot.
func linePath(w *window, value series, top float64) string {
	return string(drawPath(w, value, top, false))
}

// areaPath is the surface below linePath.
func areaPath(w *window, value series, top float64) string {
	return string(drawPath(w, value, top, true))
}

func drawPath(w *window, value series, top float64, area bool) []byte {
	var b []byte
	runStart, lastX, points := 0.0, 0.0, 0
	end := func() {
		switch {
		case points == 0:
		case area:
			b = appendPoint(append(b, 'L'), lastX, chartHeight)
			b = appendPoint(append(b, 'L'), runStart, chartHeight)
			b = append(b, 'Z')
		case points == 1:
			b = append(b, "h0.01"...)
		}
		points = 0
	}
	var before api.Sample
	for _, s := range w.Samples {
		v, ok := value(s)
		if !ok || (points > 0 && !joined(before, s)) {
			end()
		}
		if !ok {
			continue
		}
		x, y := chartX(w, s.Time), chartY(v, top)
		switch {
		case points > 0:
			b = append(b, 'L')
		case area:
			b = appendPoint(append(b, 'M'), x, chartHeight)
			b = append(b, 'L')
			runStart = x
		default:
			b = append(b, 'M')
		}
		b = appendPoint(b, x, y)
		lastX, before = x, s
		points++
	}
	end()
	return b
}

// joined tells whether nothing is missing between a and the later b.
func joined(a, b api.Sample) bool {
	interval := int64(b.Seconds * 1000)
	return b.Seconds <= maxInterval && b.Time-interval-a.Time <= gapMillis
}

func chartX(w *window, t int64) float64 {
	x := float64(t-w.start()) / float64(int64(w.Seconds)*1000) * chartWidth
	return min(max(x, 0), chartWidth)
}

func chartY(v, top float64) float64 {
	if top <= 0 {
		return chartHeight
	}
	return chartHeight - min(max(v/top, 0), 1)*chartHeight
}

func appendPoint(b []byte, x, y float64) []byte {
	b = strconv.AppendFloat(b, math.Round(x*10)/10, 'f', -1, 64)
	b = append(b, ' ')
	return strconv.AppendFloat(b, math.Round(y*10)/10, 'f', -1, 64)
}
