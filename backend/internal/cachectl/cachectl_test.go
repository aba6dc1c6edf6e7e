package cachectl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/pool"
	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// nodes are cache nodes in this process: they keep what they are set to.
type nodes struct {
	mu     sync.Mutex
	list   []cachelink.NodeStats
	calls  []string
	hour   *api.CurveWindow                      // in the place of the usual one
	curves func(capacity int64) []api.NodeCurves // nil for those of Curves
	top    []cachelink.NodeTop

	state    *pool.State
	there    map[string]cachelink.NodeStats // those that Probe finds
	prepared []string
	local    *Local
}

func (n *nodes) Stats(context.Context) []cachelink.NodeStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]cachelink.NodeStats(nil), n.list...)
}

func (n *nodes) SetCapacity(_ context.Context, bytes int64) error {
	return n.set("capacity", func(s *cachelink.NodeStats) { s.Capacity = bytes })
}

func (n *nodes) SetPolicy(_ context.Context, name string) error {
	return n.set("policy", func(s *cachelink.NodeStats) { s.Policy = name })
}

func (n *nodes) set(what string, change func(*cachelink.NodeStats)) (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, what)
	for i := range n.list {
		if n.list[i].Up {
			change(&n.list[i])
		} else {
			err = errors.New("a node is down")
		}
	}
	return err
}

func (n *nodes) Curves(ctx context.Context) []api.NodeCurves {
	if n.curves != nil {
		return n.curves(n.Stats(ctx)[0].Capacity)
	}
	if n.hour != nil {
		return []api.NodeCurves{{Name: "a", Capacity: 64 * api.MB, Exact: true, Rate: 1, Windows: []api.CurveWindow{{Seconds: 300}, *n.hour}}}
	}
	return []api.NodeCurves{{Name: "a", Capacity: 64 * api.MB, Windows: []api.CurveWindow{
		{Seconds: 300, Curves: []api.Curve{}},
		{Seconds: 3600, Requests: 10, Hits: 5, Curves: []api.Curve{{Policy: "lru", Points: []api.CurvePoint{{Capacity: 64 * api.MB, Objects: 0.5}}}}},
	}}}
}

func (n *nodes) Top(context.Context) []cachelink.NodeTop       { return n.top }
func (n *nodes) Evictions(context.Context) []cachelink.NodeTop { return n.top }

func (n *nodes) StartRecording(_ context.Context, s api.RecordingStart) error {
	return n.set(fmt.Sprint("record ", s.MaxBytes, " ", s.Seconds), func(*cachelink.NodeStats) {})
}

func (n *nodes) StopRecording(context.Context) error {
	return n.set("stop", func(*cachelink.NodeStats) {})
}

func (*nodes) Recording(context.Context) (api.Recording, error) {
	return api.Recording{State: api.RecordingRunning}, nil
}

func (*nodes) ReadRecording(context.Context, io.Writer) error { return nil }

// edit changes node i under the lock.
func (n *nodes) edit(i int, change func(*cachelink.NodeStats)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.list[i])
}

func node(name string) cachelink.NodeStats {
	return cachelink.NodeStats{Name: name, Up: true, Instance: "1", Capacity: 64 * api.MB, Policy: "lru", Features: []string{api.FeaturePolicy}}
}

type fixture struct {
	*Controller
	nodes *nodes
	db    *sqlindex.DB
	told  []api.Cache
	reads api.Reads

	piloted []api.Autopilot
}

