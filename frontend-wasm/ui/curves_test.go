package ui

import (
	"math"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
	"memcache/shared/insight"
)

// rates are a curve from 64 MB up, each capacity twice the one before.
func rates(policy string, band float64, hits ...float64) api.Curve {
	c := api.Curve{Policy: policy}
	for i, h := range hits {
		c.Points = append(c.Points, api.CurvePoint{
			Capacity: 64 * api.MB << i, Objects: 1 - h, Bytes: 1 - h/2, ObjectsBand: band, BytesBand: band,
		})
	}
	return c
}

// watched is a session that knows of a cache of 256 MB with LRU and of curves in
// which S3-FIFO serves 3 points more, and twice the memory 4.
func watched(requests int64, band float64) *session {
	s := newSession()
	s.conn = connState{Online: true, Since: time.Now()}
	s.cache = &api.Cache{
		Capacity: 256 * api.MB, Policy: "lru", MinCapacity: api.MB, MaxCapacity: 8192 * api.MB,
		Policies: []api.Policy{{Name: "lru", Title: "LRU"}, {Name: "s3fifo", Title: "S3-FIFO"}},
		Nodes:    []api.Node{{Name: "unix:/x", Up: true, Items: 10, Capacity: 256 * api.MB}},
	}
	curves := []api.Curve{rates("lru", band, 0.5, 0.7, 0.8, 0.84, 0.86), rates("s3fifo", band, 0.55, 0.72, 0.83, 0.85, 0.87)}
	w := func(seconds int) api.CurveWindow {
		return api.CurveWindow{
			Seconds: seconds, Covered: 240, Requests: requests, Hits: requests * 79 / 100, Bytes: 4096 * requests, HitBytes: 4096 * requests / 3, Curves: curves,
		}
	}
	s.curves.seenValue = seenValue[api.Insight]{At: 5, Value: api.Insight{Time: 5, Nodes: []api.NodeCurves{
		{Name: "unix:/x", Capacity: 256 * api.MB, Exact: band == 0, Rate: map[bool]float64{true: 1, false: 0.04}[band == 0], Windows: []api.CurveWindow{w(300), w(3600)}},
	}}}
	s.stats.add(tick(api.Sample{Time: 1000_000, Seconds: 10, Requests: 3000, Hits: 2000, Misses: 1000}))
	return s
}

