package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
	"memcache/shared/api"
)

// serverGone are the console's complaints while there is no server.
var serverGone = browsertest.Allow("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "WebSocket connection to", "/ws$")

// pandaKey is the key under which the story keeps its picture.
const pandaKey = "pictures/red panda"

// The main job, from the first visit to a visit without a server.
func TestStoryInTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t, serverGone)
	p.ready(s, "/")
	p.has("#empty")
	p.run(`window.sameVisit = true`) // a reload would lose it

	p.uploadPicture(s)
	p.findAndView()
	p.watchStatistics(s)
	p.setCache(s)
	p.clearCache(s)
	if !eval[bool](p, `window.sameVisit === true`) {
		t.Error("the page was loaded anew on the way")
	}
	p.installable()
	p.loseServer(s)
	p.offline(s)
}

func (p *page) uploadPicture(s *site) {
	p.t.Helper()
	picture := picture(p.t, 300_000)
	p.choose("#files", writeFile(p.t, "IMG_0001.png", picture))
	p.has(`[data-upload][data-state="ready"]`)
	p.fill("#upload-key-1", pandaKey)
	p.click("#upload-all")
	p.has(`[data-upload][data-state="stored"]`)
	p.has(rowOf(pandaKey))
	if got := s.do("GET", "/api/v1/objects?search=panda", nil, http.StatusOK); !bytes.Contains(got.body, []byte(quote(pandaKey))) {
		p.t.Errorf("the server lists %s", got.body)
	}
	s.do("PUT", "/objects/other", strings.NewReader("another"), http.StatusCreated)
	p.has(rowOf("other")) // by itself: the server tells of it
}

func (p *page) findAndView() {
	p.t.Helper()
	p.fill("#search", "RED PAN")
	p.until(`document.querySelectorAll("#rows tr").length === 1`)
	p.click(rowOf(pandaKey) + " a")
	p.shows("h1", pandaKey)
	p.viewedFirst()
	p.shows("#provenance", "from disk in")
	p.until(`document.querySelector("#preview-image")?.naturalWidth > 0`)
	p.viewAgain()
	p.shows("#provenance", "from memory in")
	p.shows("#facts", "image/png")
}

// viewedFirst expects that the object which the page shows came from the disk, for it
// was not in the cache. It is viewed again where a busy machine kept the cache from
// answering in time, which the page says.
func (p *page) viewedFirst() {
	p.t.Helper()
	p.has(`#provenance[data-source="miss"], #provenance[data-source="bypass"]`)
	source := eval[string](p, viewed+".source")
	for source == "bypass" {
		source = p.viewOnce()
	}
	if source != "miss" {
		p.t.Fatalf("viewed first, the object's source is a %s\n%s", source, p.snapshot())
	}
}

// viewAgain views the object until it comes from memory, as it must at once, unless
// the view before still fills the cache or a busy machine keeps the cache from
// answering in time, which the page says.
func (p *page) viewAgain() {
	p.t.Helper()
	forgotten := false
	for {
		switch source := p.viewOnce(); {
		case source == "hit":
			return
		case source == "bypass":
			forgotten = true
		case source != "collapsed" && !forgotten:
			p.t.Fatalf("viewed again, the object's source is a %s\n%s", source, p.snapshot())
		}
	}
}

// viewed is what the page says of the last view.
const viewed = `document.querySelector("#provenance").dataset`

// viewOnce views the object once more, and returns where that came from.
func (p *page) viewOnce() (source string) {
	p.t.Helper()
	run := eval[string](p, viewed+".run")
	p.click("#view-again")
	p.until(fmt.Sprintf(`%s.run !== %s && !document.querySelector("#provenance[aria-busy=true]")`, viewed, quote(run)))
	return eval[string](p, viewed+".source")
}

// watchStatistics expects that the page moves with what others do.
func (p *page) watchStatistics(s *site) {
	p.t.Helper()
	p.click("#nav-stats")
	p.shows("#tile-hits", "1")
	hits := func() int {
		return eval[int](p, `Number(document.querySelector("#tile-hits").textContent.replace(/\D/g, ""))`)
	}
	before, line := hits(), eval[string](p, `document.querySelector("#chart-requests path").getAttribute("d") ?? ""`)
	for range 50 {
		s.do("GET", api.ObjectPath(pandaKey), nil, http.StatusOK)
	}
	p.until(fmt.Sprintf(`Number(document.querySelector("#tile-hits").textContent.replace(/\D/g, "")) === %d`, before+50))
	p.until(fmt.Sprintf(`[...document.querySelectorAll("#chart-requests path")].some(e => (e.getAttribute("d") ?? "").length > 10 && e.getAttribute("d") !== %s)`, quote(line)))
}

// setCache shrinks the cache below what is in it and switches the policy.
func (p *page) setCache(s *site) {
	p.t.Helper()
	for i := range 8 {
		path := fmt.Sprintf("/objects/filler-%d", i)
		s.do("PUT", path, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 1_000_000)), http.StatusCreated)
		s.do("GET", path, nil, http.StatusOK)
	}
	p.click("#nav-cache")
	p.until(`document.querySelector("#capacity")?.value > 8`)
	p.fill("#capacity", "2")
	p.click(`label[for="policy-random"]`)
	p.click("#apply")
	p.shows("#toasts", "Applied")
	c := s.cacheNow()
	if n := c.Nodes[0]; c.Capacity != 2*api.MB || c.Policy != "random" || n.Capacity != 2*api.MB || n.Policy != "random" || n.Bytes > 2*api.MB {
		p.t.Errorf("after Apply the cache is %+v", c)
	}
	p.shows("#use", "of 2.0 MB")
	p.keysThatStandOut(s)
	p.click("#nav-stats")
	p.until(`Number(document.querySelector("#tile-evictions").textContent.replace(/\D/g, "")) >= 6`)
	p.has(`#marks [data-kind="capacity"]`)
	p.has(`#marks [data-kind="policy"]`)
	p.has(`#chart-bytes-marks[d^="M"]`)
	p.until(`/[1-9]/.test(document.querySelector("#tile-memory-bytes").textContent) && /[1-9]/.test(document.querySelector("#tile-disk-bytes").textContent)`)
	p.until(`/ms/.test(document.querySelector("#tile-hit-time").textContent) && /ms/.test(document.querySelector("#tile-miss-time").textContent)`)
}

