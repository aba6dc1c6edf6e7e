package pages

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
)

const shownVersion = `goappGetenv("GOAPP_VERSION")`

func shellCaches(t *testing.T, ctx context.Context) []string {
	t.Helper()
	return eval[[]string](t, ctx, `caches.keys().then(names => names.filter(n => n.startsWith("memcache-shell-")))`)
}

func TestFault99_NewVersionWaitsUntilTheUserAgrees(t *testing.T) {
	files := liveFiles(t)
	s := newSite(t, mustHandler(t, Config{Version: "v1"}, files))
	ctx := browsertest.Start(t)
	openControlled(t, ctx, s.URL+"/object?key=a")
	before := shellCaches(t, ctx)

	s.use(mustHandler(t, Config{Version: "v2"}, files))
	eval[bool](t, ctx, `navigator.serviceWorker.getRegistration().then(r => r.update()).then(() => true)`)
	until(t, ctx, `document.getElementById("reload") !== null`)
	for range 2 { // nothing that the user does by the way brings the new version
		if got := eval[string](t, ctx, shownVersion); got != "v1" {
			t.Fatalf("version %s runs although nobody agreed to it", got)
		}
		open(t, ctx, s.URL+"/object?key=b")
		until(t, ctx, `document.getElementById("reload") !== null`)
	}

	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.ID("reload"))); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, mounted)
	if got := eval[string](t, ctx, shownVersion); got != "v2" {
		t.Errorf("after the reload version %s runs, want v2", got)
	}
	if got := eval[string](t, ctx, `location.pathname + location.search`); got != "/object?key=b" {
		t.Errorf("the reload went to %s", got)
	}
	if eval[bool](t, ctx, `document.getElementById("reload") !== null`) {
		t.Error("the new version offers an update to itself")
	}
	after := shellCaches(t, ctx)
	if len(before) != 1 || len(after) != 1 || before[0] == after[0] {
		t.Errorf("the caches were %q and are %q: want one each, of their version", before, after)
	}
}

func TestSecondTabLearnsOfTheNewVersion(t *testing.T) {
	files := liveFiles(t)
	s := newSite(t, mustHandler(t, Config{Version: "v1"}, files))
	first := browsertest.Start(t)
	openControlled(t, first, s.URL)
	s.use(mustHandler(t, Config{Version: "v2"}, files))
	eval[bool](t, first, `navigator.serviceWorker.getRegistration().then(r => r.update()).then(() => true)`)
	until(t, first, `document.getElementById("reload") !== null`)
	// This tab is opened when the new version waits already.
	second := browsertest.NewTab(t, first)
	openControlled(t, second, s.URL+"/stats")
	until(t, second, `document.getElementById("reload") !== null`)
	if _, err := chromedp.RunResponse(second, chromedp.Click(chromedp.ID("reload"))); err != nil {
		t.Fatal(err)
	}
	until(t, second, mounted)
	if got := eval[string](t, second, shownVersion); got != "v2" {
		t.Errorf("the tab that agreed runs %s", got)
	}
	if got := eval[string](t, first, shownVersion); got != "v1" || !eval[bool](t, first, mounted) {
		t.Errorf("the other tab was reloaded without being asked: it runs %s", got)
	}
}

