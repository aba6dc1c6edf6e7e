package cachectl

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/shared/api"
)

// TestReadsAreCountedWithoutACache: what the backend reads is told and recorded while
// no node answers, and nothing of the cache is.
func TestReadsAreCountedWithoutACache(t *testing.T) {
	down := cachelink.NodeStats{Name: "a", Err: errors.New("connection refused")}
	f := start(t, down)
	now := time.Now()
	f.reads = api.Reads{DiskBytes: 1000, Misses: api.Times{3: 100}} // before anybody asked
	f.count(f.nodes.Stats(t.Context()), now.Add(-3*time.Second))
	f.reads.DiskBytes += 50
	f.reads.Misses[3] += 2
	tick := f.count(f.nodes.Stats(t.Context()), now.Add(-2*time.Second))
	want := api.Sample{Time: now.Add(-2 * time.Second).UnixMilli(), Reads: api.Reads{Seconds: 1, DiskBytes: 50, Misses: api.Times{3: 2}}}
	if tick.Up || tick.Sample != want {
		t.Errorf("the tick is %+v, want %+v", tick, want)
	}
	up := node("a")
	up.Items, up.Gets = 7, 1000
	f.nodes.edit(0, func(n *cachelink.NodeStats) { *n = up })
	f.reads.MemoryBytes += 70
	f.count(f.nodes.Stats(t.Context()), now.Add(-time.Second))
	if err := f.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets += 5 })
	f.count(f.nodes.Stats(t.Context()), now)
	stats, err := f.Window(t.Context(), 60, "")
	if err != nil || len(stats.Samples) != 2 {
		t.Fatalf("the window is %+v, %v", stats, err)
	}
	recorded, open := stats.Samples[0], stats.Samples[1]
	if recorded.Seconds != 0 || recorded.Requests != 0 || recorded.Reads != (api.Reads{Seconds: 2, MemoryBytes: 70, DiskBytes: 50, Misses: api.Times{3: 2}}) {
		t.Errorf("recorded is %+v", recorded)
	}
	if open.Requests != 5 || open.Items != 7 || open.Capacity != up.Capacity || open.Reads.Seconds != 1 || open.Reads.MemoryBytes != 0 {
		t.Errorf("not recorded yet is %+v", open)
	}
	if total := stats.Total; total.MemoryBytes != 70 || total.DiskBytes != 50 || total.MissTimes.Count != 2 || total.HitTimes.P99 != 0 {
		t.Errorf("the total is %+v", total)
	}
}

func TestChangesAndStartsAreMarked(t *testing.T) {
	first := node("a")
	first.Uptime = 10 * time.Second
	f := start(t, first)
	kinds := func(tick api.Tick, err error) (all string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range tick.Marks {
			all += m.Kind + " " + m.Node + m.Was + " " + m.Now + ";"
		}
		return all
	}
	if got := kinds(f.Tick(t.Context())); got != "start a ;" {
		t.Errorf("the first tick has the marks %q", got)
	}
	if got := kinds(f.Tick(t.Context())); got != "" {
		t.Errorf("a tick in which nothing happens has the marks %q", got)
	}
	if err := f.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](3 * api.MB), Policy: ptr("random")}); err != nil {
		t.Fatal(err)
	}
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Instance, n.Uptime = "2", time.Second })
	if got := kinds(f.Tick(t.Context())); got != "start a ;capacity 67108864 3145728;policy lru random;" {
		t.Errorf("after a restart and a change there are the marks %q", got)
	}
	if err := f.Record(t.Context()); err != nil {
		t.Fatal(err)
	}
	stats, err := f.Window(t.Context(), 60, "")
	if err != nil || len(stats.Marks) != 4 {
		t.Fatalf("the window has the marks %+v, %v; want both starts and the changes, each once", stats.Marks, err)
	}
	if at := time.UnixMilli(stats.Marks[0].Time); time.Since(at) < 9*time.Second || stats.Marks[0].Kind != api.MarkStart {
		t.Errorf("the first mark is %+v, want the start ten seconds ago", stats.Marks[0])
	}
}

// Of several backends on one database, the one that leads records the nodes; each
// records what it read itself.
func TestWhoFollowsRecordsOnlyItself(t *testing.T) {
	f := start(t, node("a"))
	follows := true
	f.cfg.Follows = func() bool { return follows }
	now := time.Now()
	for i, want := range []int64{0, 0, 10} { // requests that are recorded, the first reading counts none
		follows = i < 2
		f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets += 10 })
		f.count(f.nodes.Stats(t.Context()), now.Add(time.Duration(i-3)*time.Second))
		if err := f.Record(t.Context()); err != nil {
			t.Fatal(err)
		}
		samples, err := f.db.Samples(t.Context(), now.Add(-time.Minute), now, "")
		if err != nil {
			t.Fatal(err)
		}
		requests, reads := int64(0), 0.0
		for _, s := range samples {
			requests += s.Requests
			reads += s.Reads.Seconds
		}
		if requests != want || reads != float64(i) {
			t.Errorf("after %d s %d requests and %v s of reads are recorded, want %d", i, requests, reads, want)
		}
	}
}

// What other backends read is in the stream of each, from when it is seen, and is not
// recorded by those who did not read it. Without it, the tick is still good.
func TestTheStreamIsOfAllBackends(t *testing.T) {
	f := start(t, node("a"))
	f.reads = api.Reads{DiskBytes: 7}
	others := map[string]api.Reads{"b": {MemoryBytes: 1000, Hits: api.Times{2: 50}}}
	var failure error
	f.cfg.ShareReads = func(_ context.Context, mine api.Reads) (map[string]api.Reads, error) {
		if mine != f.reads {
			t.Errorf("the others are told %+v, want %+v", mine, f.reads)
		}
		return maps.Clone(others), failure
	}
	tick := func() api.Reads {
		got, err := f.Tick(t.Context())
		if !errors.Is(err, failure) || !got.Up {
			t.Errorf("the tick is %+v, %v; want the error %v", got, err, failure)
		}
		got.Sample.Reads.Seconds = 0
		return got.Sample.Reads
	}
	if got := tick(); got != (api.Reads{}) {
		t.Errorf("what was read before the first tick counts: %+v", got)
	}
	f.reads.DiskBytes += 3
	others["b"], others["c"] = api.Reads{MemoryBytes: 1010, Hits: api.Times{2: 52}}, api.Reads{MemoryBytes: 500}
	if got, want := tick(), (api.Reads{MemoryBytes: 10, DiskBytes: 3, Hits: api.Times{2: 2}}); got != want {
		t.Errorf("the tick has %+v, want %+v", got, want)
	}
	failure = errors.New("the database does not answer")
	f.reads.DiskBytes++
	others["c"] = api.Reads{MemoryBytes: 520}
	if got, want := tick(), (api.Reads{DiskBytes: 1}); got != want {
		t.Errorf("without the others, the tick has %+v, want %+v", got, want)
	}
	failure = nil
	delete(others, "b") // it ended
	if got, want := tick(), (api.Reads{MemoryBytes: 20}); got != want {
		t.Errorf("the next tick has %+v, want %+v", got, want)
	}
	if all, ok := f.unrecorded("backend"); !ok || all.Reads.MemoryBytes != 0 || all.Reads.DiskBytes != 4 {
		t.Errorf("to be recorded is %+v", all.Reads)
	}
}
