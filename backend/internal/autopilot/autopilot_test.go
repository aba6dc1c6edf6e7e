//go:build !race

package autopilot

// There is nothing to race here, and the race detector would take a minute.

import (
	"strings"
	"testing"
	"time"

	"memcache/cache/mrc"
	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/shared/api"
	"memcache/shared/insight"
)

// world is a cache with the real policies and the real curves, in a time that runs
// as fast as the test, and the autopilot that steers it.
type world struct {
	t      *testing.T
	now    time.Time
	ticks  uint32
	policy string
	size   int64 // bytes of each object
	cache  *sim.Cache
	curves *mrc.Curves
	set    insight.Settings
	pilot  Pilot
	made   []api.AutopilotChange
}

const perSecond = 20

func newWorld(t *testing.T, settings api.AutopilotSettings, capacity int64) *world {
	t.Helper()
	w := &world{t: t, now: time.UnixMilli(1_800_000_000_000), policy: "lru", size: 64 << 10}
	w.set = insight.Settings{Capacity: capacity, Policy: w.policy}
	p, err := policy.New(w.policy, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.cache = sim.New(p, capacity)
	if w.curves, err = mrc.New(mrc.Config{Capacity: capacity, Policies: []string{w.policy}}); err != nil {
		t.Fatal(err)
	}
	w.pilot = New(api.MB, 1024*api.MB)
	settings.On = true
	w.pilot.Set(settings, w.set)
	return w
}

// rateGoal is to reach a target from 1 to 512 MB.
func rateGoal(target float64) api.AutopilotSettings {
	return api.AutopilotSettings{Goal: api.GoalRate, Target: target, Least: api.MB, Most: 512 * api.MB}
}

// serve is a time of traffic: what key is asked for next. It returns the hit rate.
func (w *world) serve(length time.Duration, next func() uint64) float64 {
	w.t.Helper()
	before := w.cache.Result()
	for i := range int(length / time.Second) {
		for range perSecond {
			w.request(next())
		}
		w.now = w.now.Add(time.Second)
		w.ticks += 10
		w.curves.Advance(w.ticks)
		if i%10 == 9 {
			w.steer()
		}
	}
	after := w.cache.Result()
	return float64(after.Hits-before.Hits) / float64(after.Requests-before.Requests)
}

func (w *world) request(key uint64) {
	e := mrc.Event{Op: mrc.Hit, Hash: sim.Hash(key), Size: uint32(w.size), Charge: uint32(w.size)}
	if w.cache.Request(key, w.size) {
		w.curves.Pass(mrc.Traffic{Requests: 1, Hits: 1, HitBytes: w.size})
	} else {
		w.curves.Pass(mrc.Traffic{Requests: 1})
		w.curves.Add(mrc.Event{Op: mrc.Miss, Hash: e.Hash})
		e.Op = mrc.Set
	}
	w.curves.Add(e)
}

func (w *world) sight() Sight {
	in := api.Insight{Nodes: []api.NodeCurves{{Capacity: w.set.Capacity, Windows: []api.CurveWindow{
		window(w.curves.Snapshot(mrc.FiveMinutes), 300), window(w.curves.Snapshot(mrc.Hour), 3600),
	}}}}
	return Sight{Now: w.now, Cache: w.set, Short: insight.Of(in, 300), Long: insight.Of(in, 3600)}
}

// window is a snapshot as the backend gets it.
func window(s mrc.Snapshot, seconds int) api.CurveWindow {
	w := api.CurveWindow{Seconds: seconds, Covered: s.Seconds, Requests: s.Requests, Hits: s.Hits, Bytes: s.Bytes, HitBytes: s.HitBytes}
	for _, c := range s.Curves {
		curve := api.Curve{Policy: c.Policy}
		for _, p := range c.Points {
			curve.Points = append(curve.Points, api.CurvePoint{
				Capacity: p.Capacity, Objects: p.Objects, Bytes: p.Bytes, ObjectsBand: p.ObjectsBand, BytesBand: p.BytesBand,
			})
		}
		w.Curves = append(w.Curves, curve)
	}
	return w
}

// steer does what the backend's job does.
func (w *world) steer() {
	s := w.sight()
	w.pilot.Look(s)
	change, ok := w.pilot.Decide(s)
	if !ok {
		return
	}
	w.t.Logf("%s after %v: %s", change.Why, w.now.Sub(time.UnixMilli(1_800_000_000_000)), change.Text)
	w.pilot.Note(change)
	w.made = append(w.made, change)
	w.setCapacity(change.To)
}

func (w *world) setCapacity(bytes int64) {
	w.set.Capacity = bytes
	w.cache.SetCapacity(bytes)
	w.curves.SetCapacity(bytes)
}

// check holds what is always true of the changes.
func (w *world) check() {
	w.t.Helper()
	for i, c := range w.made {
		if c.To < w.pilot.Least || c.To > w.pilot.Most || c.To%api.MB != 0 || c.To == c.From {
			w.t.Errorf("change %d goes from %d to %d bytes", c.ID, c.From, c.To)
		}
		if i > 0 && c.Time-w.made[i-1].Time < Interval.Milliseconds() {
			w.t.Errorf("change %d comes %d s after the one before", c.ID, (c.Time-w.made[i-1].Time)/1000)
		}
		if !strings.HasPrefix(c.Text, "From ") || !strings.Contains(c.Text, mb(c.To)) {
			w.t.Errorf("change %d has the reason %q", c.ID, c.Text)
		}
	}
}

// turns is how often the capacity went the other way.
func (w *world) turns() (n int) {
	for i := 1; i < len(w.made); i++ {
		if (w.made[i].To > w.made[i].From) != (w.made[i-1].To > w.made[i-1].From) {
			n++
		}
	}
	return n
}

// zipf is endless traffic of so many keys.
func zipf(seed, first uint64, keys int) func() uint64 {
	var pool []uint64
	for key := range sim.Zipf(seed, 200_000, keys) {
		pool = append(pool, first+key)
	}
	i := 0
	return func() uint64 {
		i++
		return pool[i%len(pool)]
	}
}

// From too little and from too much, it comes to about the least capacity that
// reaches the target, and stays.
func TestItReachesTheTargetAndStays(t *testing.T) {
	const target = 0.7
	var ends []int64
	for _, begin := range []int64{2 * api.MB, 512 * api.MB} {
		w := newWorld(t, rateGoal(target), begin)
		traffic := zipf(1, 0, 4000)
		w.serve(4*time.Hour, traffic)
		settled := len(w.made)
		got := w.serve(4*time.Hour, traffic)
		w.check()
		t.Logf("%d MB: %.4f hits after %d changes", w.set.Capacity/api.MB, got, settled)
		if got < target-0.01 || got > target+0.03 {
			t.Errorf("from %d MB: %.4f of the requests are hits with %d MB", begin/api.MB, got, w.set.Capacity/api.MB)
		}
		if len(w.made) != settled || settled == 0 || w.turns() > 1 {
			t.Errorf("from %d MB: %d changes at first, %d later, %d turns", begin/api.MB, settled, len(w.made)-settled, w.turns())
		}
		ends = append(ends, w.set.Capacity)
	}
	if ratio := float64(ends[0]) / float64(ends[1]); ratio < 0.7 || ratio > 1.4 {
		t.Errorf("it ends with %d bytes from below, %d from above", ends[0], ends[1])
	}
}

// Traffic that changes to and fro every twenty minutes does not make the capacity
// follow: it grows for the larger and stays there, but for a trial now and then.
func TestItDoesNotFollowTrafficToAndFro(t *testing.T) {
	w := newWorld(t, rateGoal(0.7), 16*api.MB)
	small, large := zipf(1, 0, 500), zipf(2, 1<<20, 4000)
	for range 24 {
		w.serve(20*time.Minute, small)
		w.serve(20*time.Minute, large)
	}
	w.check()
	t.Logf("%d changes and %d turns in 16 hours", len(w.made), w.turns())
	if w.turns() > 6 || len(w.made) > 12 {
		t.Errorf("%d changes and %d turns in 16 hours", len(w.made), w.turns())
	}
}

// Popularity that wanders, with the same curve all the time, is no reason to move.
func TestItIsCalmWhilePopularityWanders(t *testing.T) {
	w := newWorld(t, rateGoal(0.6), 64*api.MB)
	var pool []uint64
	for key := range sim.Shifting(3, 12*3600*perSecond, 2000, 50) {
		pool = append(pool, key)
	}
	i := 0
	w.serve(12*time.Hour, func() uint64 { i++; return pool[i-1] })
	w.check()
	if w.turns() > 2 {
		t.Errorf("%d turns in 12 hours", w.turns())
	}
}

// When the traffic becomes another for good, the capacity follows it, both ways.
func TestItFollowsTrafficThatStays(t *testing.T) {
	w := newWorld(t, rateGoal(0.7), 16*api.MB)
	w.serve(3*time.Hour, zipf(1, 0, 400))
	little := w.set.Capacity
	large := zipf(2, 1<<20, 5000)
	w.serve(2*time.Hour, large)
	much := w.set.Capacity
	if rate := w.serve(time.Hour, large); rate < 0.69 {
		t.Errorf("%.4f of the requests are hits with %d MB", rate, much/api.MB)
	}
	w.serve(6*time.Hour, zipf(3, 1<<21, 400))
	w.check()
	t.Logf("%d MB, then %d MB, then %d MB", little/api.MB, much/api.MB, w.set.Capacity/api.MB)
	if much < 3*little || w.set.Capacity > much/3 {
		t.Errorf("%d MB, then %d MB, then %d MB", little/api.MB, much/api.MB, w.set.Capacity/api.MB)
	}
}

// A target that nothing reaches does not take all of the memory for nothing.
func TestATargetOutOfReachTakesWhatServesNearlyAsMuch(t *testing.T) {
	w := newWorld(t, rateGoal(0.99), 2*api.MB)
	keys := uint64(1 << 30)
	some := zipf(1, 0, 500)
	i := 0
	w.serve(5*time.Hour, func() uint64 { // half is asked for once only
		if i++; i%2 == 0 {
			return some()
		}
		keys++
		return keys
	})
	w.check()
	t.Logf("%d MB", w.set.Capacity/api.MB)
	if w.set.Capacity < 16*api.MB || w.set.Capacity > 256*api.MB || w.turns() > 1 {
		t.Errorf("it took %d MB in %d changes and %d turns", w.set.Capacity/api.MB, len(w.made), w.turns())
	}
}

// At the knee, twice the memory brings less than a point and a half, half of it takes more.
func TestTheKnee(t *testing.T) {
	for _, begin := range []int64{2 * api.MB, 512 * api.MB} {
		w := newWorld(t, api.AutopilotSettings{Goal: api.GoalKnee, Target: 0.5, Least: api.MB, Most: 512 * api.MB}, begin)
		w.serve(5*time.Hour, zipf(1, 0, 1000))
		w.check()
		s := w.sight()
		half, is, twice := rate(s.Long, w.policy, w.set.Capacity/2), rate(s.Long, w.policy, w.set.Capacity), rate(s.Long, w.policy, w.set.Capacity*2)
		t.Logf("from %d MB to %d MB: %.4f, with half of it %.4f, with twice %.4f", begin/api.MB, w.set.Capacity/api.MB, is, half, twice)
		if twice-is > gain+slack || is-half < gain-slack {
			t.Errorf("from %d MB it came to %d MB, where half of it has %.4f, all %.4f, twice %.4f", begin/api.MB, w.set.Capacity/api.MB, half, is, twice)
		}
	}
}

// Somebody who changes the cache has ten minutes of peace.
func TestAChangeByAPersonPausesIt(t *testing.T) {
	w := newWorld(t, rateGoal(0.7), 256*api.MB)
	traffic := zipf(1, 0, 4000)
	w.serve(9*time.Minute, traffic)
	w.setCapacity(4 * api.MB)
	w.serve(10*time.Minute, traffic)
	if len(w.made) != 0 {
		t.Fatalf("it changed the capacity within ten minutes: %+v", w.made)
	}
	w.setCapacity(3 * api.MB)
	w.serve(time.Minute, traffic)
	if a := w.pilot.View(w.sight()); a.State != api.AutopilotPaused || a.Until-a.Since != Interval.Milliseconds() || a.Since == 0 {
		t.Errorf("it is %+v", a)
	}
	w.serve(time.Hour, traffic)
	if len(w.made) == 0 {
		t.Error("it never went on")
	}
	w.check()
}

// An undone change turns it off, and says so; what came after it is undone, too.
func TestUndoTurnsItOff(t *testing.T) {
	w := newWorld(t, rateGoal(0.7), 2*api.MB)
	traffic := zipf(1, 0, 4000)
	w.serve(2*time.Hour, traffic)
	if len(w.made) < 2 {
		t.Fatalf("there are only %d changes", len(w.made))
	}
	if _, ok := w.pilot.Undo(99, w.now); ok {
		t.Error("a change that never was is undone")
	}
	first := w.made[0]
	c, ok := w.pilot.Undo(first.ID, w.now)
	if !ok || c.From != first.From {
		t.Fatalf("undone is %+v, %v", c, ok)
	}
	w.setCapacity(c.From)
	if _, again := w.pilot.Undo(first.ID, w.now); again {
		t.Error("it is undone twice")
	}
	a := w.pilot.View(w.sight())
	if a.State != api.AutopilotOff || a.On || a.Undone != w.now.UnixMilli() {
		t.Errorf("it is %+v", a)
	}
	for _, c := range a.Changes {
		if c.Undone == 0 {
			t.Errorf("change %d still stands", c.ID)
		}
	}
	n := len(w.made)
	w.serve(time.Hour, traffic)
	if len(w.made) != n {
		t.Error("it went on when it was off")
	}
}

// A capacity outside of the bounds goes back there, without any traffic.
func TestBoundsHoldWithoutTraffic(t *testing.T) {
	settings := rateGoal(0.7)
	settings.Least, settings.Most = 8*api.MB, 32*api.MB
	for begin, want := range map[int64]int64{2 * api.MB: 8 * api.MB, 512 * api.MB: 32 * api.MB} {
		w := newWorld(t, settings, begin)
		w.steer()
		if w.set.Capacity != want {
			t.Errorf("%d bytes became %d, want %d", begin, w.set.Capacity, want)
		}
	}
}

// Without enough traffic, or without curves, nothing is decided.
func TestItWaitsUntilItKnows(t *testing.T) {
	w := newWorld(t, rateGoal(0.7), 2*api.MB)
	if a := w.pilot.View(w.sight()); a.State != api.AutopilotLearns || len(a.Changes) != 0 || a.Changes == nil {
		t.Errorf("without traffic it is %+v", a)
	}
	if a := w.pilot.View(Sight{Now: w.now, Cache: w.set}); a.State != api.AutopilotBlind {
		t.Errorf("without nodes it is %+v", a)
	}
}
