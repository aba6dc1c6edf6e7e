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

// objectsPage lists the keys and takes files.
type objectsPage struct {
	app.Compo

	s   *session
	ctx app.Context // nil until mounted
	q   listQuery

	list   *api.List
	held   *api.List // newer than list, kept back so that nothing jumps
	asOf   int64     // when list was seen, in Unix milliseconds
	err    string    // why the list could not be read
	seq    int       // of the newest reading
	typed  int       // of the newest letter in the search field
	now    int64     // for "3 s ago"
	again  bool      // the list has changed since the reading that is under way
	asking bool      // a reading is under way
	nexted bool      // the last move was to another page of the list
}

// OnMount shows what is known at once and asks for what is new.
func (p *objectsPage) OnMount(ctx app.Context) {
	p.ctx = ctx
	p.now = wallNow()
	ctx.Page().SetTitle("Objects – MemCache")
	p.s.watch(p)
	p.q = parseListQuery(pageQuery(ctx))
	p.recall()
	if p.list != nil && p.s.scroll > 0 {
		y := p.s.scroll
		ctx.Defer(func(app.Context) { app.Window().Call("scrollTo", 0, y) })
	}
	p.s.scroll = 0
	p.load(true)
	ctx.Defer(func(app.Context) { setValue("search", p.q.Search) })
}

// OnDismount leaves the list for a quick way back.
func (p *objectsPage) OnDismount() { p.s.unwatch(p) }

// OnNav follows the address: the way back, another page, another search.
func (p *objectsPage) OnNav(ctx app.Context) {
	if p.ctx == nil {
		return
	}
	q := parseListQuery(pageQuery(ctx))
	if q == p.q {
		return
	}
	p.nexted = q.After != p.q.After
	p.q, p.held, p.err = q, nil, ""
	if active := app.Window().Get("document").Get("activeElement"); !active.Truthy() || active.Get("id").String() != "search" {
		setValue("search", q.Search)
	}
	p.load(true)
}

func (p *objectsPage) sessionChanged(c change, n *news) {
	switch {
	case c&changeStart != 0:
		p.recall()
	case c&changeConn != 0 && p.s.live():
		p.load(true)
	case c&changeUploads != 0 && n != nil && len(n.finished) > 0:
		p.load(true)
	case c&changeObjects != 0:
		p.refresh()
	}
	if c&changeConn != 0 || c&changeClock != 0 && p.clockMatters() {
		p.now = wallNow()
		p.Update()
	}
}

// clockMatters tells whether "3 s ago" reads differently now: for a young
// object every second, for others every half a minute.
func (p *objectsPage) clockMatters() bool {
	const minute, often = 60_000, 30_000
	t := wallNow()
	if t-p.now >= often {
		return true
	}
	if p.list == nil {
		return false
	}
	for _, o := range p.list.Objects {
		if t-o.Modified < minute+often {
			return true
		}
	}
	return false
}

// recall shows the list that was on the page last, or the one that was kept.
func (p *objectsPage) recall() {
	if p.s.lastList != nil && p.s.lastQuery == p.q {
		p.list, p.asOf = p.s.lastList, wallNow()
		return
	}
	kept := recall[api.List](p.s.seen, seenList)
	if kept.At == 0 {
		return
	}
	if p.q.first() {
		p.list, p.asOf = &kept.Value, kept.At
	} else if !p.s.live() {
		p.list, p.asOf = p.s.searchKnown(p.q.Search), kept.At
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

// refresh reads the list again because it has changed on the server; while a
// reading is under way it is noted that another has to follow.
func (p *objectsPage) refresh() {
	if p.asking {
		p.again = true
		return
	}
	p.load(false)
}

// load reads the page that the address names. The result is shown at once
// when now is true; else only where nothing would jump by it.
func (p *objectsPage) load(now bool) {
	if !p.s.live() {
		p.asking = false
		if !now || p.list != nil && p.q == p.s.lastQuery {
			return
		}
		p.recall()
		p.Update()
		return
	}
	p.seq++
	p.asking, p.again = true, false
	seq, q, list := p.seq, p.q, new(api.List)
	p.s.call(api.MethodList, q.api(), list, func(err error) {
		if seq == p.seq {
			p.loaded(q, list, err, now)
		}
	})
}

func (p *objectsPage) loaded(q listQuery, list *api.List, err error, now bool) {
	p.asking = false
	if p.again {
		p.ctx.After(refreshPause, func(app.Context) { p.refresh() })
	}
	p.now = wallNow()
	if err != nil {
		p.err = api.AsError(err).Message
		p.Update()
		return
	}
	p.err = ""
	p.s.trail.note(q, list.Next)
	if q.first() {
		_ = keep(p.s.seen, seenList, p.now, list)
	}
	if now || p.list == nil || sameRows(p.list, list) || atRest("rows") {
		p.show(q, list)
	} else {
		p.held = list
	}
	p.Update()
}

func (p *objectsPage) show(q listQuery, list *api.List) {
	p.list, p.held, p.asOf = list, nil, p.now
	p.s.lastQuery, p.s.lastList = q, list
	if p.nexted {
		p.nexted = false
		p.ctx.Defer(func(app.Context) {
			if e := byID("list"); e.Truthy() {
				e.Call("scrollIntoView", map[string]any{"block": "start"})
			}
		})
	}
}

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
	q.Search, q.After = text, ""
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
	q.Sort, q.After = fieldValue(ctx), ""
	p.goTo(q, true)
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
	p.q, p.held = q, nil
	p.load(true)
}

// onHeld shows the newer list that was kept back.
func (p *objectsPage) onHeld(app.Context, app.Event) {
	if p.held != nil {
		p.show(p.q, p.held)
	}
	app.Window().Call("scrollTo", 0, 0)
}

func (p *objectsPage) onRetry(app.Context, app.Event) { p.load(true) }

// onOpen remembers where the list was scrolled to.
func (p *objectsPage) onOpen(app.Context, app.Event) {
	p.s.scroll = app.Window().Get("scrollY").Float()
}

// askDelete asks before it deletes.
func (p *objectsPage) askDelete(key string) {
	p.s.ask(question{
		Title: "Delete this object?", Text: quoted(key) + " will be gone for good.", Action: "Delete",
		do: func() { p.s.delete(key, func() { p.load(true) }) },
	})
}

// delete deletes an object, tells how it went, and runs done if it is gone.
func (s *session) delete(key string, done func()) {
	if s.away() && s.deleteLater(key, s.seen.object(key).Value.ETag) {
		s.tell(tf("Queued: %s is deleted when the server answers", quoted(key)))
		done()
		return
	}
	s.call(api.MethodDelete, api.KeyParams{Key: key}, nil, func(err error) {
		if e := api.AsError(err); e != nil && e.Code != api.NotFound {
			s.complain("Not deleted: " + e.Message)
			return
		}
		_ = s.seen.forgetObject(wallNow(), key)
		s.tell("Deleted " + quoted(key))
		done()
	})
}
