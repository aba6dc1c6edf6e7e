package mrc

import (
	"iter"
	"math"
)

// groups is into how many groups the keys of a sample are divided, by chance, to see
// how much they differ. All keys together are one group.
const groups = 32

// groupOf returns the group of a key, of so many as divide 256.
func groupOf(hash uint64, of int) uint8 { return uint8(hash >> 33 % uint64(of)) }

// tally counts requests or misses, each as often as its key stands for others.
type tally struct{ objects, bytes float64 }

func (t *tally) add(u tally) {
	t.objects += u.objects
	t.bytes += u.bytes
}

func (t tally) times(f float64) tally { return tally{f * t.objects, f * t.bytes} }

// row is what was counted in a while.
type row struct {
	traffic     Traffic
	missedBytes float64 // of requests that the cache itself missed
	groups      int
	nowhere     []float64 // by group: requests for what is not there
	asked       []tally   // by group: of the sample, without these
	misses      []tally   // by miniature, and of each by group
}

func newRow(n, groups int) *row {
	return &row{groups: groups, nowhere: make([]float64, groups), asked: make([]tally, groups), misses: make([]tally, n*groups)}
}

func (r *row) missesOf(miniature int) []tally {
	return r.misses[miniature*r.groups:][:r.groups]
}

// add adds up what has the same groups, or one, which counts for all alike.
func (r *row) add(from *row) {
	r.traffic.Requests += from.traffic.Requests
	r.traffic.Hits += from.traffic.Hits
	r.traffic.HitBytes += from.traffic.HitBytes
	r.missedBytes += from.missedBytes
	each := r.groups / from.groups
	part := 1 / float64(each)
	for g := range r.nowhere {
		r.nowhere[g] += part * from.nowhere[g/each]
	}
	for g := range r.asked {
		r.asked[g].add(from.asked[g/each].times(part))
	}
	for i := range r.misses {
		r.misses[i].add(from.misses[i/each].times(part))
	}
}

func (r *row) reset() {
	r.traffic, r.missedBytes = Traffic{}, 0
	clear(r.nowhere)
	clear(r.asked)
	clear(r.misses)
}

// A row is for half a minute; in the hour's window, ten of them are one.
const (
	rowTicks   = 300
	recentRows = 10
	hourRows   = 12
	rowsInHour = 120
)

// windows are the rows of the last five minutes and of the last hour. The window
// of five minutes has the present row and nine before it.
type windows struct {
	n        int // miniatures
	current  *row
	recent   [recentRows]*row // a ring
	hour     [hourRows]*row   // a ring; the present one has what recent has already
	turns    int
	end      uint32             // tick at which the current row ends
	since    uint32             // tick at which all of it began anew
	requests [rowsInHour]uint32 // how many requests of the sample there were, row by row
}

func newWindows(n int) windows {
	w := windows{n: n, end: rowTicks}
	for r := range w.rows() {
		*r = newRow(n, 1)
	}
	return w
}

func (w *windows) rows() iter.Seq[**row] {
	return func(yield func(**row) bool) {
		more := yield(&w.current)
		for i := 0; more && i < len(w.recent); i++ {
			more = yield(&w.recent[i])
		}
		for i := 0; more && i < len(w.hour); i++ {
			more = yield(&w.hour[i])
		}
	}
}

func (w *windows) reset(now uint32) {
	w.since = now
	for r := range w.rows() {
		(*r).reset()
	}
}

// divide begins to count by groups, because of now on only a sample is seen. What was
// counted until then has no error, as if all groups had been alike.
func (w *windows) divide() {
	if w.current.groups == groups {
		return
	}
	for r := range w.rows() {
		divided := newRow(w.n, groups)
		divided.add(*r)
		*r = divided
	}
}

func (w *windows) memory() int64 {
	const rows = 1 + recentRows + hourRows
	return rows * int64(len(w.current.misses)) * 16
}

func (w *windows) pass(t Traffic) {
	w.current.traffic.Requests += t.Requests
	w.current.traffic.Hits += t.Hits
	w.current.traffic.HitBytes += t.HitBytes
}

func (w *windows) due(now uint32) bool { return now >= w.end }

// turn ends the current row.
func (w *windows) turn(requests uint32) {
	if w.turns%recentRows == 0 {
		w.hour[w.turns/recentRows%hourRows].reset()
	}
	w.hour[w.turns/recentRows%hourRows].add(w.current)
	oldest := w.recent[w.turns%recentRows]
	w.recent[w.turns%recentRows] = w.current
	oldest.reset()
	w.current = oldest
	w.requests[w.turns%rowsInHour] = requests
	w.turns++
	w.end += rowTicks
}

// hourAgo is the number of the last request an hour ago.
func (w *windows) hourAgo() uint32 {
	if w.turns < rowsInHour {
		return 0
	}
	return w.requests[w.turns%rowsInHour]
}

// Window is a length of time that curves are for.
type Window int

