package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"memcache/shared/api"
	"memcache/shared/insight"
)

// loop reads the keys one after the other, round and round: LRU has none of them
// when they do not all fit.
type loop struct {
	s    *site
	keys []string
}

func newLoop(s *site, n, size int) *loop {
	l := &loop{s: s}
	for i := range n {
		l.keys = append(l.keys, fmt.Sprintf("loop-%d", i))
		s.do("PUT", "/objects/"+l.keys[i], strings.NewReader(strings.Repeat("x", size)), http.StatusCreated)
	}
	return l
}

// read reads n times.
func (l *loop) read(n int) {
	l.s.t.Helper()
	for i := range n {
		l.s.do("GET", "/objects/"+l.keys[i%len(l.keys)], nil, http.StatusOK)
	}
}

// goOn reads until stop is called.
func (l *loop) goOn() (stop func()) {
	ctx, cancel := context.WithCancel(l.s.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if _, err := l.s.try(ctx, "GET", "/objects/"+l.keys[i%len(l.keys)], nil); err != nil && ctx.Err() == nil {
				l.s.t.Errorf("read while the cache is changed: %v", err)
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

func (s *site) insight() (in api.Insight) {
	s.t.Helper()
	s.do("GET", "/api/v1/insight", nil, http.StatusOK).json(s.t, &in)
	return in
}

// The page of the cache draws the curves of real traffic, the slider reads along
// them, what is recommended is applied, and what came of it stands beside what was
// promised, also after the page was loaded again.
func TestCurvesForetellAndAreHeldToIt(t *testing.T) {
	t.Parallel()
	s := start(t, "-capacity", "2", "-policy", "lru")
	eventually(t, patience, "the cache is set", func() error {
		if c := s.cacheNow(); len(c.Nodes) != 1 || c.Nodes[0].Capacity != 2*api.MB {
			return fmt.Errorf("it is %+v", c.Nodes)
		}
		return nil
	})
	l := newLoop(s, 60, 48<<10) // 3 MB
	p := openPage(t)
	p.ready(s, "/cache")
	p.has(`#insight[data-state="idle"]`)
	p.shows("#advice-text", "Not enough traffic yet")
	l.read(1500)
	p.has(`#insight[data-state="drawn"] #curve[data-lines="2"]`)
	p.until(`document.querySelector("#curve-line0").getAttribute("d").split("L").length === 11`)
	p.shows("#curve-note", "every key") // of so few, no sample is taken on a busy machine either
	p.shows("#curve-legend", "LRU")
	p.shows("#advice-text", "at the same size would serve")
	p.sliderReadsAlongTheCurve(s)
	p.curveByKeyboard()
	p.pictures("curves")

	p.click("#curve-bytes")
	p.has(`#curve-bytes[aria-pressed="true"]`)
	p.shows("#forecast", "of the bytes from memory")
	p.click("#curve-objects")
	p.click("#curve-5m")
	p.shows("#forecast", "hits")

	stop := l.goOn()
	defer stop()
	p.click("#advice-apply")
	p.shows("#toasts", "Applied")
	p.has(`#promise[data-state="measured"] #promise-now`)
	p.open(s.url + "/cache")
	p.has(`#promise[data-state="measured"] #promise-now`)
	p.shows("#promise-rate", "%")
	p.pictures("outcome")
	promise := s.insight().Promise
	if promise == nil || !promise.Known || promise.From.Policy != "lru" || promise.To.Policy == "lru" || promise.To.Capacity != 2*api.MB {
		t.Fatalf("the promise is %+v", promise)
	}
	if was := float64(promise.Hits) / float64(promise.Requests); promise.Rate < promise.Before+0.1 || was < promise.Before+0.1 {
		t.Errorf("a loop that LRU has nothing of (%.3f): promised %.3f, measured %.3f", promise.Before, promise.Rate, was)
	}
	p.click("#promise-undo")
	p.shows("#toasts", "Applied: 2.0 MB, LRU")
	if c := s.cacheNow(); c.Policy != "lru" {
		t.Errorf("undone, the policy is %s", c.Policy)
	}
}

// sliderReadsAlongTheCurve moves the slider by keys, and expects beside it what the
// curve has there.
func (p *page) sliderReadsAlongTheCurve(s *site) {
	p.t.Helper()
	p.tabTo("#capacity-slider")
	for range 12 {
		p.press(kb.ArrowRight)
	}
	mb := eval[int64](p, `Number(document.querySelector("#capacity").value)`)
	if mb <= 2 || mb > 32 {
		p.t.Fatalf("by twelve keys the slider goes from 2 to %d MB", mb)
	}
	eventually(p.t, patience, "the slider reads what the curve has", func() error {
		e, ok := insight.Of(s.insight(), 3600).At(insight.Objects, insight.Settings{Capacity: mb * api.MB, Policy: "lru"})
		want := fmt.Sprintf("%d MB: %.1f %%", mb, 100*e.Rate)
		text, err := tryEval[string](p, `document.querySelector("#forecast").innerText`)
		said, saidErr := tryEval[string](p, `document.querySelector("#capacity-slider").getAttribute("aria-valuetext")`)
		if err := errors.Join(err, saidErr); err != nil || !ok {
			return fmt.Errorf("the curve has %v, %v: %w", e, ok, err)
		}
		if !strings.HasPrefix(text, want) || !strings.Contains(text, "points") || said != text {
			return fmt.Errorf("beside the slider stands %q, it says %q, and the curve has %q", text, said, want)
		}
		return nil
	})
	p.shows("#forecast", "fewer reads from disk a second")
	p.click("#reset")
	p.shows("#forecast", "2 MB:")
}

// curveByKeyboard moves the readout of the chart, which is announced.
func (p *page) curveByKeyboard() {
	p.t.Helper()
	p.run(`document.querySelector("#curve-1h").focus()`) // there is much on the page by now
	p.tabTo("#curve-plot")
	p.press(kb.Home)
	p.shows("#curve-readout", "32 KB")
	p.shows("#announce", "LRU")
	p.press(kb.End)
	p.shows("#curve-readout", "32 MB")
	p.press(kb.ArrowLeft)
	p.until(`!document.querySelector("#curve-readout").innerText.startsWith("32 MB")`)
}

// pictures are of the page at three widths in both schemes; it is checked once in each.
func (p *page) pictures(name string) {
	p.t.Helper()
	p.run(`scrollTo(0, 0)`)
	for _, width := range []int64{320, 1440, 390} {
		p.do("set the width", chromedp.EmulateViewport(width, 844))
		p.bothSchemes(p.t, fmt.Sprintf("%s-%d", name, width))
	}
	p.accessible(name + ", dark, 390 px wide")
	p.scheme("light")
	p.accessible(name + ", light, 390 px wide")
	p.do("set the width", chromedp.EmulateViewport(1440, 844))
}
