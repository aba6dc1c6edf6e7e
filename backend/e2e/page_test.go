package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"memcache/backend/internal/browsertest"
)

// patience is how long a page may take for what a person would call "at once";
// other tests keep the machine busy meanwhile.
const patience = time.Minute

// page is a tab of Chromium that a test drives. Its selectors are CSS.
type page struct {
	t   *testing.T
	ctx context.Context
}

// openPage starts a browser.
func openPage(t *testing.T, opts ...browsertest.Option) *page {
	t.Helper()
	opts = append([]browsertest.Option{browsertest.Limit(10 * time.Minute)}, opts...)
	p := &page{t, browsertest.Start(t, opts...)}
	// chromedp keeps a copy of the document by events of the DOM, which takes it
	// minutes for a long list under the race detector. Nothing here needs it.
	if _, err := chromedp.Call(p.ctx, dom.Disable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// do runs actions that must not take longer than patience.
func (p *page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.snapshot())
	}
}

func (p *page) open(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

// click waits until the element lies still and nothing covers it, and clicks on
// its middle with the mouse. Where the page moves under the mouse in that moment,
// it does so again, as a person would.
func (p *page) click(selector string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		at := p.middle(selector, deadline)
		p.run(fmt.Sprintf(watchClick, quote(selector)))
		p.do("click on "+selector, chromedp.MouseClickXY(at[0], at[1]))
		// Another document has no such note: the click has led there.
		if missed, err := tryEval[bool](p, `window.clickMissed?.() ?? false`); err != nil || !missed {
			return
		}
	}
}

// watchClick notes whether a click is on the element, also if it removes that.
const watchClick = `{
	const e = document.querySelector(%s), on = {};
	const events = ["mousedown", "click"];
	const note = (event) => { on[event.type] = event.composedPath().includes(e); };
	events.forEach((name) => addEventListener(name, note, { capture: true, once: true }));
	window.clickMissed = () => {
		events.forEach((name) => removeEventListener(name, note, { capture: true }));
		return !on.mousedown || (!on.click && Boolean(e?.isConnected));
	};
}`

// middle is where to click on the element: where it has been in two looks.
func (p *page) middle(selector string, deadline time.Time) []float64 {
	p.t.Helper()
	look := fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		if (!e || e.disabled) return null;
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const box = e.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
	})()`, quote(selector))
	var last []float64
	for {
		at, err := tryEval[[]float64](p, look)
		if err == nil && at != nil && slices.Equal(at, last) {
			return at
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited %v in vain to click on %s: it is absent, disabled, covered or moving (%v)\n%s", patience, selector, err, p.snapshot())
		}
		last = at
		time.Sleep(50 * time.Millisecond)
	}
}

// fill replaces what is in a field, by typing. It types without chromedp's
// SendKeys, which reads the attributes of a node while events change them.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.has(selector)
	p.run(fmt.Sprintf(`{ const e = document.querySelector(%s); e.focus(); e.select(); }`, quote(selector)))
	p.press(kb.Delete)
	if text != "" {
		p.press(text)
	}
}

// press sends keys to whatever has the focus.
func (p *page) press(keys string, opts ...chromedp.KeyOption) {
	p.t.Helper()
	p.do("press a key", chromedp.KeyEvent(keys, opts...))
}

// choose gives files to an input.
func (p *page) choose(selector string, files ...string) {
	p.t.Helper()
	p.has(selector)
	input, err := chromedp.Run(p.ctx, chromedp.Evaluate[*runtime.RemoteObject](fmt.Sprintf(`document.querySelector(%s)`, quote(selector))))
	if err == nil {
		_, err = chromedp.Call(p.ctx, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: files, ObjectID: input.ObjectID})
	}
	if err != nil {
		p.t.Fatalf("choose files in %s: %v", selector, err)
	}
}

func (p *page) run(script string) {
	p.t.Helper()
	p.do("run "+script, chromedp.Evaluate[chromedp.Void](script))
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	v, err := tryEval[T](p, expression)
	if err != nil {
		p.t.Fatalf("evaluate %s: %v\n%s", expression, err, p.snapshot())
	}
	return v
}

func tryEval[T any](p *page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// until waits until a JavaScript expression is true. It survives navigations,
// while nothing can be evaluated.
func (p *page) until(expression string) {
	p.t.Helper()
	p.untilWithin(patience, expression)
}

func (p *page) untilWithin(limit time.Duration, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		is, err := tryEval[bool](p, "Boolean("+expression+")")
		if err == nil && is {
			return
		}
		if time.Now().After(deadline) || p.ctx.Err() != nil {
			p.t.Fatalf("waited %v in vain until %s (%v)\n%s", limit, expression, err, p.snapshot())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// shows waits until an element's visible text contains text, in either case:
// style sheets change that.
func (p *page) shows(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector(%s)?.innerText.toLowerCase().includes(%s.toLowerCase())`, quote(selector), quote(text)))
}

// has waits until an element is there.
func (p *page) has(selector string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector(%s)`, quote(selector)))
}

// hasNot waits until it is gone.
func (p *page) hasNot(selector string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`!document.querySelector(%s)`, quote(selector)))
}

// snapshot describes the page for the message of a failed test.
func (p *page) snapshot() string {
	text, err := tryEval[string](p, `location.href + ", the focus on " + document.activeElement.outerHTML.slice(0, 200) + "\n" + document.body.innerText.slice(0, 2000)`)
	if err != nil {
		return fmt.Sprintf("(the page cannot be read: %v)", err)
	}
	return "the page is " + text
}

// screenshots is the environment variable with the folder that pictures of the
// pages are written to, for people to look at.
const screenshots = "MEMCACHE_SCREENSHOTS"

func (p *page) screenshot(name string) {
	p.t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), image, 0o644))
	}
	if err != nil {
		p.t.Errorf("screenshot %s: %v", name, err)
	}
}

// quote writes s as a JavaScript string.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
