package ui

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestPathJoinsNeighboursOnly(t *testing.T) {
	w := newWindow(api.Stats{Now: 600_000, Seconds: 600, Samples: []api.Sample{
		{Time: 60_000, Seconds: 5, Items: 0},
		{Time: 65_000, Seconds: 5, Items: 50},
		{Time: 120_000, Seconds: 5, Items: 100}, // alone
		{Time: 600_000, Seconds: 400, Items: 100},
	}})
	got := drawPaths(&w, itemCount, 100)
	want := paths{Line: "M60 120L65 60", Area: "M60 120L60 120L65 60L65 120Z", Dots: "M120 0h0.01M600 0h0.01"}
	if got != want {
		t.Errorf("the paths are %+v\nwant          %+v", got, want)
	}
}

func TestPathOfAHitRateHasGapsWithoutRequests(t *testing.T) {
	w := newWindow(api.Stats{Now: 10_000, Seconds: 10, Samples: []api.Sample{sample(1, 2, 1), sample(2, 0, 0), sample(3, 4, 4), sample(4, 4, 0)}})
	got := drawPaths(&w, hitRate, 1)
	if got.Line != "M180 0L240 120" || got.Dots != "M60 60h0.01" {
		t.Errorf("the paths are %+v", got)
	}
}

func TestPathStaysInTheChart(t *testing.T) {
	w := newWindow(api.Stats{Now: 10_000, Seconds: 10, Samples: []api.Sample{{Time: 2000, Seconds: 1, Items: 900}, {Time: 3000, Seconds: 1, Items: 5}}})
	if got := drawPaths(&w, itemCount, 10).Line; got != "M120 0L180 60" {
		t.Errorf("the path is %q, want what is too high at the edge", got)
	}
	if got := drawPaths(&w, itemCount, 0).Line; got != "M120 120L180 120" {
		t.Errorf("without a scale the path is %q", got)
	}
	if got := drawPaths(new(window), itemCount, 10); got != (paths{}) {
		t.Errorf("nothing is drawn as %+v", got)
	}
}

func TestRatesArePerSecond(t *testing.T) {
	s := api.Sample{Seconds: 5, Requests: 50, Hits: 40, Misses: 10, Evictions: 5}
	for name, c := range map[string]struct {
		series series
		want   float64
	}{"requests": {requestRate, 10}, "hits": {hitsRate, 8}, "misses": {missesRate, 2}, "evictions": {evictionRate, 1}} {
		if got, ok := c.series(s); !ok || got != c.want {
			t.Errorf("%s per second: %v, want %v", name, got, c.want)
		}
	}
	if _, ok := requestRate(api.Sample{Requests: 5}); ok {
		t.Error("a sample of no length has a rate")
	}
}

func TestAxes(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.3: 0.5, 1: 1, 1.1: 2, 2.3: 2.5, 4: 5, 6: 10, 99: 100, 101: 200, 12_345: 20_000} {
		if got := niceTop(v); got != want {
			t.Errorf("niceTop(%v) = %v, want %v", v, got, want)
		}
	}
	for v, want := range map[float64]float64{0: 1024, 1025: 2048, 3 << 20: 4 << 20} {
		if got := niceBytes(v); got != want {
			t.Errorf("niceBytes(%v) = %v, want %v", v, got, want)
		}
	}
}

func TestChartsInWords(t *testing.T) {
	w := newWindow(api.Stats{Now: 600_000, Seconds: 600, Samples: []api.Sample{
		{Time: 598_000, Seconds: 1, Requests: 10, Hits: 5, Misses: 5, Items: 3, Bytes: 3 << 20, Reads: api.Reads{Hits: api.Times{0, 0, 0, 0, 0, 5}}},
		{Time: 599_000, Seconds: 1, Items: 4, Bytes: 5 << 20},
	}})
	want := map[string][2]string{
		"chart-rate":       {"Hit rate: last 50.0 %, between 50.0 % and 50.0 %.", "no requests"},
		"chart-requests":   {"Hits: last 0/s, between 0/s and 5/s.", "requests 0/s · hits 0/s · misses 0/s"},
		"chart-content":    {"Bytes: last 5.0 MB, between 3.0 MB and 5.0 MB.", "bytes 5.0 MB · items 4"},
		"chart-bytes":      {"From disk: nothing yet.", "from memory none · from disk none"},
		"chart-hit-times":  {"p99: last 0.10 ms", "p50 none · p95 none · p99 none"},
		"chart-miss-times": {"p50: nothing yet.", "p50 none · p95 none · p99 none"},
		"chart-evictions":  {"Evictions: last 0/s", "0/s"},
	}
	for _, c := range chartSpecs() {
		if got := c.describe(&w); !strings.Contains(got, want[c.ID][0]) {
			t.Errorf("%s is described as %q, want %q", c.ID, got, want[c.ID][0])
		}
		if got := c.readout(w.Samples[1]); !strings.HasSuffix(got, " · "+want[c.ID][1]) {
			t.Errorf("%s reads %q, want %q", c.ID, got, want[c.ID][1])
		}
		if got := c.describe(new(window)); !strings.Contains(got, "nothing yet") {
			t.Errorf("%s without samples is described as %q", c.ID, got)
		}
	}
	content := chartSpecs()[2]
	left, right := content.tops(&w)
	if left != 8<<20 || right != 5 || content.axisText(false, left) != "8 MB" || content.axisText(true, right) != "5" {
		t.Errorf("the axes end at %v (%s) and %v (%s)", left, content.axisText(false, left), right, content.axisText(true, right))
	}
}