// keysThatStandOut looks at what went, live, at what is in the cache and what is
// asked for, and drops one copy.
func (p *page) keysThatStandOut(s *site) {
	p.t.Helper()
	p.shows("#evicted", "the capacity was made smaller")
	p.has(`#evicted-keys li[data-key^="filler-"] a[href^="/object?key=filler-"]`)
	p.has(`#largest-keys li[data-key^="filler-"]`)
	key := eval[string](p, `document.querySelector("#largest-keys li").dataset.key`)
	row := func(list string) string { return fmt.Sprintf(`#%s-keys li[data-key=%s]`, list, quote(key)) }
	eventually(p.t, patience, "the hits of "+key+" are counted", func() error {
		s.do("GET", api.ObjectPath(key), nil, http.StatusOK)
		if counted, err := tryEval[bool](p, fmt.Sprintf(`document.querySelector(%s) !== null`, quote(row("hottest")))); err != nil || !counted {
			return fmt.Errorf("it is not among the hottest (%v)", err)
		}
		return nil
	})
	p.click(row("largest") + " .invalidate")
	p.hasNot(row("largest"))
}

func (p *page) clearCache(s *site) {
	p.t.Helper()
	p.click("#nav-cache")
	p.click("#clear")
	p.click("#confirm-yes")
	p.shows("#toasts", "The cache is empty.")
	if n := s.cacheNow().Nodes[0]; n.Items != 0 {
		p.t.Errorf("after Clear the cache has %d items", n.Items)
	}
	p.open(s.url + api.ViewPath(pandaKey))
	p.viewedFirst()
	p.run(`window.sameVisit = true`)
}

// installable expects that Chromium would install the app.
func (p *page) installable() {
	p.t.Helper()
	p.until(`navigator.serviceWorker.controller`)
	got, err := chromedp.Call(p.ctx, cdppage.GetInstallabilityErrors, cdp.Empty{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range got.InstallabilityErrors {
		if e.ErrorID != "in-incognito" { // true of every page in this browser
			p.t.Errorf("the app cannot be installed: %s %v", e.ErrorID, e.ErrorArguments)
		}
	}
}

// loseServer stops the server and starts it again under an open page.
func (p *page) loseServer(s *site) {
	p.t.Helper()
	s.stop()
	p.has(`#notice[data-kind="offline"]`)
	p.shows("#notice", "Offline")
	p.shows("h1", pandaKey)
	s.start()
	p.until(live)
	p.hasNot(`#notice[data-kind="offline"]`)
	if !eval[bool](p, `window.sameVisit === true`) {
		p.t.Error("the page was loaded anew to recover")
	}

	// It hangs before it dies: start.sh can have it back before anyone looks.
	s.freeze("cache")
	p.has(`#notice[data-kind="cache"]`)
	s.kill("cache")
	p.hasNot(`#notice[data-kind="cache"]`) // start.sh has started it again
}

// offline opens every address without a server.
func (p *page) offline(s *site) {
	p.t.Helper()
	s.stop()
	for path, heading := range map[string]string{
		"/": "Objects", "/?search=panda": "Objects", "/cache": "Cache", "/stats": "Statistics", api.ViewPath(pandaKey): pandaKey,
	} {
		p.open(s.url + path)
		p.shows("h1", heading)
		p.has(`#notice[data-kind="offline"]`)
	}
	p.open(s.url + api.ViewPath(pandaKey))
	p.until(`document.querySelector("#preview-image")?.naturalWidth > 0`) // as it was seen last
	s.start()
	p.until(live)
}

func TestFault95_ColdStartOfflineAtADeepLink(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/docs/read%20me.txt", strings.NewReader("Seen before the server went away."), http.StatusCreated)
	deep := api.ViewPath("docs/read me.txt")
	profile := browsertest.Profile(t.TempDir())

	first := openPage(t, profile)
	first.ready(s, "/")
	first.until(`navigator.serviceWorker.controller`)
	first.ready(s, deep)
	first.shows("#preview-text", "Seen before")
	first.ready(s, "/cache")
	first.until(`document.querySelector("#capacity")?.value > 0`)
	browsertest.Stop(t, first.ctx)
	s.stop()

	second := openPage(t, profile, serverGone)
	second.open(s.url + deep)
	second.shows("h1", "docs/read me.txt")
	second.shows("#notice", "Offline")
	second.shows("#preview-text", "Seen before the server went away.")
	second.shows("#facts", "33 B")
	second.open(s.url + "/")
	second.has(rowOf("docs/read me.txt"))
	second.shows("#notice", "Offline")
	second.open(s.url + "/cache")
	second.until(`document.querySelector("#capacity")?.value > 0`)
	second.shows("#notice", "Offline")
}
