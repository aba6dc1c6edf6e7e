package cachectl

import (
	"math"
	"sync"
	"testing"
	"time"

	"memcache/shared/api"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// piloted is a fixture whose time stands, and whose curves say that each doubling
// from 16 MB brings 10 points of hits.
func piloted(t *testing.T) (*fixture, *clock) {
	t.Helper()
	f := start(t, node("a"))
	c := &clock{now: time.Now()}
	f.cfg.Now = c.Now
	f.nodes.curves = steps
	return f, c
}

func steps(capacity int64) []api.NodeCurves {
	curve := api.Curve{Policy: "lru"}
	for i := range 7 {
		curve.Points = append(curve.Points, api.CurvePoint{Capacity: 16 * api.MB << i, Objects: 0.9 - float64(i)/10})
	}
	w := func(seconds int) api.CurveWindow {
		return api.CurveWindow{Seconds: seconds, Covered: seconds, Requests: 10_000, Hits: 3000, Curves: []api.Curve{curve}}
	}
	return []api.NodeCurves{{Name: "a", Capacity: capacity, Exact: true, Rate: 1, Windows: []api.CurveWindow{w(300), w(3600)}}}
}

func (f *fixture) set(t *testing.T, s api.AutopilotSet) api.Autopilot {
	t.Helper()
	a, err := f.SetAutopilot(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) capacity(t *testing.T) int64 {
	t.Helper()
	s, err := f.db.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Capacity
}

func TestTheAutopilotIsOffUntilItIsTurnedOn(t *testing.T) {
	f, _ := piloted(t)
	a, err := f.Autopilot(t.Context())
	if err != nil || a.On || a.State != api.AutopilotOff || a.Least < MinCapacity || a.Most <= a.Least || a.Goal != api.GoalRate {
		t.Errorf("at first it is %+v, %v", a, err)
	}
	if err := f.Steer(t.Context()); err != nil || f.capacity(t) != 64*api.MB {
		t.Errorf("off, it changed the capacity to %d, %v", f.capacity(t), err)
	}
}

func TestTheAutopilotSetsTheNodesAndCanBeUndone(t *testing.T) {
	f, c := piloted(t)
	a := f.set(t, api.AutopilotSet{On: ptr(true), Target: ptr(0.5), Least: ptr[int64](16 * api.MB), Most: ptr[int64](512 * api.MB)})
	to := f.capacity(t)
	if a.State != api.AutopilotWaits || len(a.Changes) != 1 || a.Changes[0].Was < 0.29 || a.Changes[0].Was > 0.31 || a.Changes[0].To != to {
		t.Errorf("it is %+v", a)
	}
	if to < 256*api.MB || to > 270*api.MB || f.nodes.Stats(t.Context())[0].Capacity != to {
		t.Errorf("50 %% need %d MB, the node has %d", to/api.MB, f.nodes.Stats(t.Context())[0].Capacity/api.MB)
	}
	c.advance(5 * time.Minute)
	if err := f.Steer(t.Context()); err != nil || f.capacity(t) != to {
		t.Errorf("it went on at once, to %d, %v", f.capacity(t), err)
	}
	a, err := f.UndoAutopilot(t.Context(), api.AutopilotUndo{ID: 1})
	if err != nil || a.On || a.State != api.AutopilotOff || a.Undone == 0 || a.Changes[0].Undone == 0 {
		t.Errorf("undone, it is %+v, %v", a, err)
	}
	if f.capacity(t) != 64*api.MB || f.nodes.Stats(t.Context())[0].Capacity != 64*api.MB {
		t.Errorf("the capacity is %d", f.capacity(t))
	}
	for _, id := range []int64{1, 2, -1} {
		if _, err := f.UndoAutopilot(t.Context(), api.AutopilotUndo{ID: id}); api.AsError(err).Code != api.NotFound {
			t.Errorf("undo of %d: %v", id, err)
		}
	}
	if last := f.piloted[len(f.piloted)-1]; last.Undone == 0 {
		t.Errorf("told was %+v", last)
	}
}

func TestAChangeByAPersonPausesTheAutopilot(t *testing.T) {
	f, c := piloted(t)
	f.set(t, api.AutopilotSet{On: ptr(true), Target: ptr(0.5), Least: ptr[int64](16 * api.MB), Most: ptr[int64](512 * api.MB)})
	if _, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](32 * api.MB)}); err != nil {
		t.Fatal(err)
	}
	if a, err := f.Autopilot(t.Context()); err != nil || a.State != api.AutopilotPaused {
		t.Errorf("at once it is %+v, %v", a, err)
	}
	for range 9 {
		if err := f.Steer(t.Context()); err != nil || f.capacity(t) != 32*api.MB {
			t.Fatalf("it changed the capacity to %d, %v", f.capacity(t), err)
		}
		c.advance(time.Minute)
	}
	c.advance(2 * time.Minute)
	if err := f.Steer(t.Context()); err != nil || f.capacity(t) != 128*api.MB { // four times at most
		t.Errorf("after ten minutes the capacity is %d, %v", f.capacity(t), err)
	}
}

// Several backends on one database make one change.
func TestOneOfSeveralBackendsSteers(t *testing.T) {
	f, _ := piloted(t)
	f.nodes.curves = nil // too little to decide by, while it is turned on
	f.set(t, api.AutopilotSet{On: ptr(true), Target: ptr(0.5), Least: ptr[int64](16 * api.MB), Most: ptr[int64](512 * api.MB)})
	f.nodes.curves = steps
	var wg sync.WaitGroup
	for range 6 {
		cfg := f.cfg
		cfg.Changed, cfg.Piloted = func(api.Cache) {}, func(api.Autopilot) {}
		other := New(cfg)
		wg.Go(func() {
			if err := other.Steer(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if a, err := f.Autopilot(t.Context()); err != nil || len(a.Changes) != 1 || a.Changes[0].To != f.capacity(t) {
		t.Errorf("there are %d changes, %v", len(a.Changes), err)
	}
}

func TestTheAutopilotRefusesWhatIsNotPossible(t *testing.T) {
	f, _ := piloted(t)
	for _, s := range []api.AutopilotSet{
		{Goal: ptr("most")},
		{Target: ptr(0.0)},
		{Target: ptr(1.0)},
		{Target: ptr(math.NaN())},
		{Least: ptr[int64](api.MB / 2)},
		{Least: ptr[int64](-api.MB)},
		{Least: ptr[int64](api.MB + 1)},
		{Most: ptr[int64](2048 * api.MB)},
		{Least: ptr[int64](200 * api.MB), Most: ptr[int64](100 * api.MB)},
	} {
		if _, err := f.SetAutopilot(t.Context(), s); api.AsError(err).Code != api.Invalid {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if a, err := f.Autopilot(t.Context()); err != nil || a.Target != 0.9 || a.Goal != api.GoalRate {
		t.Errorf("it became %+v, %v", a, err)
	}
}