// The windows.
const (
	FiveMinutes Window = iota
	Hour
)

// ticks is how long the window is, up to now: less than its name says while it is
// young, and for as long as its newest row is not over.
func (w *windows) ticks(of Window, now uint32) uint32 {
	rows := min(w.turns, recentRows-1)
	if of == Hour {
		rows = min(w.turns, (hourRows-1)*recentRows+(w.turns+recentRows-1)%recentRows+1)
	}
	return min(uint32(rows)*rowTicks+now-(w.end-rowTicks), now-w.since)
}

func (w *windows) sum(of Window) *row {
	sum := newRow(w.n, groups)
	sum.add(w.current)
	if of == Hour {
		for _, r := range w.hour {
			sum.add(r)
		}
		return sum
	}
	for i := range recentRows {
		if i != w.turns%recentRows { // the place of the current one, and what was there ten rows ago
			sum.add(w.recent[i])
		}
	}
	return sum
}

// Snapshot is the curves at one moment.
type Snapshot struct {
	Capacity int64   // bytes: the present one
	Requests int64   // of the window
	Hits     int64   // those that the cache itself answered
	Bytes    int64   // that were asked for; in a sample, those that were missed are estimated
	HitBytes int64   // that the cache itself had
	Seconds  int     // how long the window is by now: it begins anew with another capacity
	Exact    bool    // every key was in the sample all the time
	Rate     float64 // at which keys with small values are sampled; 1 is all
	Keys     int     // in the sample
	Curves   []Curve
}

// Curve is the curve of a policy.
type Curve struct {
	Policy string
	Points []Point // by capacity
}

// Point is what a cache of a capacity would have missed, as parts from 0 to 1.
type Point struct {
	Capacity       int64 // bytes
	Objects, Bytes float64
	// How far from the truth the miss ratios are at most, in nine cases of ten; 0 where
	// they are exact.
	ObjectsBand, BytesBand float64
}

// Snapshot returns the curves of a window.
func (c *Curves) Snapshot(of Window) Snapshot {
	c.flush()
	sum := c.windows.sum(of)
	s := Snapshot{
		Capacity: c.config.Capacity, Requests: sum.traffic.Requests, Hits: sum.traffic.Hits, HitBytes: sum.traffic.HitBytes,
		Bytes: sum.traffic.HitBytes + int64(sum.missedBytes), Seconds: int(c.windows.ticks(of, c.now) / ticksPerSecond),
		Exact: c.exact, Rate: c.gate.rate(), Keys: c.keys.n,
	}
	for i, name := range c.config.Policies {
		curve := Curve{Policy: name}
		for point := range points {
			curve.Points = append(curve.Points, c.point(sum, i*points+point))
		}
		s.Curves = append(s.Curves, curve)
	}
	return s
}

func (c *Curves) point(sum *row, i int) Point {
	p := Point{Capacity: c.caches[i].capacity}
	var objects, bytes estimate
	for g, missed := range sum.missesOf(i) {
		asked, nowhere := sum.asked[g], sum.nowhere[g]
		objects.asked[g], objects.missed[g] = asked.objects+nowhere, missed.objects+nowhere
		bytes.asked[g], bytes.missed[g] = asked.bytes, missed.bytes
	}
	p.Objects, p.ObjectsBand = objects.ratio(float64(sum.traffic.Requests))
	p.Bytes, p.BytesBand = bytes.ratio(float64(sum.traffic.HitBytes) + sum.missedBytes)
	if c.exact {
		p.ObjectsBand, p.BytesBand = 0, 0
	}
	return p
}

// estimate is what of a sample was asked for and missed, by groups of keys.
type estimate struct{ asked, missed [groups]float64 }

// ratio is the part that was missed of all, and twice its standard error.
//
// The sample has asked for more or for less than all that it stands for, because
// some keys in it, or not in it, are asked for often. How many of these requests
// missed, the groups tell: where one has more requests than another, it has so many
// more misses (the regression estimator of survey sampling). What the groups
// differ by beyond that is the error. All keys together, of whose requests a few are
// not known, differ in nothing.
func (e *estimate) ratio(all float64) (r, band float64) {
	if all <= 0 {
		return 0, 0
	}
	var asked, missed, both, squares float64
	for g := range groups {
		asked += e.asked[g]
		missed += e.missed[g]
	}
	for g := range groups {
		a := e.asked[g] - asked/groups
		both += a * (e.missed[g] - missed/groups)
		squares += a * a
	}
	slope := missed / max(1, asked)
	if squares > 0 {
		slope = max(0, min(1, both/squares))
	}
	residues := 0.0
	for g := range groups {
		d := e.missed[g] - missed/groups - slope*(e.asked[g]-asked/groups)
		residues += d * d
	}
	r = (missed - slope*(asked-all)) / all
	return max(0, min(1, r)), 2 * math.Sqrt(residues*groups/(groups-2)) / all
}