func TestCurvePanelStates(t *testing.T) {
	with := func(change func(s *session)) *session {
		s := watched(20_000, 0)
		change(s)
		return s
	}
	promised := api.Promise{
		Time: 1, From: api.CacheSettings{Capacity: 128 * api.MB, Policy: "lru"}, To: api.CacheSettings{Capacity: 256 * api.MB, Policy: "lru"},
		Known: true, Before: 0.69, Rate: 0.81, Band: 0.004, WarmUp: 5000, Passed: 9000, Requests: 4000, Hits: 3200,
	}
	promise := func(change func(p *api.Promise)) *session {
		p := promised
		change(&p)
		return with(func(s *session) { s.curves.Value.Promise = &p })
	}
	const advised = "S3-FIFO at the same size would serve 3.0 points more: 83.0 % instead of 80.0 %, 9.0 fewer reads from disk a second."
	for name, c := range map[string]struct {
		s          *session
		page       cachePage
		want, none []string
	}{
		"nothing known": {s: newSession(), want: []string{`data-state="waiting"`, `curve-box-none`}, none: []string{"advice-apply", `id="promise"`}},
		"offline, never seen": {
			s:    with(func(s *session) { s.conn.Online = false; s.curves.seenValue = seenValue[api.Insight]{} }),
			want: []string{`data-state="waiting"`, "they are shown when it answers"},
		},
		"offline": {
			s:    with(func(s *session) { s.conn.Online = false }),
			want: []string{`data-state="drawn"`, advised, `id="advice-apply"`, "disabled"},
		},
		"not read": {
			s:    with(func(s *session) { s.curves = curvesSeen{err: "too busy"} }),
			want: []string{"The curves could not be read: too busy"},
		},
		"memcached": {
			s:    with(func(s *session) { s.curves.Value.Nodes = nil }),
			want: []string{`data-state="none"`, "plain memcached", `curve-box-none`}, none: []string{"advice-apply"},
		},
		"down": {
			s:    with(func(s *session) { s.curves.Value.Nodes = nil; s.cache.Nodes[0].Up = false }),
			want: []string{`data-state="none"`, `id="advice-text">The cache is not answering`},
		},
		"no traffic": {s: watched(0, 0), want: []string{`data-state="idle"`, "0 of the 1,000 requests", `curve-box-none`}, none: []string{"advice-apply"}},
		"few":        {s: watched(999, 0), want: []string{`data-state="few"`, "999 of the 1,000 requests", `curve-box-none`}, none: []string{"advice-apply"}},
		"exact": {
			s: watched(20_000, 0),
			want: []string{
				`data-state="drawn"`, advised, "Set 256 MB, S3-FIFO", "Exact: every key was looked at · from 20,000 requests of the last 4 minutes",
				"256 MB: 80.0 % hits<", ">LRU<", ">S3-FIFO<", "Measured", ">79.0 %<", "Foretold",
			},
			none: []string{"curve-box-none", "Promised", `id="promise"`},
		},
		"sampled": {
			s:    watched(20_000, 0.003),
			want: []string{"Sampled at 4.0 % of the keys: within ± 0.3 points, in nine cases of ten", "256 MB: 80.0 % ± 0.3 hits"},
			none: []string{"Exact"},
		},
		"all keys, not from the beginning": {
			s:    with(func(s *session) { s.curves.Value.Nodes[0].Exact = false }),
			want: []string{"Estimated: every key is looked at"},
		},
		"bytes": {
			s: watched(20_000, 0), page: cachePage{lens: lens{insight.Bytes, 300}},
			want: []string{"256 MB: 40.0 % of the bytes from memory", "% of bytes", ">33.3 %<"},
		},
		"several nodes": {
			s: with(func(s *session) {
				s.cache.Nodes = append(s.cache.Nodes, api.Node{Name: "memcached", Up: true}, api.Node{Name: "away"})
			}),
			want: []string{"of 1 of 2 cache processes: the others keep no curves"},
		},
		"chosen": {
			s: watched(20_000, 0), page: cachePage{edited: true, capacity: "512", policy: "s3fifo"},
			want: []string{`>512 MB: 85.0 % hits, +5.0 points, 15 fewer reads from disk a second<`, `aria-valuetext="512 MB: 85.0 %`},
		},
		"less": {
			s: watched(20_000, 0), page: cachePage{edited: true, capacity: "128", policy: "lru"},
			want: []string{"128 MB: 70.0 % hits, −10.0 points, 30 more reads from disk a second"},
		},
		"beyond": {
			s: watched(20_000, 0), page: cachePage{edited: true, capacity: "8192", policy: "lru"},
			want: []string{"8 GB: what lies beyond 64 MB to 1 GB is not simulated"},
		},
		"promised": {
			s: promise(func(*api.Promise) {}),
			want: []string{
				`data-state="measured"`, "From 128 MB, LRU to 256 MB, LRU.", "the settings of before would serve 70.0 %", ">69.0 %<", ">81.0 % ± 0.4<", ">80.0 %<",
				"As promised, over 4,000 requests.", "Undo: back to 128 MB, LRU", "legend-ring line-d",
			},
		},
		"warming up": {
			s:    promise(func(p *api.Promise) { p.Passed, p.Requests, p.Hits = 3000, 0, 0 }),
			want: []string{`data-state="warming"`, "Warming up: 3,000 of 5,000 requests"}, none: []string{">Measured <", "Measured since"},
		},
		"broken": {
			s:    promise(func(p *api.Promise) { p.Hits = 2800 }),
			want: []string{"11.0 points less than promised, over 4,000 requests: the traffic may be another.", ">70.0 %<"},
		},
		"more": {s: promise(func(p *api.Promise) { p.Hits = 3600 }), want: []string{"9.0 points more than promised"}},
		"unknown": {
			s:    promise(func(p *api.Promise) { p.Known = false }),
			want: []string{"too little traffic before to promise anything", ">80.0 %<"}, none: []string{"Before, with", "legend-ring line-d"},
		},
		"nobody came": {
			s:    promise(func(p *api.Promise) { p.Passed, p.Requests, p.Ended = 40, 3, true }),
			want: []string{`data-state="unknown"`, "Too few requests since then to say: 3."},
		},
		"changed since": {
			s:    promise(func(p *api.Promise) { p.To.Policy = "s3fifo" }),
			want: []string{`id="promise"`}, none: []string{"promise-undo", "legend-ring line-d", "the settings of before"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.page.s = c.s
			markup := draw(t, &c.page)
			for _, want := range c.want {
				if !strings.Contains(markup, want) {
					t.Errorf("there is no %q in %s", want, markup)
				}
			}
			for _, none := range c.none {
				if strings.Contains(markup, none) {
					t.Errorf("there is %q in %s", none, markup)
				}
			}
			if off := offAttribute.FindString(strings.ReplaceAll(markup, ` checked="false"`, "")); off != "" { // the radio buttons of policies are set by property
				t.Errorf("an attribute is off: %s", off)
			}
		})
	}
}