func start(t *testing.T, list ...cachelink.NodeStats) *fixture {
	t.Helper()
	db, err := sqlindex.Open(t.Context(), sqlindex.Config{
		SQLitePath: filepath.Join(t.TempDir(), "test.db"), Capacity: 64 * api.MB, Policy: "lru", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f := &fixture{nodes: &nodes{list: list}, db: db}
	f.Controller = New(Config{
		Name: "backend", Reads: func() api.Reads { return f.reads }, Recognize: storage.Recognize,
		Database: db, Nodes: f.nodes, Pool: f.nodes, Local: f.nodes.local, MaxCapacity: 1024 * api.MB, Log: slog.New(slog.DiscardHandler),
		Changed: func(c api.Cache) { f.told = append(f.told, c) },
		Piloted: func(a api.Autopilot) { f.piloted = append(f.piloted, a) },
	})
	return f
}

// Pool is the state of the nodes; at first, all of the list are there.
func (n *nodes) Pool(context.Context) (*pool.State, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.state == nil {
		var all []string
		for _, node := range n.list {
			all = append(all, node.Name)
		}
		n.state = (&pool.State{}).Change(all)
	}
	return n.state, nil
}

// ChangeNodes makes a change at once.
func (n *nodes) ChangeNodes(ctx context.Context, change func(*pool.State) (*pool.State, error)) (*pool.State, error) {
	now, _ := n.Pool(ctx)
	next, err := change(now)
	if err != nil {
		return nil, err
	}
	for next.Step != pool.Settled {
		next = next.Advance()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = next
	var list []cachelink.NodeStats
	for _, address := range next.Addresses() {
		list = append(list, node(address))
	}
	n.list = list
	return next, nil
}

// Probe finds a cache at every address that is not elsewhere.
func (n *nodes) Probe(_ context.Context, address string) (cachelink.NodeStats, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	st, ok := n.there[address]
	if !ok {
		return st, api.Errorf(api.Invalid, "no cache answers at %q: start one there, or check the address", address)
	}
	return st, nil
}

func (n *nodes) Prepare(_ context.Context, address string, capacity int64, policy string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.prepared = append(n.prepared, fmt.Sprint(address, " ", capacity/api.MB, " ", policy))
	return nil
}

func ptr[T any](v T) *T { return &v }

func TestFault20_CapacityOutOfRangeIsRefusedAndNothingChanges(t *testing.T) {
	f := start(t, node("a"))
	for _, bytes := range []int64{-1, 0, 1, api.MB - 1, api.MB + 1, 1025 * api.MB, 1 << 62, -1 << 63} {
		_, err := f.Configure(t.Context(), api.CacheChange{Capacity: &bytes, Policy: ptr("random")})
		if e := api.AsError(err); e == nil || e.Code != api.Invalid || !strings.Contains(e.Message, "1 to 1024") {
			t.Errorf("capacity %d: %v, want an error that names the range", bytes, err)
		}
	}
	cache, err := f.Cache(t.Context())
	if err != nil || cache.Capacity != 64*api.MB || cache.Policy != "lru" {
		t.Errorf("the settings are %+v, %v; want them unchanged", cache, err)
	}
}

func TestFault21_UnknownPolicyIsRefusedWithTheKnown(t *testing.T) {
	f := start(t, node("a"))
	_, err := f.Configure(t.Context(), api.CacheChange{Policy: ptr("newest")})
	e := api.AsError(err)
	if e == nil || e.Code != api.Invalid || !strings.Contains(e.Message, "lru") || !strings.Contains(e.Message, "random") {
		t.Errorf("got %v, want an error that lists the policies", err)
	}
}

func TestConfigureAppliesAtOnceAndIsKept(t *testing.T) {
	f := start(t, node("a"), node("b"))
	cache, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](3 * api.MB), Policy: ptr("random")})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range cache.Nodes {
		if n.Capacity != 3*api.MB || n.Policy != "random" {
			t.Errorf("node %s has %d bytes and %s, want 3 MB and random", n.Name, n.Capacity, n.Policy)
		}
	}
	kept, err := f.db.Settings(t.Context())
	if err != nil || kept.Capacity != 3*api.MB || kept.Policy != "random" {
		t.Errorf("the database has %+v, %v", kept, err)
	}
	if len(f.told) != 1 {
		t.Errorf("told %d times, want once", len(f.told))
	}
}

// The database is of another machine, or of one that had more memory.
func TestNodeGetsNoMoreThanTheLargestCapacity(t *testing.T) {
	f := start(t, node("a"))
	if err := f.db.SaveSettings(t.Context(), 4096*api.MB, "lru"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	cache, err := f.Cache(t.Context())
	if err != nil || cache.Capacity != 1024*api.MB || cache.Nodes[0].Capacity != 1024*api.MB {
		t.Errorf("the cache is %+v, %v; want it and its node to have 1024 MB", cache, err)
	}
}

func TestNodeThatComesBackGetsTheSettings(t *testing.T) {
	f := start(t, node("a"))
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Up = false })
	if _, err := f.Configure(t.Context(), api.CacheChange{Capacity: ptr[int64](5 * api.MB), Policy: ptr("random")}); err != nil {
		t.Fatalf("a change while the node is down: %v", err)
	}
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Up, n.Instance = true, "2" })
	if _, err := f.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := f.nodes.Stats(t.Context())[0]; n.Capacity != 5*api.MB || n.Policy != "random" {
		t.Errorf("the node has %d bytes and %s, want 5 MB and random", n.Capacity, n.Policy)
	}
	calls := len(f.nodes.calls)
	if _, err := f.Tick(t.Context()); err != nil || len(f.nodes.calls) != calls {
		t.Errorf("a node in step was set again: %v, %v", f.nodes.calls, err)
	}
}

