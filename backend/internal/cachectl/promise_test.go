package cachectl

import (
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/shared/api"
)

// busyHour has LRU serve 50, 60 and 80 % with 32, 64 and 128 MB, SIEVE 90 % with all.
func busyHour() *api.CurveWindow {
	curve := func(policy string, misses ...float64) api.Curve {
		c := api.Curve{Policy: policy}
		for i, m := range misses {
			c.Points = append(c.Points, api.CurvePoint{Capacity: 32 * api.MB << i, Objects: m, ObjectsBand: 0.01})
		}
		return c
	}
	return &api.CurveWindow{
		Seconds: 3600, Covered: 600, Requests: 10_000, Hits: 5900, Curves: []api.Curve{curve("lru", 0.5, 0.4, 0.2), curve("sieve", 0.1, 0.1, 0.1)},
	}
}

func TestAChangeComesWithAPromise(t *testing.T) {
	f := start(t, node("a"))
	f.nodes.hour = busyHour()
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Items = 3000 })
	before, err := f.Insight(t.Context())
	if err != nil || before.Promise != nil {
		t.Fatalf("before any change there is the promise %+v, %v", before.Promise, err)
	}
	if _, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](128 * api.MB)}); err != nil {
		t.Fatal(err)
	}
	now, err := f.Insight(t.Context())
	p := now.Promise
	if err != nil || p == nil {
		t.Fatalf("the promise is %v, %v", p, err)
	}
	if p.From != (api.CacheSettings{Capacity: 64 * api.MB, Policy: "lru"}) || p.To != (api.CacheSettings{Capacity: 128 * api.MB, Policy: "lru"}) {
		t.Errorf("the promise is about %+v and %+v", p.From, p.To)
	}
	if !p.Known || p.Before != 0.59 || p.Rate != 0.8 || p.Band != 0.01 || p.Ended || p.Time < before.Time {
		t.Errorf("promised is %+v", p)
	}
	if p.WarmUp < 29_990 || p.WarmUp > 30_010 { // 6,000 items have room, and one request in five brings one
		t.Errorf("the warm-up takes %d requests", p.WarmUp)
	}
	// A change that is none is no promise; one to what no curve knows is one of nothing.
	if _, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](128 * api.MB)}); err != nil {
		t.Fatal(err)
	}
	if again, _ := f.Insight(t.Context()); *again.Promise != *p {
		t.Errorf("without a change, the promise is %+v", again.Promise)
	}
	if _, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](16 * api.MB)}); err != nil {
		t.Fatal(err)
	}
	if other, _ := f.Insight(t.Context()); other.Promise.Known || other.Promise.From != p.To || other.Promise.WarmUp != warmUpLeast {
		t.Errorf("of a capacity beyond the curves is promised %+v", other.Promise)
	}
}

func TestTooLittleTrafficPromisesNothing(t *testing.T) {
	f := start(t, node("a"))
	f.nodes.hour = busyHour()
	f.nodes.hour.Requests = 999
	if _, err := f.Configure(t.Context(), api.CacheChange{Policy: ptr("sieve")}); err != nil {
		t.Fatal(err)
	}
	if now, err := f.Insight(t.Context()); err != nil || now.Promise == nil || now.Promise.Known || now.Promise.Rate != 0 {
		t.Errorf("999 requests promise %+v, %v", now.Promise, err)
	}
}

func TestAWindowThatIsNotKeptIsRefused(t *testing.T) {
	f := start(t, node("a"))
	for _, window := range []int{-1, 1, 301, 86400} {
		_, err := f.Configure(t.Context(), api.CacheChange{Policy: ptr("sieve"), Window: window})
		if e := api.AsError(err); e == nil || e.Code != api.Invalid {
			t.Errorf("a window of %d seconds: %v", window, err)
		}
	}
	if _, err := f.Configure(t.Context(), api.CacheChange{Policy: ptr("sieve"), Window: 300}); err != nil {
		t.Error(err)
	}
}

// What happened is counted after the warm-up, for an hour.
func TestPromisesAreHeldAgainstWhatHappened(t *testing.T) {
	const second, minute = int64(1000), int64(60_000)
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sample := func(at int64, requests, hits int64) api.Sample {
		return api.Sample{Time: begin.UnixMilli() + at, Seconds: 5, Requests: requests, Hits: hits}
	}
	for name, c := range map[string]struct {
		samples                []api.Sample
		passed, requests, hits int64
		after                  time.Duration
		ended                  bool
	}{
		"nothing yet": {after: time.Minute},
		"from before": {samples: []api.Sample{sample(2*second, 900, 900)}, after: time.Minute},
		"warming up":  {samples: []api.Sample{sample(5*second, 900, 1), sample(10*second, 99, 1)}, passed: 999, after: time.Minute},
		"measured": {
			samples: []api.Sample{sample(5*second, 900, 1), sample(10*second, 200, 1), sample(15*second, 100, 70), sample(20*second, 100, 90)},
			passed:  1300, requests: 200, hits: 160, after: time.Minute,
		},
		"quiet": { // the warm-up ends by the clock
			samples: []api.Sample{sample(5*second, 10, 1), sample(30*minute, 10, 1), sample(31*minute, 20, 10)},
			passed:  40, requests: 20, hits: 10, after: 40 * time.Minute,
		},
		"over": {
			samples: []api.Sample{sample(5*second, 1000, 1), sample(60*minute, 10, 5), sample(61*minute, 20, 10)},
			passed:  1030, requests: 10, hits: 5, after: 61 * time.Minute, ended: true,
		},
		"nobody asked": {after: 91 * time.Minute, ended: true},
	} {
		p := &api.Promise{Time: begin.UnixMilli(), WarmUp: 1000}
		hold(p, c.samples, begin.Add(c.after))
		if p.Passed != c.passed || p.Requests != c.requests || p.Hits != c.hits || p.Ended != c.ended {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// The outcome comes from the recorded samples, so that it is there after a restart.
func TestAPromiseSurvivesARestart(t *testing.T) {
	f := start(t, node("a"))
	f.nodes.hour = busyHour()
	if _, err := f.Configure(t.Context(), api.CacheChange{Policy: ptr("sieve")}); err != nil {
		t.Fatal(err)
	}
	now, _ := f.Insight(t.Context())
	for i, s := range []api.Sample{{Requests: 5000, Hits: 100}, {Requests: 1000, Hits: 880}} {
		s.Time, s.Seconds = now.Promise.Time+int64(i+1)*2, 0.001
		if err := f.db.RecordSample(t.Context(), "a", s); err != nil {
			t.Fatal(err)
		}
	}
	again := New(f.cfg)
	got, err := again.Insight(t.Context())
	if err != nil || got.Promise.Requests != 1000 || got.Promise.Hits != 880 || got.Promise.Rate != 0.9 {
		t.Errorf("after a restart there is %+v, %v", got.Promise, err)
	}
}
