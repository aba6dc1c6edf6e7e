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
func itemCount(s api.Sample) (float64, bool)    { return float64(s.Items), s.Seconds > 0 }
func byteCount(s api.Sample) (float64, bool)    { return float64(s.Bytes), s.Seconds > 0 }

func bytesRate(n int64, s api.Sample) (float64, bool) {
	if s.Reads.Seconds <= 0 {
		return 0, false
	}
	return float64(n) / s.Reads.Seconds, true
}

func memoryRate(s api.Sample) (float64, bool) { return bytesRate(s.Reads.MemoryBytes, s) }
func diskRate(s api.Sample) (float64, bool)   { return bytesRate(s.Reads.DiskBytes, s) }

// hitTime and missTime are the times that the part q of them does not exceed.
func hitTime(q float64) series {
	return func(s api.Sample) (float64, bool) { return s.Reads.Hits.Quantile(q) }
}

func missTime(q float64) series {
	return func(s api.Sample) (float64, bool) { return s.Reads.Misses.Quantile(q) }
}

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

// point is a place in a chart's own coordinates.
type point struct{ x, y float64 }

// paths are the shapes of one series: a line through the samples, the surface
// below it, and dots for the samples that stand alone.
type paths struct{ Line, Area, Dots string }

// drawPaths draws the series, top being the value at the upper edge. Samples
// apart by a gap are not joined.
func drawPaths(w *window, value series, top float64) paths {
	var line, area, dots []byte
	for _, run := range runs(w, value, top) {
		if len(run) == 1 {
			dots = append(appendPoint(append(dots, 'M'), run[0]), "h0.01"...)
			continue
		}
		area = appendPoint(append(area, 'M'), point{run[0].x, chartHeight})
		for i, p := range run {
			step := byte('L')
			if i == 0 {
				step = 'M'
			}
			line = appendPoint(append(line, step), p)
			area = appendPoint(append(area, 'L'), p)
		}
		area = append(appendPoint(append(area, 'L'), point{run[len(run)-1].x, chartHeight}), 'Z')
	}
	return paths{string(line), string(area), string(dots)}
}

// runs returns the points of the series, divided where something is missing.
func runs(w *window, value series, top float64) [][]point {
	var all [][]point
	open := false
	var before api.Sample
	for _, s := range w.Samples {
		v, ok := value(s)
		if !ok {
			open = false
			continue
		}
		if !open || !w.joined(before, s) {
			all = append(all, nil)
		}
		last := &all[len(all)-1]
		*last = append(*last, point{chartX(w, s.Time), chartY(v, top)})
		before, open = s, true
	}
	return all
}

// joined tells whether nothing is missing between a and the later b. In a long
// window a sample is of many seconds, and so is the time between two.
func (w *window) joined(a, b api.Sample) bool {
	if w.Seconds > api.DefaultWindow {
		const steps, points, recorded = 3, 1000, 5000
		return b.Time-a.Time <= steps*max(int64(w.Seconds)*1000/points, recorded)
	}
	seconds := max(b.Seconds, b.Reads.Seconds)
	return seconds <= maxInterval && b.Time-int64(seconds*1000)-a.Time <= gapMillis
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

func appendPoint(b []byte, p point) []byte {
	b = strconv.AppendFloat(b, math.Round(p.x*10)/10, 'f', -1, 64)
	b = append(b, ' ')
	return strconv.AppendFloat(b, math.Round(p.y*10)/10, 'f', -1, 64)
}
