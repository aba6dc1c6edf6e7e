package pages

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
	"memcache/frontend-wasm/ui"
	"memcache/web"
)

// BenchmarkStart measures how long the real user interface takes from the
// beginning of the navigation until it has mounted. It needs what ./build.sh
// makes. The median of the runs is reported as mounted-ms, that of the moment
// when the program was compiled as compiled-ms.
//
//	go test -run '^$' -bench Start -benchtime 5x ./backend/internal/pages
//
// cold is a first visit with an empty profile; warm is a new browser process
// with a profile that has been there; again is the same page opened once more.
// The figures mean something on a machine that does nothing else.
func BenchmarkStart(b *testing.B) {
	if missing := web.Missing(web.Files()); len(missing) > 0 {
		b.Fatalf("run ./build.sh first: web/ lacks %q", missing)
	}
	h, err := newHandler(Config{Version: "bench", Routes: ui.Register}, web.Files())
	if err != nil {
		b.Fatal(err)
	}
	measured := browsertest.Measured()
	quiet := browsertest.Allow(".") // there is no API behind these pages
	b.Run("cold", func(b *testing.B) {
		s := newSite(b, h)
		measure(b, func() (float64, float64) {
			ctx := browsertest.Start(b, measured, quiet)
			defer browsertest.Stop(b, ctx)
			return start(b, ctx, s.URL)
		})
	})
	b.Run("warm", func(b *testing.B) {
		s := newSite(b, h)
		profile := b.TempDir()
		for range 2 { // the second visit lets the browser keep the compiled code
			ctx := browsertest.Start(b, measured, quiet, browsertest.Profile(profile))
			openSettled(b, ctx, s.URL)
			browsertest.Stop(b, ctx)
		}
		measure(b, func() (float64, float64) {
			ctx := browsertest.Start(b, measured, quiet, browsertest.Profile(profile))
			defer browsertest.Stop(b, ctx)
			return start(b, ctx, s.URL)
		})
	})
	b.Run("again", func(b *testing.B) {
		s := newSite(b, h)
		ctx := browsertest.Start(b, measured, quiet)
		openSettled(b, ctx, s.URL)
		openSettled(b, ctx, s.URL)
		measure(b, func() (float64, float64) { return start(b, ctx, s.URL) })
	})
}

func measure(b *testing.B, run func() (compiled, mounted float64)) {
	var compiled, mounted []float64
	for b.Loop() {
		c, m := run()
		compiled, mounted = append(compiled, c), append(mounted, m)
	}
	b.ReportMetric(median(compiled), "compiled-ms")
	b.ReportMetric(median(mounted), "mounted-ms")
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// start opens url and returns when the program was compiled and mounted, in
// milliseconds since the navigation began.
func start(t testing.TB, ctx context.Context, url string) (compiled, mounted float64) {
	t.Helper()
	open(t, ctx, url)
	until(t, ctx, `performance.getEntriesByName("memcache-mounted").length === 1`)
	return eval[float64](t, ctx, `performance.getEntriesByName("memcache-compiled")[0].startTime`),
		eval[float64](t, ctx, `performance.getEntriesByName("memcache-mounted")[0].startTime`)
}

// codeCacheDelay is a little more than the time of quiet after which Chromium
// writes compiled code to its cache.
const codeCacheDelay = 4 * time.Second

// openSettled opens url, waits for the service worker, and gives the browser the
// time after which it stores compiled code.
func openSettled(t testing.TB, ctx context.Context, url string) {
	t.Helper()
	start(t, ctx, url)
	until(t, ctx, controlled)
	if err := chromedp.Do(ctx, chromedp.Sleep(codeCacheDelay)); err != nil {
		t.Fatal(err)
	}
}
