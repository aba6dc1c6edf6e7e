package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"memcache/shared/api"
)

// The objects page at the width of a phone and of a desk: pictures, selection, what
// is done with several objects, and the way back.
func TestObjectsInPicturesAndSeveralAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/holiday/beach.png", bytes.NewReader(picture(t, 60_000)), http.StatusCreated)
	for i := range 8 {
		s.do("PUT", fmt.Sprintf("/objects/notes/%d.txt", i), strings.NewReader("Some text."), http.StatusCreated)
	}
	p := openPage(t)
	for _, width := range []int64{1440, 390} {
		p.do("set the width", chromedp.EmulateViewport(width, 844))
		p.ready(s, "/?sort=key")
		p.click("#view-grid")
		p.until(`new URLSearchParams(location.search).get("view") === "grid"`)
		p.has(`#rows li[data-key="holiday/beach.png"] img[data-loaded]`)
		if eval[bool](p, `Boolean(document.querySelector('#rows [src^="/objects"]'))`) {
			t.Error("a whole image is in the grid")
		}
		p.bothSchemes(t, fmt.Sprintf("pictures-%d", width))
		p.click("#view-list")
		p.has(rowOf("holiday/beach.png"))
	}
	p.do("set the width", chromedp.EmulateViewport(1440, 844))
	p.ready(s, "/?sort=key")

	p.click(rowOf("notes/1.txt") + " .pick")
	p.run(fmt.Sprintf(`document.querySelector(%s).dispatchEvent(new MouseEvent("click", { bubbles: true, shiftKey: true }))`, quote(rowOf("notes/3.txt")+" .pick")))
	p.shows("#picked", "3 selected")
	p.run(fmt.Sprintf(`document.querySelector(%s).dispatchEvent(new MouseEvent("click", { bubbles: true, ctrlKey: true }))`, quote(rowOf("notes/5.txt")+" .c-size")))
	p.shows("#picked", "4 selected")
	p.bothSchemes(t, "selected-1440")
	p.click("#picked-invalidate")
	p.shows("#toasts", "not in memory any more")

	// The browser would save the archive; here it is read instead.
	p.run(`window.saved = ""; HTMLAnchorElement.prototype.click = function () { window.saved = this.href; }`)
	p.click("#picked-zip")
	p.until(`window.saved.includes("/api/v1/archives?id=")`)
	if got := s.do("GET", strings.TrimPrefix(eval[string](p, `window.saved`), s.url), nil, http.StatusOK); !bytes.HasPrefix(got.body, []byte("PK")) || !bytes.Contains(got.body, []byte("notes/2.txt")) {
		t.Errorf("the archive begins with %.20q", got.body)
	}

	p.click("#picked-delete")
	p.shows("#toasts", "Deleted 4 objects")
	p.hasNot(rowOf("notes/2.txt"))
	s.do("GET", "/objects/notes/2.txt", nil, http.StatusNotFound)
	p.press("z", chromedp.KeyModifiers(2)) // Ctrl
	p.has(rowOf("notes/2.txt"))
	for _, i := range []int{1, 2, 3, 5} {
		s.do("GET", fmt.Sprintf("/objects/notes/%d.txt", i), nil, http.StatusOK)
	}

	// By keyboard: down with Shift selects, Escape does not any more.
	p.run(fmt.Sprintf(`document.querySelector(%s).focus()`, quote(rowOf("notes/0.txt")+" .key-link")))
	p.press(kb.ArrowDown, chromedp.KeyModifiers(8)) // Shift
	p.shows("#picked", "2 selected")
	focused := `document.activeElement.closest("[data-key]")?.dataset.key === "notes/1.txt"`
	p.until(focused)
	p.press(kb.Escape)
	p.hasNot("#picked")
	p.until(focused)
	p.press(kb.Enter)
	p.shows("h1", "notes/1.txt")
	p.run(`history.back()`)
	p.has(rowOf("notes/1.txt"))
}

// bothSchemes checks that nothing is wider than the window, and keeps pictures.
func (p *page) bothSchemes(t *testing.T, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s is %d px wider than the window, for %s", name, over, eval[string](p, tooWide))
		}
		p.screenshot(name + "-" + scheme)
	}
}

// What an object's page can do with it, at both widths.
func TestObjectPageDoesItAll(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/beach.png", bytes.NewReader(picture(t, 60_000)), http.StatusCreated)
	s.do("PUT", "/objects/taken", strings.NewReader("another one"), http.StatusCreated)
	s.do("PUT", "/objects/program.bin", bytes.NewReader(append([]byte("\x7fELF\x02\x01\x01<b>"), make([]byte, 10_000)...)), http.StatusCreated)
	s.do("PUT", "/objects/long.txt", strings.NewReader(strings.Repeat("a long line without an end ", 100)), http.StatusCreated)
	p := openPage(t)
	p.do("set the width", chromedp.EmulateViewport(390, 844))
	p.ready(s, api.ViewPath("program.bin"))
	p.shows("#preview-hex", "7f 45 4c 46")
	p.shows("#preview-hex", ".ELF...<b>")
	p.shows(".preview-cut", "the first 4.0 KB of 9.8 KB")
	p.bothSchemes(t, "hex-390")

	p.ready(s, api.ViewPath("long.txt"))
	overflow := `(e => e.scrollWidth > e.clientWidth)(document.querySelector("#preview-text"))`
	p.until(`!` + overflow)
	p.click("#wrap")
	p.until(overflow)

	p.do("set the width", chromedp.EmulateViewport(1440, 844))
	p.ready(s, api.ViewPath("beach.png"))
	p.until(`document.querySelector("#preview-image")?.naturalWidth > 0`)
	p.click("#zoom-in")
	p.click("#zoom-in")
	p.until(`document.querySelector("#preview-image").clientWidth > 1.9 * document.querySelector("#preview-image").naturalWidth`)
	p.click("#zoom-full")
	p.until(`document.querySelector("#preview-image").clientWidth === document.querySelector("#preview-image").naturalWidth`)
	p.has(`#cached[data-cached="true"], #cached[data-cached=""]`)
	p.click("#invalidate")
	p.has(`#cached[data-cached="false"]`)
	p.click("#view-again")
	p.viewedFirst()
	p.has(`#cached[data-cached="true"], #cached[data-cached=""]`)

	p.run(`navigator.clipboard.writeText = async (text) => { window.copied = text; }`)
	p.click("#copy-curl")
	p.until(fmt.Sprintf(`window.copied === %s`, quote("curl -o beach.png '"+s.url+"/objects/beach.png'")))

	p.click("#rename")
	p.fill("#rename-to", "taken")
	p.press(kb.Enter)
	p.until(`document.querySelector("#confirm").open`)
	p.click("#confirm-no")
	p.fill("#rename-to", "sea and sand.png")
	p.click("#rename-do")
	p.shows("h1", "sea and sand.png")
	s.do("GET", "/objects/beach.png", nil, http.StatusNotFound)
	p.click("#delete")
	p.shows("#toasts", "Deleted")
	p.click(".toast-action")
	p.has(rowOf("sea and sand.png"))
	s.do("GET", api.ObjectPath("sea and sand.png"), nil, http.StatusOK)
}
