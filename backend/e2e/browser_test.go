package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
	"memcache/shared/api"
)

// live is true once the page is connected to the backend.
const live = `document.querySelector("#connection")?.dataset.state === "on"`

// ready opens an address of the app and waits until it is live.
func (p *page) ready(s *site, path string) {
	p.t.Helper()
	p.open(s.url + path)
	p.until(live)
}

// rowOf is the selector of the row of a key.
func rowOf(key string) string { return fmt.Sprintf(`#rows tr[data-key=%s]`, quote(key)) }

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFault93_MarkupInKeysIsInert(t *testing.T) {
	t.Parallel()
	s := start(t)
	keys := []string{
		`<img src=x onerror="window.pwned=1">`,
		`"><script>window.pwned=1</script>`,
		`javascript:window.pwned=1//' onmouseover=window.pwned=1 x='`,
	}
	for _, key := range keys {
		s.do("PUT", api.ObjectPath(key), strings.NewReader("text"), http.StatusCreated)
	}
	p := openPage(t)
	p.ready(s, "/")
	for _, key := range keys {
		p.shows("#rows", key)
		p.open(s.url + api.ViewPath(key))
		p.until(live)
		p.until(fmt.Sprintf(`document.title.includes(%s)`, quote(key)))
		p.shows("h1", key)
		p.shows("#preview-text", "text")
		p.click("#delete")
		p.shows("#toasts", key)
		p.hasNot(rowOf(key))
	}
	if eval[bool](p, `"pwned" in window || Boolean(document.querySelector('[src="x"], [onmouseover]'))`) {
		t.Error("markup in a key became part of a page")
	}
}

func TestFault100_HundredThousandKeys(t *testing.T) {
	t.Parallel()
	const keys = 100_000
	s := start(t)
	s.do("PUT", "/objects/first", strings.NewReader("first"), http.StatusCreated)
	s.stop()
	insertKeys(t, filepath.Join(s.data, "memcache.db"), keys-1)
	s.start()

	p := openPage(t)
	p.ready(s, "/")
	p.shows("#total", "100,000")
	p.few(t)
	for _, c := range []struct{ order, first, later string }{
		{api.SortKey, "first", "key-000500"}, {api.SortOldest, "first", "key-000500"}, {api.SortNewest, fmt.Sprintf("key-%06d", keys-1), fmt.Sprintf("key-%06d", keys-500)},
	} {
		p.choice("#sort", c.order)
		p.until(fmt.Sprintf(`(new URLSearchParams(location.search).get("sort") ?? "newest") === %s && document.querySelector("#rows tr").dataset.key === %s`, quote(c.order), quote(c.first)))
		p.scrollUntil(rowOf(c.later))
		p.few(t)
		p.run(`scrollTo(0, 0)`)
		p.has(rowOf(c.first))
	}

	// A jump leads into the middle of the list, which goes on from there both ways.
	p.click(`#jump [data-start="k"]`)
	p.until(`new URLSearchParams(location.search).get("from") === "k" && new URLSearchParams(location.search).get("sort") === "key"`)
	p.has(rowOf("key-000001"))
	p.click(`#jump [data-start="key-07"]`)
	p.until(`new URLSearchParams(location.search).get("from") === "key-07"`)
	p.has(rowOf("key-070000"))
	p.few(t)
	p.run(`scrollBy(0, -3000)`)
	p.has(`#rows tr[data-key^="key-0699"]`)
	p.scrollUntil(rowOf("key-070300"))
	p.few(t)
	p.run(`history.go(-2)`)
	p.until(fmt.Sprintf(`document.querySelector("#rows tr").dataset.key === "key-%06d"`, keys-1))
	p.fill("#search", "KEY-077777")
	p.has(rowOf("key-077777"))
	p.until(`document.querySelectorAll("#rows tr").length === 1`)
	for _, query := range []string{"", "?search=77777", "?search=nothing-like-it", "?sort=key", "?sort=oldest"} {
		began := time.Now()
		s.do("GET", "/api/v1/objects"+query, nil, http.StatusOK)
		took := time.Since(began)
		t.Logf("list %q of %d keys: %v", query, keys, took)
		if took > 5*time.Second {
			t.Errorf("list %q took %v", query, took)
		}
	}
}

// choice chooses in a select.
func (p *page) choice(selector, value string) {
	p.t.Helper()
	p.has(selector)
	p.run(fmt.Sprintf(`{ const e = document.querySelector(%s); e.value = %s; e.dispatchEvent(new Event("change", { bubbles: true })); }`, quote(selector), quote(value)))
}

