package pages

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
	"memcache/backend/internal/live"
	"memcache/frontend-wasm/ui"
	"memcache/shared/api"
	"memcache/web"
)

var liveFor = flag.Duration("live", 0, "for how `long` the page of statistics is watched, a sample a second; 0 for five minutes' worth of samples, each as soon as the one before is drawn")

// The names under which live's interfaces are embedded: Cache has a method of its
// own name.
type (
	someCache = live.Cache
	someStats = live.Stats
)

// still is a cache that never changes. Whoever asks for more than the page of
// statistics does is told of an error.
type still struct {
	live.Objects
	live.Answers
	someCache
	someStats
}

func (still) Cache(context.Context) (api.Cache, error) {
	return api.Cache{Capacity: 64 * api.MB, Policy: "lru", Nodes: []api.Node{}}, nil
}

func (still) Insight(context.Context) (api.Insight, error) {
	return api.Insight{Nodes: []api.NodeCurves{}}, nil
}

// Window is full, so that each sample that comes drops one.
func (still) Window(_ context.Context, seconds int, _ string) (api.Stats, error) {
	stats := api.Stats{Seconds: seconds, Now: sampleTime(0)}
	for i := range seconds {
		stats.Samples = append(stats.Samples, sample(i-seconds+1))
	}
	return stats, nil
}

func sampleTime(i int) int64 { return 1_800_000_000_000 + int64(i)*1000 }

func sample(i int) api.Sample {
	n := int64(i%97 + 100)
	return api.Sample{
		Time: sampleTime(i), Seconds: 1, Items: 10_000 + int64(i), Bytes: n << 10, Requests: n, Hits: n / 2, Misses: n - n/2, Evictions: n % 7,
	}
}

// holdGo keeps what wasm_exec.js makes where the test finds it.
const holdGo = `Object.defineProperty(window, "Go", {
	configurable: true,
	set(made) { Object.defineProperty(window, "Go", { value: class extends made { constructor() { super(); window.madeGo = this; } } }); },
})`

// TestTheLivePageKeepsItsMemory watches the page of statistics of the real user
// interface, which needs what ./build.sh makes, while samples come over its WebSocket:
// what is in memory once it has settled is all there is at the end.
func TestTheLivePageKeepsItsMemory(t *testing.T) {
	if missing := web.Missing(web.Files()); len(missing) > 0 {
		t.Fatalf("run ./build.sh first: web/ lacks %q", missing)
	}
	t.Cleanup(registerTestPages)
	h := mustHandler(t, Config{Version: "live", Routes: ui.Register}, web.Files())
	hub := startHub(t)
	s := newSite(t, instead(h, api.LivePath, hub.ServeHTTP))
	ctx := browsertest.Start(t, browsertest.Limit(10*time.Minute+*liveFor))
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: holdGo}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, s.URL+"/stats")
	until(t, ctx, `document.querySelector("#tile-items")?.textContent.includes("10,000")`)

	const settle = 30
	samples, pause := 300, time.Duration(0)
	if *liveFor > 0 {
		samples, pause = int(*liveFor/time.Second), time.Second
	}
	watch := func(from, to int) {
		for i := from; i < to; i++ {
			time.Sleep(pause)
			hub.Tick(api.Tick{Up: true, Sample: sample(i)})
			until(t, ctx, fmt.Sprintf(`document.querySelector("#tile-items").textContent.replace(/\D/g, "") === "%d"`, 10_000+i))
		}
	}
	watch(1, settle)
	before := memoryOf(t, ctx)
	watch(settle, settle+samples)
	after := memoryOf(t, ctx)
	t.Logf("after %d samples %v, after %d more %v", settle, before, samples, after)
	// Of what the program holds, its own collection of garbage leaves some, and its
	// memory never shrinks: a leak of a value, or of 8 KB, with each sample shows.
	n := float64(samples)
	for name, more := range map[string]float64{"JSHeapUsedSize": 1 << 20, "Nodes": 100, "JSEventListeners": 20, "wasm": n * 8192, "values": n} {
		if after[name] > before[name]+more {
			t.Errorf("%s rose from %.0f to %.0f with %d samples", name, before[name], after[name], samples)
		}
	}
}

func startHub(t *testing.T) *live.Hub {
	t.Helper()
	hub, err := live.New(live.Config{
		Log: slog.New(slog.DiscardHandler), Objects: still{}, Cache: still{}, Stats: still{}, Answers: still{},
		AllowOrigin: func(*http.Request) bool { return true },
		RequestID:   func(*http.Request) string { return "" },
		BeginUpload: func() (func(), error) { return func() {}, nil },
		MaxObject:   api.MB,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hub.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return hub
}

// memoryOf counts, after the garbage is gone, what is in the page's memory: bytes,
// nodes, listeners, bytes of the program, and values that the program holds.
func memoryOf(t *testing.T, ctx context.Context) map[string]float64 {
	t.Helper()
	if _, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	memory := map[string]float64{
		"wasm":   eval[float64](t, ctx, `madeGo._inst.exports.mem.buffer.byteLength`),
		"values": eval[float64](t, ctx, `madeGo._values.filter((v) => v !== undefined && v !== null).length`),
	}
	for _, m := range got.Metrics {
		switch m.Name {
		case "JSHeapUsedSize", "Nodes", "JSEventListeners":
			memory[m.Name] = m.Value
		}
	}
	return memory
}
