package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// rowsPanel draws the rows around the screen. It redraws itself alone, so that
// scrolling does not redraw the page.
type rowsPanel struct {
	app.Compo

	p *objectsPage
}

// OnMount lets the page know what to redraw.
func (r *rowsPanel) OnMount(ctx app.Context) {
	r.p.panel = r
	ctx.Defer(func(app.Context) { r.p.placed(); r.p.follow() })
}

// OnDismount ends that.
func (r *rowsPanel) OnDismount() {
	if r.p.panel == r {
		r.p.panel = nil
	}
}

// redraw draws the page and its rows anew, and runs done when that is to be seen.
func (p *objectsPage) redraw(done func()) {
	p.Update()
	p.redrawRows(done)
}

// redrawRows does so with the rows alone.
func (p *objectsPage) redrawRows(done func()) {
	if p.panel != nil {
		p.panel.Update()
	}
	if p.ctx == nil {
		return
	}
	p.ctx.Defer(func(app.Context) {
		p.placed()
		if done != nil {
			done()
		}
	})
}

// placed puts the rows in order, gives those that are not in the document their room,
// and the focus back to the row that had it: elements are used again for other rows.
func (p *objectsPage) placed() {
	e := byID("rows")
	if p.run == nil || !e.Truthy() {
		return
	}
	above, below := p.grid.space(p.from, p.to, p.run.size())
	style := e.Get("style")
	style.Set("paddingTop", strconv.FormatFloat(above, 'f', 1, 64)+"px")
	style.Set("paddingBottom", strconv.FormatFloat(below, 'f', 1, 64)+"px")
	arrange(e)
	loadPictures(e)
	if p.focus.restore("rows") {
		p.focus = focused{}
	}
}

// Render draws the rows in the way that the address says.
func (r *rowsPanel) Render() app.UI {
	if r.p.ctx != nil && !focusLost("rows") { // else it is still to be given back
		r.p.focus = focusIn("rows") // as it is before anything changes
	}
	if r.p.q.View == viewGrid {
		return app.Ul().ID("rows").Class("pictures").TabIndex(-1).Aria("label", t("Objects")).Body(r.items()...).
			OnClick(r.p.onRows).OnKeyDown(r.p.onRowsKey)
	}
	rows := app.TBody().ID("rows").Role("rowgroup").TabIndex(-1).Body(r.items()...).OnClick(r.p.onRows).OnKeyDown(r.p.onRowsKey)
	return app.Table().Class("table").Role("table").Aria("label", t("Objects")).Aria("rowcount", r.p.rowCount()).Body(tableHead(), rows)
}

// rowCount is how many rows the whole list has, with the head; -1 if that is not known.
func (p *objectsPage) rowCount() int64 {
	if !p.run.exact {
		return -1
	}
	return p.run.total + 1
}

func (r *rowsPanel) items() []app.UI {
	items, language := make([]app.UI, 0, r.p.to-r.p.from), shownLanguage()
	for _, i := range slots(r.p.from, r.p.to) {
		items = append(items, &row{State: r.p.rowState(i, language)})
	}
	return items
}

func tableHead() app.UI {
	th := func(class, text string) app.UI {
		return app.Th().Scope("col").Role("columnheader").Class(class).Text(text)
	}
	hidden := func(class, text string) app.UI {
		return app.Th().Scope("col").Role("columnheader").Class(class).Body(app.Span().Class("unseen").Text(text))
	}
	return app.THead().Role("rowgroup").Body(app.Tr().Role("row").Body(
		hidden("c-pick", t("Selected")), th("c-key", t("Key")), th("c-size", t("Size")), th("c-type", t("Type")), th("c-time", t("Stored")), hidden("c-act", t("Actions")),
	))
}