// scrollUntil scrolls down, a screen at a time when that is drawn, until an element
// is there.
func (p *page) scrollUntil(selector string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector(%s) ||
		(document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.matches("#rows, #rows .ghost *") || scrollBy(0, innerHeight), false)`, quote(selector)))
}

// few checks that little of the list is in the document, however long the list is.
func (p *page) few(t *testing.T) {
	t.Helper()
	p.until(`document.querySelectorAll("#rows > *").length >= 8`)
	if n := eval[int](p, `document.querySelectorAll("#rows > *").length`); n >= 500 {
		t.Errorf("%d rows are in the document, want 8 to 499", n)
	}
}

// insertKeys copies the one row of the table n times.
func insertKeys(t *testing.T, file string, n int) {
	t.Helper()
	fill := exec.CommandContext(t.Context(), "go", "run", "-trimpath", "./backend/e2e/fill", file, strconv.Itoa(n))
	fill.Dir = source
	fill.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=") // as build.sh builds, so that SQLite is compiled already
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("insert %d keys: %v\n%s", n, err, out)
	}
}

func TestFault103_WebAssemblyThatDoesNotRun(t *testing.T) {
	t.Parallel()
	s := start(t)
	t.Run("switched off", func(t *testing.T) {
		p := openPage(t, browsertest.Allow("MemCache"))
		p.before(`delete window.WebAssembly`)
		p.open(s.url + "/")
		p.shows("#boot", "WebAssembly is switched off")
	})
	t.Run("not delivered", func(t *testing.T) {
		p := openPage(t, browsertest.Allow("MemCache", "app.wasm", "ERR_BLOCKED"))
		blockProgram(p)
		p.open(s.url + "/stats")
		p.shows("#boot", "could not start")
		p.has("#boot button")
	})
}

// Every page at the width of a phone and of a desk, light and dark: nothing is
// wider than the window, every control has a name, and axe, where it is at hand,
// finds nothing serious. With MEMCACHE_SCREENSHOTS, pictures of all are kept.
func TestEveryPageFitsThePhone(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/holiday/beach.png", strings.NewReader(string(picture(t, 60_000))), http.StatusCreated)
	s.do("PUT", "/objects/"+strings.Repeat("very-long-key-without-a-break-", 12), strings.NewReader("text"), http.StatusCreated)
	s.do("PUT", "/objects/notes.txt", strings.NewReader("Some text.\nMore of it."), http.StatusCreated)
	for range 20 {
		s.do("GET", "/objects/notes.txt", nil, http.StatusOK)
	}
	pages := map[string]string{
		"objects": "/", "image": "/object?key=holiday/beach.png", "text": "/object?key=notes.txt",
		"unknown": "/object?key=unknown", "cache": "/cache", "stats": "/stats", "lab": "/lab", "search": "/?search=nothing",
	}
	// Each page is loaded at one width, which another page has next, and then
	// fits the others as a window does that is made wider or narrower.
	widths := []int64{320, 390, 1440}
	p := openPage(t, browsertest.Allow("404"))
	for name, path := range pages {
		p.setWidth(widths[0])
		p.ready(s, path)
		for _, width := range widths {
			p.setWidth(width)
			p.until(`document.fonts.status === "loaded" && !document.querySelector("[aria-busy=true]")`)
			for _, scheme := range []string{"light", "dark"} {
				p.scheme(scheme)
				if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("the %s page is %d px wider than the window of %d px, for %s", name, over, width, eval[string](p, tooWide))
				}
				p.accessible(fmt.Sprintf("%s, %s, %d px wide", name, scheme, width))
				p.screenshot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
			}
		}
		widths = append(widths[1:], widths[0])
	}
	browsertest.Stop(t, p.ctx)
	fitsOffline(t, s)
}

// fitsOffline is the narrowest page with all that the header can have to say.
func fitsOffline(t *testing.T, s *site) {
	t.Helper()
	p := openPage(t, serverGone, browsertest.Allow("ERR_FAILED"))
	p.setWidth(320)
	p.ready(s, "/")
	p.choose("#files", writeFile(t, "new.txt", []byte("new")))
	p.has(`[data-upload][data-state="ready"]`)
	s.stop()
	p.has(`#connection[data-state="off"]`)
	p.click("#upload-all")
	p.has(`[data-upload][data-state="queued"]`)
	p.bothSchemes(t, "offline-320")
	p.click(rowOf("notes.txt") + " a")
	p.has("#sending")
	p.shows("h1", "notes.txt")
	p.bothSchemes(t, "offline-object-320")
}

// setWidth waits until what is on the page has been drawn at its new width.
func (p *page) setWidth(width int64) {
	p.t.Helper()
	p.do("set the width", chromedp.EmulateViewport(width, 844))
	p.until(fmt.Sprintf(`innerWidth === %d`, width))
	eval[bool](p, `new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`)
}

// tooWide names the elements that reach beyond the window.
const tooWide = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth)
	.map(e => e.tagName + " " + e.id + " " + e.getAttribute("class")).join(", ")`

func (p *page) scheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.until(fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches`, name))
}
