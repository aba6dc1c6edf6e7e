package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// ahead is how many rows beyond those in the document are to be here, so that
// scrolling seldom has to wait.
const ahead = 80

// keepListPause is how long after it came a list is kept: the browser draws it in between.
const keepListPause = 100 * time.Millisecond

// refresh reads what is shown again because it has changed on the server; while a
// reading is under way it is noted that another has to follow.
func (p *objectsPage) refresh() {
	if p.asking {
		p.again = true
		return
	}
	p.load(false)
}

// load reads what the page shows: another list from its beginning; of the one that
// is shown the page that is on the screen. That is shown at once when now is true,
// else only where nothing would jump by it.
func (p *objectsPage) load(now bool) {
	known := p.run != nil && p.q.rows() == p.s.lastQuery.rows()
	switch {
	case !p.s.live():
		p.asking = false
		if now && !known {
			p.recall()
			p.redraw(nil)
		}
	case known:
		p.check(now)
	default:
		p.begin()
	}
}

// begin reads the list from its beginning.
func (p *objectsPage) begin() {
	p.seq++ // what was asked for another list comes too late
	p.more = false
	q := p.q
	p.ask(q.api(), func(page listPage) {
		p.take(newRun(page, 0), p.now)
		p.redraw(func() {
			p.toList()
			p.follow()
			if q.first() {
				p.keepList(page.List)
			}
		})
	})
}

// keepList keeps what the list begins with, once it is on the screen.
func (p *objectsPage) keepList(list api.List) {
	at := p.now
	p.s.ctx.After(keepListPause, func(app.Context) { _ = keep(p.s.seen, seenList, at, list) })
}

// check reads the page that is on the screen.
func (p *objectsPage) check(now bool) {
	r, at := p.run, p.run.pageAt(p.looked())
	if at < 0 {
		p.begin()
		return
	}
	first := r.pages[at].q == p.q.api() && p.q.first()
	p.ask(r.pages[at].q, func(page listPage) {
		if first {
			p.keepList(page.List)
		}
		if r == p.run {
			p.show(page, now)
		}
	})
}

// ask reads a page and has do take it, unless another list is shown by then.
func (p *objectsPage) ask(q api.ListQuery, do func(listPage)) {
	p.asking, p.again = true, false
	seq, list := p.seq, new(api.List)
	p.s.call(api.MethodList, q, list, func(err error) {
		if seq != p.seq || p.ctx.Err() != nil {
			return
		}
		p.asking = false
		if p.again {
			p.ctx.After(refreshPause, func(app.Context) { p.refresh() })
		}
		p.now = wallNow()
		if err != nil {
			p.err = failure(err)
			p.redraw(nil)
			return
		}
		p.err = ""
		do(listPage{q, *list})
	})
}

// looked is the number of the first row that is on the screen.
func (p *objectsPage) looked() int {
	if scrollTop() == 0 {
		return p.run.above
	}
	return max(p.run.above, min(p.from+overscan*p.grid.cols(), p.run.end()-1))
}

// show puts a page that was read again in its place, or keeps it back.
func (p *objectsPage) show(page listPage, now bool) {
	at := p.run.pageOf(page.q)
	switch {
	case at < 0: // it was let go meanwhile
	case sameRows(p.run.pages[at].List, page.List):
		p.asOf, p.held = p.now, nil
	case now || atRest("rows"):
		p.run.replace(at, page)
		p.asOf, p.held = p.now, nil
	default:
		p.held = &page
	}
	p.redraw(p.follow)
}

// follow keeps the rows around the screen in the document, and those around them
// here.
func (p *objectsPage) follow() {
	if p.run == nil || p.ctx == nil {
		return
	}
	if p.to <= p.from && p.run.size() > 0 { // the first rows there are
		p.from, p.to = p.run.above, min(p.run.size(), p.run.above+firstDrawn)
		p.redraw(p.follow)
		return
	}
	p.measure()
	if p.grid.Line <= 0 {
		return
	}
	from, to := p.grid.drawn(-listTop(), screenHeight(), p.run.size())
	if from != p.from || to != p.to {
		p.from, p.to = from, to
		p.redrawRows(nil)
	}
	p.fetchMore()
}

// fetchMore reads the pages that will be on the screen soon.
func (p *objectsPage) fetchMore() {
	r := p.run
	if p.more || p.asking || !p.s.live() || p.q != p.s.lastQuery || len(r.pages) == 0 {
		return
	}
	q := p.q.api()
	q.From, q.Limit = "", moreRows
	switch {
	case p.to+ahead < r.above: // far above what is here
		if m, ok := r.seek(p.from); ok {
			p.read(m.q, func(page listPage) {
				marks := r.marks
				p.take(newRun(page, m.at), p.now)
				p.run.marks = marks
			})
		}
	case p.from-ahead < r.above && r.prev() != "":
		q.Before = r.prev()
		p.read(q, func(page listPage) { p.moved(r.prepend(page)) })
	case p.to+ahead > r.end() && r.next() != "":
		q.After = r.next()
		p.read(q, r.append)
	}
}

// read asks for a page beside those that are here and has do take it.
func (p *objectsPage) read(q api.ListQuery, do func(listPage)) {
	p.more = true
	seq, list := p.seq, new(api.List)
	p.s.call(api.MethodList, q, list, func(err error) {
		if seq != p.seq || p.ctx.Err() != nil {
			return
		}
		p.more = false
		if err != nil {
			p.s.complain(tf("The list could not be read on: %s", failure(err)))
			return
		}
		do(listPage{q, *list})
		p.redraw(p.follow)
	})
}

// moved keeps what is on the screen where it is when rows came in above it.
func (p *objectsPage) moved(rows int) {
	if rows == 0 {
		return
	}
	p.from, p.to = max(0, p.from+rows), max(0, p.to+rows)
	by := float64(rows/p.grid.cols()) * p.grid.Line
	p.redraw(func() { app.Window().Call("scrollBy", map[string]any{"top": by, "behavior": "instant"}) })
}

// loadStarts reads what the keys begin with, or of those that were jumped to, what
// comes next.
func (p *objectsPage) loadStarts() {
	if !p.s.live() || p.q.Search != "" {
		return
	}
	from, found := p.q.From, new(api.Starts)
	p.s.call(api.MethodStarts, api.StartsQuery{Prefix: from}, found, func(err error) {
		if err == nil && from == p.q.From && p.ctx.Err() == nil {
			p.starts = splitStarts(*found)
			p.Update()
		}
	})
}
