package ui

import (
	"net/url"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// typingPause is how long after the last letter a search begins.
const typingPause = 200 * time.Millisecond

// refreshPause is how long lies at the least between two readings of the list
// that the server's notifications cause.
const refreshPause = time.Second

// objectsPage lists the keys and takes files. Of the list it has a run of pages
// (run.go), of which the rows around the screen are in the document (rowspanel.go).
type objectsPage struct {
	app.Compo

	s   *session
	ctx app.Context // nil until mounted
	q   listQuery

	run    *run
	asOf   int64     // when run was seen, in Unix milliseconds
	held   *listPage // newer than what is shown, kept back so that nothing jumps
	err    string    // why the list could not be read
	seq    int       // of the run: an answer that was asked for another one comes too late
	typed  int       // of the newest letter in the search field
	now    int64     // for "3 s ago"
	again  bool      // the list has changed since the reading that is under way
	asking bool      // a reading is under way
	more   bool      // pages beside the run are being read
	starts starts
	picks  picks

	grid     grid
	from, to int // the rows that are in the document
	panel    *rowsPanel
	focus    focused // what had the focus when the rows were drawn anew
}

// OnMount shows what is known at once and asks for what is new.
func (p *objectsPage) OnMount(ctx app.Context) {
	p.ctx = ctx
	p.now = wallNow()
	ctx.Page().SetTitle(t("Objects") + " – MemCache")
	p.s.watch(p)
	p.s.scrolled = p.follow
	p.q = parseListQuery(pageQuery(ctx))
	p.recall()
	if y := p.s.scroll; p.run != nil && y > 0 {
		p.redraw(func() {
			app.Window().Call("scrollTo", 0, y)
			p.follow()
		})
	}
	p.s.scroll = 0
	p.load(true)
	p.loadStarts()
	ctx.Defer(func(app.Context) { setValue("search", p.q.Search) })
}

// OnDismount leaves the list for a quick way back.
func (p *objectsPage) OnDismount() {
	p.s.unwatch(p)
	p.s.scrolled = nil
}

// OnNav follows the address: the way back, another order, another search.
func (p *objectsPage) OnNav(ctx app.Context) {
	if p.ctx == nil {
		return
	}
	q := parseListQuery(pageQuery(ctx))
	if q == p.q {
		return
	}
	if active := app.Window().Get("document").Get("activeElement"); !active.Truthy() || active.Get("id").String() != "search" {
		setValue("search", q.Search)
	}
	p.turnTo(q)
}

// turnTo shows what q asks for.
func (p *objectsPage) turnTo(q listQuery) {
	sameRows, sameStarts := q.rows() == p.q.rows(), q.From == p.q.From
	p.q, p.held, p.err = q, nil, ""
	if !sameStarts || len(p.starts.Next) == 0 {
		p.loadStarts()
	}
	if sameRows { // it is drawn in another way alone
		p.grid, p.from, p.to = grid{}, 0, 0
		p.s.lastQuery = q
		p.redraw(p.follow)
		return
	}
	p.load(true)
}

func (p *objectsPage) sessionChanged(c change, n *news) {
	switch {
	case c&changeStart != 0:
		p.recall()
	case c&changeConn != 0 && p.s.live():
		p.load(true)
		p.loadStarts()
	case c&changeUploads != 0 && n != nil && len(n.finished) > 0:
		p.load(true)
	case c&changeObjects != 0:
		p.refresh()
	}
	if c&changeConn != 0 || c&changeClock != 0 && p.clockMatters() {
		p.now = wallNow()
		p.redraw(nil)
	}
}

// clockMatters tells whether "3 s ago" reads differently now: for a young
// object every second, for others every half a minute.
func (p *objectsPage) clockMatters() bool {
	const minute, often = 60_000, 30_000
	now := wallNow()
	if now-p.now >= often {
		return true
	}
	if p.run == nil {
		return false
	}
	for _, o := range p.run.rows(p.from, p.to) {
		if now-o.Modified < minute+often {
			return true
		}
	}
	return false
}

// recall shows the list that was on the page last, or the one that was kept.
func (p *objectsPage) recall() {
	if p.s.lastRun != nil && p.s.lastQuery == p.q {
		p.take(p.s.lastRun, wallNow())
		return
	}
	kept := recall[api.List](p.s.seen, seenList)
	if kept.At == 0 {
		return
	}
	if p.q.first() {
		p.take(newRun(listPage{p.q.api(), kept.Value}, 0), kept.At)
	} else if !p.s.live() {
		p.take(newRun(listPage{p.q.api(), *p.s.searchKnown(p.q.Search)}, 0), kept.At)
	}
}

// filterSeen searches what was kept, for when the server cannot be asked.
func filterSeen(kept api.List, search string) *api.List {
	found := api.List{Exact: true}
	for _, o := range kept.Objects {
		if strings.Contains(strings.ToLower(o.Key), strings.ToLower(search)) {
			found.Objects = append(found.Objects, o)
		}
	}
	found.Total = int64(len(found.Objects))
	return &found
}

// take makes r what is shown.
func (p *objectsPage) take(r *run, at int64) {
	p.run, p.asOf, p.held = r, at, nil
	p.from, p.to = max(0, r.above), min(r.end(), r.above+firstDrawn)
	p.s.lastQuery, p.s.lastRun = p.q, r
}

// firstDrawn is how many rows are drawn before it is known how many the screen
// has room for: as many as most have.
const firstDrawn = 20

// onSearch waits for a pause in the typing, then asks the server. Beginning a
// search is a step in the browser's history, changing it is not.
func (p *objectsPage) onSearch(ctx app.Context, _ app.Event) {
	p.typed++
	typed, text := p.typed, fieldValue(ctx)
	p.ctx.After(typingPause, func(app.Context) {
		if typed == p.typed {
			p.search(text)
		}
	})
}

func (p *objectsPage) search(text string) {
	if text == p.q.Search {
		return
	}
	began := p.q.Search == ""
	q := p.q
	q.Search, q.From = text, ""
	p.goTo(q, !began)
}

// onSubmit searches without waiting.
func (p *objectsPage) onSubmit(_ app.Context, e app.Event) {
	e.PreventDefault()
	p.typed++
	p.search(byID("search").Get("value").String())
}

func (p *objectsPage) onClear(app.Context, app.Event) {
	p.typed++
	setValue("search", "")
	p.search("")
	focus("search")
}

func (p *objectsPage) onSort(ctx app.Context, _ app.Event) {
	q := p.q
	q.Sort, q.From = fieldValue(ctx), ""
	p.goTo(q, true)
}

func (p *objectsPage) onView(ctx app.Context, _ app.Event) {
	q := p.q
	q.View = ctx.JSSrc().Get("dataset").Get("view").String()
	p.goTo(q, true)
}

// jump begins the list with the keys that begin with start.
func (p *objectsPage) jump(start string) {
	q := p.q
	q.From = start
	if !q.byKey() {
		q.Sort = api.SortKey
	}
	p.goTo(q, false)
}

// goTo changes the address; replace makes it no step of its own in the history.
func (p *objectsPage) goTo(q listQuery, replace bool) {
	if !replace {
		p.ctx.Navigate(q.path())
		return
	}
	u, err := url.Parse(q.path())
	if err != nil {
		return
	}
	p.ctx.Page().ReplaceURL(p.ctx.Page().URL().ResolveReference(u))
	p.turnTo(q)
}

// onHeld shows the newer list that was kept back.
func (p *objectsPage) onHeld(app.Context, app.Event) {
	app.Window().Call("scrollTo", 0, 0)
	p.begin()
}

func (p *objectsPage) onRetry(app.Context, app.Event) { p.load(true) }

// leave remembers where the list was scrolled to.
func (p *objectsPage) leave() { p.s.scroll = app.Window().Get("scrollY").Float() }
