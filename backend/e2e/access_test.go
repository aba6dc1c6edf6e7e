package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"memcache/shared/api"
)

// axe is the environment variable with the path of axe.min.js, which
// ./build.sh test sets where npm is at hand.
const axe = "MEMCACHE_AXE"

// controlRoles are the roles of what can be operated.
var controlRoles = []string{
	"button", "link", "textbox", "searchbox", "combobox", "listbox", "option", "checkbox", "radio", "slider", "spinbutton", "menuitem", "tab", "switch",
}

// accessible fails the test where the page has a control without a name, as the
// browser tells assistive technology of it, or where axe finds something serious.
func (p *page) accessible(name string) {
	p.t.Helper()
	p.named(name)
	p.axe(name)
}

func (p *page) named(name string) {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.t.Fatalf("the accessibility tree of the %s page: %v", name, err)
	}
	controls := 0
	for _, node := range tree.Nodes {
		role := axText(node.Role)
		if node.Ignored || !slices.Contains(controlRoles, role) {
			continue
		}
		controls++
		if strings.TrimSpace(axText(node.Name)) == "" {
			p.t.Errorf("the %s page has a %s without a name", name, role)
		}
	}
	if controls < 2 {
		p.t.Errorf("the %s page has %d controls: that is not all of it", name, controls)
	}
}

// axText is the text of a property of an accessibility node.
func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	_ = json.Unmarshal([]byte(v.Value), &text) // what is no text is no name either
	return text
}

// axe runs the checks of axe-core for WCAG 2.2 AA, if it is there.
func (p *page) axe(name string) {
	p.t.Helper()
	file := os.Getenv(axe)
	if file == "" {
		return
	}
	script, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatalf("read %s, which %s names: %v", file, axe, err)
	}
	if !eval[bool](p, `"axe" in window`) {
		p.do("load axe", chromedp.Evaluate[chromedp.Void](string(script)))
	}
	p.run(`scrollTo({ top: 0, behavior: "instant" })`) // what is under the header would be too small a target
	for _, found := range eval[[]string](p, `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then(r =>
		r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => v.id + ": " + v.nodes.map(n => n.html.slice(0, 200)).join(" | ")))`) {
		p.t.Errorf("axe finds on the %s page %s", name, found)
	}
}

func (p *page) pressCtrl(key string) {
	p.t.Helper()
	p.press(key, chromedp.KeyModifiers(chromedp.ModifierCtrl))
}

// TestFault101_PaletteAndChoicesByKeyboard: what belongs to no page, without a
// mouse, and without a word of the other language left on the page.
func TestFault101_PaletteAndChoicesByKeyboard(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/letters/first.txt", strings.NewReader("Dear reader"), 201)
	p := openPage(t)
	p.ready(s, "/cache")

	eventually(t, patience, "g and s lead to the statistics", func() error { // when they come soon enough after each other
		p.press("g")
		p.press("s")
		if there, err := tryEval[bool](p, `document.querySelector("#page-stats") !== null`); err != nil || !there {
			return fmt.Errorf("they have not yet (%v)", err)
		}
		return nil
	})
	p.press("?")
	p.until(`document.querySelector("#help").open`)
	p.shows("#help", "Ctrl+K")
	p.press(kb.Escape)
	p.until(`!document.querySelector("#help").open`)

	p.pressCtrl("k")
	p.until(`document.activeElement?.id === "palette-input"`)
	p.press("FIRST.t")
	p.shows("#palette-0", "letters/first.txt")
	p.accessible("palette")
	p.press(kb.Enter)
	p.shows("#preview-text", "Dear reader")
	p.until(`!document.querySelector("#palette").open`)

	p.pressCtrl("k")
	p.until(`document.activeElement?.id === "palette-input"`)
	p.press("dark")
	p.shows("#palette-0", "Dark colours")
	p.press(kb.Enter)
	p.until(`getComputedStyle(document.body).backgroundColor === "rgb(20, 22, 26)"`)

	p.ready(s, "/stats")
	p.until(`getComputedStyle(document.body).backgroundColor === "rgb(20, 22, 26)"`) // it is kept
	p.run(`document.querySelector("#open-prefs").focus()`)
	p.press(kb.Enter)
	p.until(`document.querySelector("#prefs").open`)
	p.accessible("preferences")
	p.run(`(e => { e.value = "de"; e.dispatchEvent(new Event("change", { bubbles: true })); })(document.querySelector("#pref-language"))`)
	p.shows("h1", "Statistik")
	p.shows("#prefs", "Sprache")
	p.press(kb.Escape)
	p.until(`!document.querySelector("#prefs").open && document.activeElement?.id === "open-prefs"`)
	p.ready(s, "/cache")
	p.shows("#settings", "Kapazität") // it is kept, too
	if got := eval[string](p, `document.documentElement.lang`); got != "de" {
		t.Errorf("the page says that its language is %q", got)
	}
	if text := eval[string](p, `document.querySelector("#main").innerText`); strings.Contains(text, "Replacement") || strings.Contains(text, "Most hits") {
		t.Errorf("on the German page there is English: %s", text)
	}
}

func TestCacheIsChangedForetoldAndSetBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 4 {
		path := fmt.Sprintf("/objects/filler-%d", i)
		s.do("PUT", path, strings.NewReader(strings.Repeat("x", 1_000_000)), 201)
		s.do("GET", path, nil, 200)
	}
	p := openPage(t)
	p.ready(s, "/cache")
	p.shows("#use", "4 items")
	before := s.cacheNow()
	p.fill("#capacity", "2")
	p.shows("#preview-change", "would leave memory at once")
	p.click("#goal-lfuda")
	p.click("#apply")
	p.shows("#toasts", "Applied")
	if c := s.cacheNow(); c.Capacity != 2*api.MB || c.Policy != "lfuda" {
		t.Errorf("the cache is set to %d bytes and %s", c.Capacity, c.Policy)
	}
	p.click("#undo")
	p.hasNot("#undo")
	p.shows("#use", "of 256.0 MB")
	if c := s.cacheNow(); c.Capacity != before.Capacity || c.Policy != before.Policy {
		t.Errorf("undone, the cache is set to %d bytes and %s, want %d and %s", c.Capacity, c.Policy, before.Capacity, before.Policy)
	}

	p.run(`(e => { e.value = e.max; e.dispatchEvent(new Event("input", { bubbles: true })); })(document.querySelector("#capacity-slider"))`)
	p.until(fmt.Sprintf(`document.querySelector("#capacity").value === "%d"`, before.MaxCapacity/api.MB))
	p.shows("#preview-change", "more will fit")
	p.click("#reset")
	p.until(`document.querySelector("#capacity").value === "256"`)
}

func TestStatisticsOfAnHourAsATableAndAsAFile(t *testing.T) {
	t.Parallel()
	s := start(t)
	eventually(t, patience, "the cache's counters are followed", func() error {
		var stats api.Stats
		s.do("GET", "/api/v1/stats?window=10m", nil, 200).json(s.t, &stats)
		if !slices.ContainsFunc(stats.Samples, func(s api.Sample) bool { return s.Seconds > 0 }) {
			return errors.New("no interval is known")
		}
		return nil
	})
	s.do("PUT", "/objects/a", strings.NewReader("text"), 201)
	for range 9 {
		s.do("GET", "/objects/a", nil, 200)
	}
	p := openPage(t)
	p.ready(s, "/stats")
	p.shows("#tile-hits", "8")
	p.click("#window-1h")
	p.until(`location.search === "?window=1h"`)
	p.shows("#tiles", "in an hour")
	p.shows("#tile-hits", "8")
	p.until(`Number(document.querySelector("#chart-requests").dataset.points) > 0`)
	p.click("#numbers-open")
	p.until(`document.querySelectorAll("#numbers tbody tr").length > 0`)
	p.run(`window.savedFiles = []; URL.createObjectURL = (blob) => { blob.text().then(t => savedFiles.push(t)); return "blob:" + location.origin + "/none"; }; HTMLAnchorElement.prototype.click = () => {};`)
	p.click("#numbers-csv")
	p.until(`savedFiles.length === 1`)
	if text := eval[string](p, `savedFiles[0]`); !strings.HasPrefix(text, "time,seconds,requests,hits,") || !strings.Contains(text, ",8,") {
		t.Errorf("the file is %q", text)
	}

	// A new second moves the line and leaves the rest of the page alone.
	p.click("#window-10m")
	p.until(`!location.search`)
	p.run(`window.before = document.querySelector("#chart-content-line0"); window.path = before.getAttribute("d");`)
	p.until(`before.getAttribute("d") !== path`)
	if !eval[bool](p, `before === document.querySelector("#chart-content-line0")`) {
		t.Error("the chart was drawn anew for a new second")
	}
	p.tabTo("#chart-content-plot")
	p.press(kb.ArrowLeft)
	p.until(`document.querySelector("#announce").innerText.includes("items")`)
	if got := eval[string](p, `document.querySelector("#chart-content-cross").getAttribute("visibility")`); got != "visible" {
		t.Errorf("the crosshair is %s", got)
	}
}
