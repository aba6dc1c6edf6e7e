package ui

import (
	"sort"

	"memcache/shared/api"
)

// window is the samples of the last minutes, oldest first, and the server's
// time at its right edge.
type window struct {
	Seconds int
	Node    string // "" for all
	Now     int64
	Samples []api.Sample
	Marks   []api.Mark // what happened, oldest first
}

// newWindow takes what the server answered to a subscription.
func newWindow(s api.Stats) window {
	w := window{Seconds: s.Seconds, Now: s.Now, Samples: s.Samples, Marks: s.Marks}
	if w.Seconds <= 0 {
		w.Seconds = api.DefaultWindow
	}
	sort.SliceStable(w.Samples, func(i, j int) bool { return w.Samples[i].Time < w.Samples[j].Time })
	if n := len(w.Samples); n > 0 {
		w.Now = max(w.Now, w.Samples[n-1].Time)
	}
	w.trim()
	return w
}

// renew takes a newer answer, and keeps the live samples that are newer still.
func (w *window) renew(s api.Stats) {
	old := *w
	*w = newWindow(s)
	for _, x := range old.Samples {
		w.add(api.Tick{Sample: x, Up: true})
	}
	for _, m := range old.Marks {
		w.mark(m)
	}
	w.trim()
}

// add appends a live tick. One that is not newer than what is there says
// nothing new; one without a cache node moves the window, and leaves a gap in all
// but what the backend itself has read.
func (w *window) add(t api.Tick) {
	w.Now = max(w.Now, t.Sample.Time)
	if n := len(w.Samples); (t.Up || t.Sample.Reads.Seconds > 0) && (n == 0 || t.Sample.Time > w.Samples[n-1].Time) {
		w.Samples = append(w.Samples, t.Sample)
	}
	for _, m := range t.Marks {
		w.mark(m)
	}
	w.trim()
}

// start is the time at the left edge.
func (w *window) start() int64 { return w.Now - int64(w.Seconds)*1000 }

// trim drops what has left the window.
func (w *window) trim() {
	start := w.start()
	i := sort.Search(len(w.Samples), func(i int) bool { return w.Samples[i].Time > start })
	if i > 0 {
		w.Samples = append(w.Samples[:0], w.Samples[i:]...)
	}
	for len(w.Marks) > 0 && w.Marks[0].Time <= start {
		w.Marks = w.Marks[1:]
	}
}

// last returns the newest sample of the cache.
func (w *window) last() (api.Sample, bool) {
	for i := len(w.Samples) - 1; i >= 0; i-- {
		if w.Samples[i].Seconds > 0 {
			return w.Samples[i], true
		}
	}
	return api.Sample{}, false
}

// at returns the index of the sample nearest to the fraction x of the window's
// width, or -1 when none is within a 60th of it.
func (w *window) at(x float64) int {
	want := w.start() + int64(x*float64(w.Seconds)*1000)
	i := sort.Search(len(w.Samples), func(i int) bool { return w.Samples[i].Time >= want })
	best, near := -1, int64(w.Seconds)*1000/60
	for _, c := range []int{i - 1, i} {
		if c < 0 || c >= len(w.Samples) {
			continue
		}
		d := w.Samples[c].Time - want
		if d < 0 {
			d = -d
		}
		if d <= near {
			best, near = c, d
		}
	}
	return best
}

// step returns where the sample is that lies so many samples after the one at
// the fraction x of the width, or before it; beyond the ends it is the last one.
// x below 0 stands for the newest.
func (w *window) step(x float64, by int) float64 {
	n := len(w.Samples)
	if n == 0 {
		return 1
	}
	from := n - 1
	if x >= 0 {
		want := w.start() + int64(x*float64(w.Seconds)*1000)
		from = min(sort.Search(n, func(i int) bool { return w.Samples[i].Time >= want }), n-1)
	}
	to := min(max(from+by, 0), n-1)
	return float64(w.Samples[to].Time-w.start()) / (float64(w.Seconds) * 1000)
}

// rows joins the samples into at most most ones of the same length, the newest
// first, for a table.
func (w *window) rows(most int) []api.Sample {
	span := int64(w.Seconds) * 1000 / int64(most)
	var rows []api.Sample
	for i := len(w.Samples) - 1; i >= 0; i-- {
		s := w.Samples[i]
		if n := len(rows); n > 0 && (w.Now-s.Time)/span == (w.Now-rows[n-1].Time)/span {
			s.Join(rows[n-1])
			rows[n-1] = s
		} else {
			rows = append(rows, s)
		}
	}
	return rows
}