func TestPlainMemcachedKeepsItsPolicy(t *testing.T) {
	plain := node("memcached")
	plain.Policy, plain.Features = "", nil
	f := start(t, plain)
	if _, err := f.Configure(t.Context(), api.CacheChange{Policy: ptr("random")}); err != nil {
		t.Fatal(err)
	}
	if len(f.nodes.calls) != 0 {
		t.Errorf("asked for %v, want nothing", f.nodes.calls)
	}
}

func TestTicksCountWhatHappenedSinceTheTickBefore(t *testing.T) {
	f := start(t, node("a"), node("b"))
	for i := range 2 {
		f.nodes.edit(i, func(n *cachelink.NodeStats) { n.Gets, n.Hits, n.Misses, n.Evictions = 100, 90, 10, 5 })
	}
	begin := time.Now()
	first := f.count(f.nodes.Stats(t.Context()), begin).Sample
	if first.Requests != 0 || first.Seconds != 0 {
		t.Errorf("the first reading counts %+v, want nothing", first)
	}
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets, n.Hits, n.Misses, n.Items = 110, 97, 13, 3 })
	f.nodes.edit(1, func(n *cachelink.NodeStats) { n.Gets, n.Hits, n.Misses, n.Items = 101, 91, 10, 4 })
	got := f.count(f.nodes.Stats(t.Context()), begin.Add(time.Second)).Sample
	want := api.Sample{
		Time: begin.Add(time.Second).UnixMilli(), Seconds: 1, Items: 7, Capacity: 128 * api.MB, Requests: 11, Hits: 8, Misses: 3,
		Reads: api.Reads{Seconds: 1},
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFault70_RestartedNodeCountsFromZero(t *testing.T) {
	f := start(t, node("a"))
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets, n.Hits = 100, 90 })
	begin := time.Now()
	f.count(f.nodes.Stats(t.Context()), begin)
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Instance, n.Gets, n.Hits = "2", 6, 5 })
	if s := f.count(f.nodes.Stats(t.Context()), begin.Add(time.Second)).Sample; s.Requests != 6 || s.Hits != 5 {
		t.Errorf("after a restart: %d requests and %d hits, want 6 and 5", s.Requests, s.Hits)
	}
	f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets, n.Hits = 0, 0 }) // `stats reset`
	if s := f.count(f.nodes.Stats(t.Context()), begin.Add(2*time.Second)).Sample; s.Requests < 0 || s.Hits < 0 {
		t.Errorf("after a reset: %+v, want nothing negative", s)
	}
}

// TestFault85_RatesAreOfAClockThatDoesNotJump: somebody sets the clock by an hour, or the
// machine was suspended for one, while a second of work passes.
func TestFault85_RatesAreOfAClockThatDoesNotJump(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		f := start(t, node("a"))
		begin := time.Now()
		f.count(f.nodes.Stats(t.Context()), begin)
		f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets, n.Hits = 10, 9 })
		later := setClock(begin.Add(time.Second), by)
		if moved := time.UnixMilli(later.UnixMilli()).Sub(time.UnixMilli(begin.UnixMilli())); moved != by+time.Second {
			t.Fatalf("the clock went on by %v, want %v", moved, by+time.Second)
		}
		s := f.count(f.nodes.Stats(t.Context()), later).Sample
		if s.Seconds != 1 || s.Reads.Seconds != 1 || s.Requests != 10 || s.Time != later.UnixMilli() {
			t.Errorf("a clock set by %v makes the second %+v", by, s)
		}
		if open, _ := f.take(); open["a"].Seconds != 1 {
			t.Errorf("a clock set by %v has %v s recorded", by, open["a"].Seconds)
		}
	}
}

// setClock is what [time.Now] returns at the moment t, when the wall clock was set
// before, and the monotonic one went on: in Go's representation, seconds of the wall
// clock are above 30 bits of nanoseconds.
func setClock(t time.Time, by time.Duration) time.Time {
	(*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t)).wall += uint64(by/time.Second) << 30
	return t
}

func TestNoNodeUpIsSaidSo(t *testing.T) {
	down := node("a")
	down.Up, down.Err = false, errors.New("connection refused")
	f := start(t, down)
	tick, err := f.Tick(t.Context())
	if err != nil || tick.Up || tick.Sample.Time == 0 {
		t.Errorf("got %+v, %v; want not up, with a time", tick, err)
	}
	if len(f.told) != 1 || f.told[0].Nodes[0].Error != "connection refused" {
		t.Errorf("told %+v, want the node's error once", f.told)
	}
}