func TestWorkerIsInstalledWholeOrNotAtAll(t *testing.T) {
	const broken = "/web/icons/icon-512.png"
	h := mustHandler(t, Config{}, liveFiles(t))
	browser := browsertest.Start(t, browsertest.Allow(`status of 500`))
	for name, reply := range map[string]http.HandlerFunc{
		"error":         func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"other version": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"other"`) },
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{}, 1)
			s := newSite(t, instead(h, broken, func(w http.ResponseWriter, r *http.Request) {
				reply(w, r)
				select {
				case asked <- struct{}{}:
				default: // once is enough
				}
			}))
			ctx := browsertest.NewTab(t, browser)
			open(t, ctx, s.URL)
			until(t, ctx, mounted)
			wait(t, ctx, asked)
			until(t, ctx, `navigator.serviceWorker.getRegistration().then(r => r === undefined)`)
			if left := shellCaches(t, ctx); len(left) > 0 {
				t.Errorf("the caches %q are left of an installation that failed", left)
			}
			s.use(h)
			open(t, ctx, s.URL)
			until(t, ctx, controlled)
		})
	}
}

// A page whose loading had begun when the worker became active is not among those
// that it takes over at that moment.
func TestPageOpenedWhileTheWorkerStartsIsTakenOver(t *testing.T) {
	const installed = "/web/icons/icon-512.png" // the worker alone asks for it
	h := mustHandler(t, Config{}, liveFiles(t))
	ctx := browsertest.Start(t)
	mayInstall, install := context.WithCancel(ctx)
	mayAnswer, answer := context.WithCancel(ctx)
	defer install()
	defer answer()
	asked := make(chan struct{}, 1)
	s := newSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == installed:
			<-mayInstall.Done()
		case r.URL.Path == "/stats" && r.Header.Get("Sec-Fetch-Mode") == "navigate":
			asked <- struct{}{}
			<-mayAnswer.Done()
		}
		h.ServeHTTP(w, r)
	}))
	witness := browsertest.NewTab(t, ctx)
	open(t, witness, s.URL)
	until(t, witness, mounted)
	open(t, ctx, s.URL)
	until(t, ctx, mounted)
	eval[chromedp.Void](t, ctx, `void setTimeout(() => location.assign("/stats"))`)
	wait(t, ctx, asked)
	install()
	until(t, witness, controlled)
	loaded := chromedp.Events(ctx, page.LoadEventFired)
	answer()
	for _, err := range loaded {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	until(t, ctx, `location.pathname === "/stats" && `+mounted)
	until(t, ctx, controlled)
}

func TestFault104_WorksWithoutServiceWorker(t *testing.T) {
	s := newSite(t, mustHandler(t, Config{}, liveFiles(t)))
	browser := browsertest.Start(t)
	for name, script := range map[string]string{
		"absent":  `delete Navigator.prototype.serviceWorker`,
		"refused": `navigator.serviceWorker.register = () => Promise.reject(new DOMException("private window", "SecurityError"))`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx := browsertest.NewTab(t, browser)
			if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
				t.Fatal(err)
			}
			open(t, ctx, s.URL+"/object?key=a")
			until(t, ctx, mounted)
			eval[chromedp.Void](t, ctx, `memcacheCheckUpdate()`)
			if !eval[bool](t, ctx, `document.getElementById("boot").hidden`) {
				t.Errorf("the page says %q", bodyText(t, ctx))
			}
		})
	}
}

// objects answers like the backend's objects: /objects/NAME?size=BYTES.
func objects(h http.Handler, generation *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isObject := strings.CutPrefix(r.URL.Path, "/objects/")
		if !isObject {
			h.ServeHTTP(w, r)
			return
		}
		var size int
		if _, err := fmt.Sscan(r.URL.Query().Get("size"), &size); err != nil {
			size = 10
		}
		switch name {
		case "gone":
			if generation.Load() > 1 {
				http.NotFound(w, r)
				return
			}
		case "secret":
			w.Header().Set("Cache-Control", "no-store")
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Vary", "Accept-Encoding")
		text := fmt.Sprint(generation.Load())
		io.WriteString(w, text+strings.Repeat(" ", size-len(text)))
	})
}

func TestSeenObjectsAreKeptForOffline(t *testing.T) {
	var generation atomic.Int32
	generation.Store(1)
	s := newSite(t, objects(mustHandler(t, Config{}, liveFiles(t)), &generation))
	ctx := browsertest.Start(t, browsertest.Allow(`ERR_CONNECTION_REFUSED`, `ERR_FAILED`, `status of 404`))
	openControlled(t, ctx, s.URL)

	fetched := func(path, options string) string {
		return eval[string](t, ctx, `fetch("`+path+`", {`+options+`}).then(async r => r.status + " " + (await r.text()).trim() + (r.headers.has("X-Kept-At") ? " kept" : ""), e => e.name)`)
	}
	check := func(path, options, want string) {
		t.Helper()
		if got := fetched(path, options); got != want {
			t.Errorf("fetch %s {%s} gives %q, want %q", path, options, got, want)
		}
	}
	for _, path := range []string{"/objects/a", "/objects/b", "/objects/gone", "/objects/secret", "/objects/deleted", "/objects/large?size=11000000"} {
		if got := fetched(path, ""); got != "200 1" {
			t.Fatalf("fetch %s gives %q", path, got)
		}
	}
	check("/objects/part", `headers: {Range: "bytes=0-"}`, "200 1")
	until(t, ctx, `caches.open("memcache-seen").then(c => c.keys()).then(k => k.length === 4)`)

	generation.Store(2)
	check("/objects/a", "", "200 2") // the network answers: never the copy
	check("/objects/gone", "", "404 404 page not found")
	check("/objects/deleted", `method: "DELETE"`, "200 2")
	until(t, ctx, `caches.open("memcache-seen").then(c => c.keys()).then(k => k.length === 2)`)
	until(t, ctx, `caches.open("memcache-seen").then(c => c.match("/objects/a")).then(async r => (await r.text()).trim() === "2")`)

	s.Close()
	check("/objects/a", "", "200 2 kept")
	check("/objects/b", "", "200 1 kept")
	for _, path := range []string{"/objects/gone", "/objects/secret", "/objects/part", "/objects/deleted", "/objects/large?size=11000000", "/objects/never"} {
		check(path, "", "TypeError")
	}
	eval[chromedp.Void](t, ctx, `navigator.serviceWorker.controller.postMessage({type: "forget", path: "/objects/b"})`)
	until(t, ctx, `caches.open("memcache-seen").then(c => c.keys()).then(k => k.length === 1)`)
	eval[chromedp.Void](t, ctx, `navigator.serviceWorker.controller.postMessage({type: "forget-all"})`)
	until(t, ctx, `caches.has("memcache-seen").then(has => !has)`)
}

func TestSeenObjectsAreBounded(t *testing.T) {
	var generation atomic.Int32
	s := newSite(t, objects(mustHandler(t, Config{}, liveFiles(t)), &generation))
	ctx := browsertest.Start(t)
	openControlled(t, ctx, s.URL)
	const load = `(async (names, size) => { for (const n of names) await (await fetch("/objects/" + n + "?size=" + size)).arrayBuffer(); })`
	const newest = `caches.open("memcache-seen").then(c => c.keys()).then(k => k.at(-1)?.url.includes("/objects/%s?"))`
	const bytes = `caches.open("memcache-seen").then(async c => (await Promise.all((await c.keys()).map(async k => (await (await c.match(k)).blob()).size))).reduce((a, b) => a + b, 0))`

	eval[chromedp.Void](t, ctx, load+`([...Array(220).keys()].map(i => "small" + i), 10)`)
	until(t, ctx, fmt.Sprintf(newest, "small219"))
	if n := eval[int](t, ctx, `caches.open("memcache-seen").then(c => c.keys()).then(k => k.length)`); n != 200 {
		t.Errorf("%d entries are kept, want the last 200", n)
	}
	if eval[bool](t, ctx, `caches.open("memcache-seen").then(c => c.match("/objects/small0?size=10")).then(r => r !== undefined)`) {
		t.Error("the oldest entry is still there")
	}
	const size = 9 << 20
	eval[chromedp.Void](t, ctx, fmt.Sprintf(load+`([...Array(7).keys()].map(i => "big" + i), %d)`, size))
	until(t, ctx, fmt.Sprintf(newest, "big6"))
	until(t, ctx, bytes+`.then(n => n <= 50 * 1024 * 1024)`)
	if n := eval[int](t, ctx, bytes); n != 5*size {
		t.Errorf("%d bytes are kept, want the last five objects of %d", n, size)
	}
}
