package pages

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
)

// site is a server whose handler can be exchanged while it runs.
type site struct {
	*httptest.Server
	handler atomic.Pointer[http.Handler]
}

func newSite(t testing.TB, h http.Handler) *site {
	t.Helper()
	s := &site{}
	s.use(h)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) use(h http.Handler) { s.handler.Store(&h) }

// instead answers path with f and everything else with h.
func instead(h http.Handler, path string, f http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			f(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func open(t testing.TB, ctx context.Context, url string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
}

// eval returns the value of a JavaScript expression, awaited.
func eval[T any](t testing.TB, ctx context.Context, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("evaluate %s: %v", js, err)
	}
	return v
}

// until waits for a JavaScript expression to become true.
func until(t testing.TB, ctx context.Context, js string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](js)); err != nil {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		t.Fatalf("wait for %s: %v; the page says %q", js, err, text)
	}
}

// wait waits until the server has been asked for what a test expects.
func wait(t testing.TB, ctx context.Context, asked <-chan struct{}) {
	t.Helper()
	select {
	case <-asked:
	case <-ctx.Done():
		t.Fatal("the browser did not ask for the file, so that this test tests nothing")
	}
}

const (
	mounted    = `document.querySelector("#page[data-live=true]") !== null`
	controlled = `navigator.serviceWorker.controller !== null`
)

// openControlled opens url and waits until the program runs and the service
// worker has taken over.
func openControlled(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	open(t, ctx, url)
	until(t, ctx, mounted)
	until(t, ctx, controlled)
}

func bodyText(t *testing.T, ctx context.Context) string {
	t.Helper()
	return eval[string](t, ctx, `document.body.innerText`)
}

func TestFault94_NoConsoleErrorOnAnyPage(t *testing.T) {
	s := newSite(t, mustHandler(t, Config{Version: "v1"}, liveFiles(t)))
	ctx := browsertest.Start(t, browsertest.Allow(`/nothing$`)) // the 404 itself
	for _, path := range defaultPaths {
		open(t, ctx, s.URL+path)
		until(t, ctx, mounted)
	}
	if hidden := eval[bool](t, ctx, `document.getElementById("boot").hidden`); !hidden {
		t.Error("the loader's message is shown over the mounted page")
	}
	until(t, ctx, controlled)
	open(t, ctx, s.URL+"/nothing")
	if text := bodyText(t, ctx); !strings.Contains(text, "There is no such page") {
		t.Errorf("the page of an unknown address says %q", text)
	}
}

func TestShellIsDrawnWithoutTheProgram(t *testing.T) {
	release := make(chan struct{})
	h := mustHandler(t, Config{}, liveFiles(t))
	s := newSite(t, instead(h, programPath, func(w http.ResponseWriter, r *http.Request) {
		<-release
		h.ServeHTTP(w, r)
	}))
	ctx := browsertest.Start(t)
	open(t, ctx, s.URL+"/stats")
	if text := bodyText(t, ctx); !strings.Contains(text, "Page /stats") {
		t.Errorf("before the program has come the page says %q", text)
	}
	until(t, ctx, `document.getElementById("boot").innerText.startsWith("Loading MemCache")`)
	close(release)
	until(t, ctx, mounted)
	until(t, ctx, `document.getElementById("boot").hidden`)
}

func TestViewportAllowsZoom(t *testing.T) {
	s := newSite(t, mustHandler(t, Config{}, liveFiles(t)))
	ctx := browsertest.Start(t)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, s.URL)
	until(t, ctx, mounted)
	if _, err := chromedp.Call(ctx, input.SynthesizePinchGesture, input.SynthesizePinchGestureParams{X: 195, Y: 400, ScaleFactor: 2}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `visualViewport.scale > 1.5`)
}

