package ui

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

// TestMarksAreDrawnSaidAndListed: of a change that the server told of live and as it
// was recorded, once.
func TestMarksAreDrawnSaidAndListed(t *testing.T) {
	s := newSession()
	policy := api.Mark{Time: 900_000, Kind: api.MarkPolicy, Was: "lru", Now: "sieve"}
	s.stats = newWindow(api.Stats{Now: 1000_000, Seconds: 600, Marks: []api.Mark{{Time: 399_000, Kind: api.MarkStart, Node: "gone"}, policy}})
	live := api.Tick{Up: true, Sample: sample(1001, 1, 1), Marks: []api.Mark{
		{Time: 700_500, Kind: api.MarkStart, Node: "unix:/s"}, {Time: 1000_600, Kind: api.MarkCapacity, Was: "1048576", Now: "3145728"},
	}}
	s.stats.add(live)
	s.stats.renew(api.Stats{Now: 1001_000, Seconds: 600, Marks: []api.Mark{
		policy, {Time: 1000_000, Kind: api.MarkCapacity, Was: "1048576", Now: "3145728"},
	}})
	if len(s.stats.Marks) != 3 {
		t.Fatalf("the marks are %+v, want three", s.stats.Marks)
	}
	if got := drawMarks(&s.stats); got != "M299.5 0V120M499 0V120M599 0V120" {
		t.Errorf("the marks are drawn as %q", got)
	}
	markup := draw(t, &statsPage{s: s})
	last := 0
	for _, want := range []string{"capacity from 1.0 MB to 3.0 MB", "policy from lru to sieve", "the cache unix:/s started"} {
		at := strings.Index(markup, want)
		if at < last {
			t.Errorf("%q is at %d, after what is at %d: the newest comes first", want, at, last)
		}
		last = at
	}
	if m, ok := s.stats.markAt(0.501); !ok || m.Kind != api.MarkStart {
		t.Errorf("at the middle is the mark %+v, %v", m, ok)
	}
	if m, ok := s.stats.markAt(0.52); ok {
		t.Errorf("far from all there is the mark %+v", m)
	}
	if m, ok := s.stats.markAt(-1); ok {
		t.Errorf("without a pointer there is the mark %+v", m)
	}
}

// TestGapWhileTheCacheIsDown: a second without a node breaks the lines of the cache,
// not those of what the backend reads.
func TestGapWhileTheCacheIsDown(t *testing.T) {
	w := newWindow(api.Stats{Now: 100_000, Seconds: 600})
	for i := int64(101); i <= 106; i++ {
		x := api.Tick{Up: i != 103, Sample: api.Sample{Time: i * 1000, Reads: api.Reads{Seconds: 1, DiskBytes: 5}}}
		if x.Up {
			x.Sample.Seconds, x.Sample.Items = 1, 50
		}
		w.add(x)
	}
	if n := len(runs(&w, itemCount, 100)); n != 2 {
		t.Errorf("the items are drawn in %d pieces, want two", n)
	}
	if n := len(runs(&w, diskRate, 100)); n != 1 {
		t.Errorf("the bytes from disk are drawn in %d pieces, want one", n)
	}
	if s, ok := w.last(); !ok || s.Items != 50 {
		t.Errorf("the last sample of the cache is %+v", s)
	}
	w = newWindow(api.Stats{Now: 100_000, Seconds: 600})
	w.add(api.Tick{Sample: api.Sample{Time: 101_000, Reads: api.Reads{Seconds: 1}}})
	if markup := draw(t, &statsPage{s: &session{stats: w, network: true}, open: true}); strings.Contains(markup, "NaN") || !strings.Contains(markup, "–") {
		t.Errorf("without a cache the page shows %s", markup)
	}
}

func TestTilesOfLatency(t *testing.T) {
	s := newSession()
	x := sample(1000, 10, 9)
	x.Bytes, x.Capacity, x.Reads = 32<<20, 64<<20, api.Reads{Seconds: 1, MemoryBytes: 3 << 20, DiskBytes: 1 << 20}
	x.Reads.Hits[5] = 10
	s.stats = newWindow(api.Stats{Now: 1000_000, Samples: []api.Sample{x}})
	markup := draw(t, &statsPage{s: s})
	for _, want := range []string{"50.0 % of 64.0 MB", ">3.0 MB<", ">1.0 MB<", ">0.08 ms<", "p95 0.10 ms", ">–</dd>", ">no requests<"} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
}