// TestOneMissedAnswerIsNoOutage: the page would flicker. Two in a row are one,
// though the second comes a little early.
func TestOneMissedAnswerIsNoOutage(t *testing.T) {
	up, down := node("a"), cachelink.NodeStats{Name: "a", Err: errors.New("no reply in time")}
	up.Items, up.Gets = 5, 100
	f := start(t)
	at := time.Now()
	ask := func(after time.Duration, n cachelink.NodeStats) api.Tick {
		at = at.Add(after)
		return f.count(f.steady([]cachelink.NodeStats{n}, at), at)
	}
	if ask(0, down).Up {
		t.Error("a node that never answered is up")
	}
	ask(time.Second, up)
	if missed := ask(1200*time.Millisecond, down); !missed.Up || missed.Sample.Items != 5 || missed.Sample.Requests != 0 {
		t.Errorf("after one missed answer: %+v, want it up, as it was", missed)
	}
	if ask(800*time.Millisecond, down).Up {
		t.Error("after two missed answers the node is still up")
	}
	if !ask(time.Second, up).Up {
		t.Error("an answer later the node is not up")
	}
	up.Gets = 130
	if s := ask(time.Second, up).Sample; s.Requests != 30 {
		t.Errorf("%d requests are counted, want 30", s.Requests)
	}
}

func TestWindowHoldsTheRecordedAndTheNewest(t *testing.T) {
	f := start(t, node("a"))
	now := time.Now()
	for i := range 4 {
		f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets, n.Hits = int64(10*i), int64(5*i) })
		f.count(f.nodes.Stats(t.Context()), now.Add(time.Duration(i-4)*time.Second))
		if i == 2 {
			if err := f.Record(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	stats, err := f.Window(t.Context(), 60, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(stats.Samples) != 2 || stats.Total.Requests != 30 || stats.Total.HitRate != 0.5 {
		t.Errorf("got %+v, want a recorded and a new sample, 30 requests and a hit rate of 0.5", stats)
	}
	if stats, err := f.Window(t.Context(), 60, "a"); err != nil || len(stats.Samples) != 2 || stats.Total.Requests != 30 {
		t.Errorf("of the node alone: %+v, %v", stats, err)
	}
	if stats, err := f.Window(t.Context(), 60, "b"); err != nil || len(stats.Samples) != 0 {
		t.Errorf("of another node: %+v, %v", stats, err)
	}
	for _, seconds := range []int{-1, 0, maxWindow + 1} {
		if _, err := f.Window(t.Context(), seconds, ""); err == nil || api.AsError(err).Code != api.Invalid {
			t.Errorf("a window of %d s: %v, want a refusal", seconds, err)
		}
	}
}

// failingFirst refuses the first samples it is given, of a node and the backend.
type failingFirst struct {
	*sqlindex.DB
	failed int
}

func (d *failingFirst) RecordSample(ctx context.Context, node string, s api.Sample) error {
	if d.failed < 2 {
		d.failed++
		return errors.New("the database is away")
	}
	return d.DB.RecordSample(ctx, node, s)
}

func TestSampleThatCannotBeWrittenIsNotLost(t *testing.T) {
	f := start(t, node("a"))
	f.cfg.Database = &failingFirst{DB: f.db}
	now := time.Now()
	for i := range 3 {
		f.nodes.edit(0, func(n *cachelink.NodeStats) { n.Gets = int64(10 * i) })
		f.count(f.nodes.Stats(t.Context()), now.Add(time.Duration(i-3)*time.Second))
		if err := f.Record(t.Context()); (err != nil) != (i == 1) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	samples, err := f.db.Samples(t.Context(), now.Add(-time.Minute), now, "")
	if err != nil || len(samples) != 1 || samples[0].Requests != 20 || samples[0].Seconds != 2 || samples[0].Reads.Seconds != 2 {
		t.Errorf("got %+v, %v; want one sample of 2 s with 20 requests", samples, err)
	}
}

func TestLongWindowIsThinnedOut(t *testing.T) {
	const rows = 17280 // a day of them
	day := func() []api.Sample {
		var list []api.Sample
		for i := range rows {
			list = append(list, api.Sample{Time: int64(i) * 5000, Seconds: 5, Items: int64(i), Requests: 2, Hits: 1, Misses: 1})
		}
		return list
	}
	long := thin(day(), 24*3600*1000/maxSamples)
	if n := len(long); n > maxSamples+1 || n < maxSamples/2 {
		t.Errorf("%d samples are shown, want about %d", n, maxSamples)
	}
	if sum := api.Summarize(long); sum.Requests != 2*rows || long[len(long)-1].Items != rows-1 || long[1].Seconds < 85 {
		t.Errorf("thinned out to %+v, want every request, the newest state and the whole time", sum)
	}
	if short := thin(day()[:120], 600*1000/maxSamples); len(short) != 120 {
		t.Errorf("ten minutes are shown with %d samples, want all 120", len(short))
	}
}