func TestInstallable(t *testing.T) {
	s := newSite(t, mustHandler(t, Config{}, liveFiles(t)))
	ctx := browsertest.Start(t)
	openControlled(t, ctx, s.URL)
	problems, err := chromedp.Call(ctx, page.GetInstallabilityErrors, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems.InstallabilityErrors {
		t.Errorf("not installable: %s %v", p.ErrorID, p.ErrorArguments)
	}
	manifest, err := chromedp.Call(ctx, page.GetAppManifest, page.GetAppManifestParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range manifest.Errors {
		t.Errorf("manifest: %s (line %d)", e.Message, e.Line)
	}
	if !strings.HasSuffix(manifest.URL, "/manifest.webmanifest") || manifest.Data == "" {
		t.Errorf("the manifest found is %q with %d bytes", manifest.URL, len(manifest.Data))
	}
}

func TestFault95_ColdStartOfflineAtADeepLink(t *testing.T) {
	h := mustHandler(t, Config{}, liveFiles(t))
	photo := get(h, "/web/icons/icon-192.png").Body.Bytes()
	s := newSite(t, instead(h, "/objects/photo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(photo)
	}))
	profile := t.TempDir()
	ctx := browsertest.Start(t, browsertest.Profile(profile))
	openControlled(t, ctx, s.URL)
	open(t, ctx, s.URL+"/object?key=photo")
	until(t, ctx, `caches.open("memcache-seen").then(c => c.match("/objects/photo")).then(r => r !== undefined)`)
	browsertest.Stop(t, ctx)
	s.Close()

	ctx = browsertest.Start(t, browsertest.Profile(profile), browsertest.Allow(`ERR_CONNECTION_REFUSED`, `Failed to load resource`))
	open(t, ctx, s.URL+"/object?key=photo")
	until(t, ctx, mounted)
	if text := bodyText(t, ctx); !strings.Contains(text, "Page /object") || !strings.Contains(text, "photo") {
		t.Errorf("the deep link says %q", text)
	}
	until(t, ctx, `document.getElementById("image")?.naturalWidth === 192`)
	for address, want := range map[string]string{"/": "Page /", "/cache": "Page /cache", "/stats?window=1h#now": "Page /stats"} {
		open(t, ctx, s.URL+address)
		until(t, ctx, mounted)
		if text := bodyText(t, ctx); !strings.Contains(text, want) {
			t.Errorf("%s says %q, want %q", address, text, want)
		}
	}
	open(t, ctx, s.URL+"/bookmark/of/old")
	until(t, ctx, `document.getElementById("boot")?.hidden === true && document.body.innerText.includes("Not Found")`)
}

func TestFault103_ProgramThatDoesNotStartIsSaid(t *testing.T) {
	reply := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	cut := liveFiles(t)["app.wasm"].Data[:1000]
	cases := []struct {
		name, path string
		reply      http.HandlerFunc
		before     string // runs before the page's own scripts
		want       string
	}{
		{name: "not found", path: programPath, reply: reply(404, "text/plain", "gone"), want: "the server answered 404"},
		{name: "garbage", path: programPath, reply: reply(200, "application/wasm", "<html>no</html>"), want: "WebAssembly"},
		{name: "truncated", path: programPath, reply: reply(200, "application/wasm", string(cut)), want: "WebAssembly"},
		{name: "wrong type", path: programPath, reply: reply(200, "text/html", "<html>sign in</html>"), want: "MIME"},
		{name: "no runtime", path: "/wasm_exec.js", reply: reply(404, "text/plain", "gone"), want: "wasm_exec.js"},
		{name: "switched off", path: "/none", before: `delete globalThis.WebAssembly`, want: "WebAssembly is switched off"},
	}
	h := mustHandler(t, Config{}, liveFiles(t))
	browser := browsertest.Start(t, browsertest.Allow("MemCache:", "Failed to load resource", "MIME"))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, instead(h, c.path, c.reply))
			ctx := browsertest.NewTab(t, browser)
			if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: c.before}); err != nil {
				t.Fatal(err)
			}
			open(t, ctx, s.URL+"/stats")
			until(t, ctx, `document.querySelector("#boot[role=alert]:not([hidden]) button") !== null`)
			text := eval[string](t, ctx, `document.getElementById("boot").innerText`)
			if !strings.Contains(text, "MemCache could not start in this browser: ") || !strings.Contains(text, c.want) {
				t.Errorf("the message is %q, want %q in it", text, c.want)
			}
			if c.before != "" {
				return // it stays switched off
			}
			s.use(h) // the cause is gone: the button must help
			if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("#boot button"))); err != nil {
				t.Fatal(err)
			}
			until(t, ctx, mounted)
		})
	}
}

func TestFault103_ProgramThatEndsIsSaid(t *testing.T) {
	s := newSite(t, mustHandler(t, Config{}, liveFiles(t)))
	ctx := browsertest.Start(t, browsertest.Allow("MemCache:", "Go program has already exited"))
	open(t, ctx, s.URL)
	until(t, ctx, mounted)
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.ID("crash"))); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `!document.getElementById("boot").hidden`)
	text := eval[string](t, ctx, `document.getElementById("boot").innerText`)
	if !strings.Contains(text, "MemCache has stopped: panic: the test wants it") {
		t.Errorf("the message is %q", text)
	}
}