// What is recommended is written for every kind, and in German.
func TestAdviceIsWritten(t *testing.T) {
	at := func(kind insight.Kind, mb int64, policy string, now, then float64) insight.Advice {
		return insight.Advice{
			Kind: kind, To: insight.Settings{Capacity: mb * api.MB, Policy: policy}, Now: insight.Estimate{Rate: now}, Then: insight.Estimate{Rate: then},
		}
	}
	o := newOutlook(watched(20_000, 0), lens{insight.Objects, 3600}, insight.Settings{Capacity: 256 * api.MB, Policy: "lru"})
	for want, a := range map[string]insight.Advice{
		"Twice the memory would serve 5.0 points more: 85.0 % instead of 80.0 %, 15 fewer":   at(insight.Grow, 512, "lru", 0.8, 0.85),
		"Four times the memory would serve 5.0 points more: 85.0 % instead of 80.0 %, 15 fe": at(insight.Grow, 1024, "lru", 0.8, 0.85),
		"Half the memory would do: 128 MB would serve 79.9 %, and 256 MB serve 80.0 %.":      at(insight.Shrink, 128, "lru", 0.8, 0.799),
		"A quarter of the memory would do: 64 MB would serve 80.0 %":                         at(insight.Shrink, 64, "lru", 0.8, 0.8),
		"The settings fit the traffic: nothing else would do noticeably better than 80.0 %.": at(insight.Keep, 256, "lru", 0.8, 0.8),
		"The curves of the present settings are not known yet.":                              at(insight.Wait, 256, "lru", 0, 0),
	} {
		o.advice = a
		if got := o.advise(); !strings.HasPrefix(got, want) {
			t.Errorf("%s is written %q, want %q", a.Kind, got, want)
		}
	}
}

func TestCurveFigure(t *testing.T) {
	o := newOutlook(watched(20_000, 0.02), lens{insight.Objects, 3600}, insight.Settings{Capacity: 512 * api.MB, Policy: "lru"})
	f := o.figure()
	if len(f.Lines) != 2 || f.Lines[0].Name != "LRU" || f.Lines[1].Name != "S3-FIFO" || len(f.Marks) != 2 || f.At != 512*api.MB {
		t.Fatalf("the figure is %+v", f)
	}
	s, ok := f.scale()
	if !ok || s.Least != 64*api.MB || s.Most != 1024*api.MB || s.Low != 0.5 || s.High != 0.9 {
		t.Errorf("the scale is %+v, %v", s, ok)
	}
	if got, want := s.path(f.Lines[0].Points), "M0 240L150 120L300 60L450 36L600 24"; got != want {
		t.Errorf("the path is %s, want %s", got, want)
	}
	if got, want := s.band(f.Lines[0].Points[:2]), "M0 228L150 108L150 132L0 240Z"; got != want {
		t.Errorf("the band is %s, want %s", got, want)
	}
	if got := s.upright(512 * api.MB); got != "M450 0V240" {
		t.Errorf("the upright line is %s", got)
	}
	if got, want := s.dot(f.Marks[0].Point), "M450 36h0.01"; got != want {
		t.Errorf("the dot is %s, want %s", got, want)
	}
	for _, x := range []float64{-1, 0, 0.3, 0.5, 1, 2} {
		if got, want := s.x(s.capacity(x)), min(max(x, 0), 1); math.Abs(got-want) > 1e-6 {
			t.Errorf("at %v lies what lies at %v", x, got)
		}
	}
	if got, want := f.readout(128*api.MB), "128 MB · LRU 70.0 % ± 2.0 · S3-FIFO 72.0 % ± 2.0"; got != want {
		t.Errorf("the readout is %q, want %q", got, want)
	}
	if got := f.readout(2048 * api.MB); got != "2 GB · LRU not known · S3-FIFO not known" {
		t.Errorf("beyond the curve the readout is %q", got)
	}
	if got := f.describe(); !strings.Contains(got, "LRU: from 50.0 % with 64 MB to 86.0 % with 1 GB.") || !strings.Contains(got, "Measured: 79.0 % with 256 MB.") {
		t.Errorf("in words it is %q", got)
	}
}

func TestCurveScaleOfLittle(t *testing.T) {
	flat := func(rate float64) curveFigure {
		p := func(capacity int64) insight.Point {
			return insight.Point{Capacity: capacity, Estimate: insight.Estimate{Rate: rate}}
		}
		return curveFigure{Lines: []curveLine{{Points: []insight.Point{p(1), p(2)}}}}
	}
	for rate, want := range map[float64][2]float64{0: {0, 0.1}, 1: {0.9, 1}, 0.5: {0.4, 0.6}, 0.99: {0.8, 1}} {
		f := flat(rate)
		if s, ok := f.scale(); !ok || math.Abs(s.Low-want[0]) > 1e-9 || math.Abs(s.High-want[1]) > 1e-9 {
			t.Errorf("a flat curve at %v is drawn from %v to %v, want %v", rate, s.Low, s.High, want)
		}
	}
	if _, ok := (&curveFigure{}).scale(); ok {
		t.Error("nothing has a scale")
	}
	one := flat(0.5)
	one.Lines[0].Points = one.Lines[0].Points[:1]
	if _, ok := one.scale(); ok {
		t.Error("one point has a scale")
	}
}

func TestCurveChartIsFramed(t *testing.T) {
	c := &curveChart{s: newSession(), spec: curveSpec{ID: "x", Label: "l", Lines: 2, Marks: 1, Figure: func() curveFigure { return curveFigure{} }}}
	markup := draw(t, c)
	for _, want := range []string{`id="x-line1"`, `id="x-band0"`, `id="x-mark0"`, `id="x-x5"`, `id="x-y2"`, `role="img"`, `tabindex="0"`, `aria-labelledby="l"`, `aria-describedby="x-text"`} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %s in %s", want, markup)
		}
	}
}

func TestCurvesComeAndAreKept(t *testing.T) {
	var n news
	n.note(api.NoteInsight, []byte(`{"time": 7, "nodes": []}`))
	n.note(api.NoteInsight, []byte(`{"time": `))
	if n.insight == nil || n.insight.Time != 7 {
		t.Fatalf("what came is %+v", n.insight)
	}
	s := newSession()
	s.box.flush = func() {}
	s.box.put(func(x *news) { *x = n })
	w := new(spy)
	s.watch(w)
	s.receive()
	if w.told&changeCurves == 0 || s.curves.Value.Time != 7 {
		t.Errorf("told: %b, known: %+v", w.told, s.curves)
	}
}

// spy notes what it is told.
type spy struct{ told change }

func (s *spy) sessionChanged(c change, _ *news) { s.told |= c }

func TestTraffic(t *testing.T) {
	w := newWindow(api.Stats{Samples: []api.Sample{{Seconds: 100, Requests: 100_000}, {Seconds: 100, Requests: 500}, {Seconds: 100, Requests: 1500}}})
	if got := w.traffic(150); got != 10 {
		t.Errorf("%v requests a second, want 10", got)
	}
	empty := newWindow(api.Stats{})
	if got := empty.traffic(150); got != 0 {
		t.Errorf("without samples %v", got)
	}
}
