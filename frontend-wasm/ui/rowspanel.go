package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
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

// placed gives the rows that are not in the document their room, and the focus
// back to the row that had it: elements are used again for other rows.
func (p *objectsPage) placed() {
	e := byID("rows")
	if p.run == nil || !e.Truthy() {
		return
	}
	above, below := p.grid.space(p.from, p.to, p.run.size())
	style := e.Get("style")
	style.Set("paddingTop", strconv.FormatFloat(above, 'f', 1, 64)+"px")
	style.Set("paddingBottom", strconv.FormatFloat(below, 'f', 1, 64)+"px")
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
		return app.Ul().ID("rows").Class("pictures").TabIndex(-1).Aria("label", t("Objects")).Body(r.items(r.p.tile)...).
			OnClick(r.p.onRows).OnKeyDown(r.p.onRowsKey)
	}
	rows := app.TBody().ID("rows").Role("rowgroup").TabIndex(-1).Body(r.items(r.p.row)...).OnClick(r.p.onRows).OnKeyDown(r.p.onRowsKey)
	return app.Table().Class("table").Role("table").Aria("label", t("Objects")).Aria("rowcount", r.p.rowCount()).Body(tableHead(), rows)
}

// rowCount is how many rows the whole list has, with the head; -1 if that is not known.
func (p *objectsPage) rowCount() int64 {
	if !p.run.exact {
		return -1
	}
	return p.run.total + 1
}

func (r *rowsPanel) items(draw func(i int, o *api.Object) app.UI) []app.UI {
	items := make([]app.UI, 0, r.p.to-r.p.from)
	for i := r.p.from; i < r.p.to; i++ {
		if o, ok := r.p.run.at(i); ok {
			items = append(items, draw(i, &o))
		} else {
			items = append(items, draw(i, nil))
		}
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

// row draws a row of the list, or its place while it is not here.
func (p *objectsPage) row(i int, o *api.Object) app.UI {
	if o == nil {
		return ghostRow()
	}
	class, picked := p.pickClass(o.Key)
	return app.Tr().Role("row").Class(class).DataSet("i", i).DataSet("key", o.Key).Aria("rowindex", i+2).Body(
		app.Td().Role("cell").Class("c-pick").Body(p.pickBox(o.Key, picked)),
		app.Td().Role("cell").Class("c-key").Body(
			app.A().Class("key-link").Attr("href", api.ViewPath(o.Key)).Body(
				icon(string(kindOf(o.Type))), app.Span().Class("key").Dir("auto").Text(o.Key)),
		),
		app.Td().Role("cell").Class("c-size").Text(size(o.Size)),
		app.Td().Role("cell").Class("c-type").Text(typeName(o.Type)),
		app.Td().Role("cell").Class("c-time").Body(p.time(o.Modified)),
		app.Td().Role("cell").Class("c-act").Body(p.deleteButton(o.Key)),
	)
}

func ghostRow() app.UI {
	return app.Tr().Class("ghost").Role("row").Body(
		app.Td().Role("cell").Class("c-pick"),
		app.Td().Role("cell").Class("c-key").Body(app.Span().Class("bone bone-long")),
		app.Td().Role("cell").Class("c-size").Body(app.Span().Class("bone")),
		app.Td().Role("cell").Class("c-type").Body(app.Span().Class("bone")),
		app.Td().Role("cell").Class("c-time").Body(app.Span().Class("bone")),
		app.Td().Role("cell").Class("c-act"),
	)
}

// tile draws an object of the grid: its picture, over the icon of its kind.
func (p *objectsPage) tile(i int, o *api.Object) app.UI {
	if o == nil {
		return app.Li().Class("tile-object ghost").Body(app.Div().Class("tile-picture"), app.Span().Class("bone bone-long"))
	}
	class, picked := p.pickClass(o.Key)
	picture := []app.UI{icon(string(kindOf(o.Type)))}
	if hasPicture(o.Type) {
		picture = append(picture, app.Img().Class("thumb").Attr("alt", "").DataSet("src", api.ThumbnailPath(*o, pictureSize)).Attr("loading", "lazy").Attr("decoding", "async"))
	}
	return app.Li().Class("tile-object", class).DataSet("i", i).DataSet("key", o.Key).Body(
		app.A().Class("key-link").Attr("href", api.ViewPath(o.Key)).Body(
			app.Div().Class("tile-picture").Body(picture...),
			app.Span().Class("key").Dir("auto").Text(o.Key),
		),
		app.Span().Class("tile-note").Text(size(o.Size)),
		p.pickBox(o.Key, picked),
		p.deleteButton(o.Key),
	)
}

func (p *objectsPage) deleteButton(key string) app.UI {
	if !p.s.may(api.ScopeWrite) {
		return nil
	}
	return app.Button().Class("button-icon delete").Type("button").Aria("label", tf("Delete %s", key)).Title(t("Delete")).Body(icon("trash"))
}

// pictureSize is the longer side of a thumbnail, in pixels.
const pictureSize = 256

// hasPicture tells whether the server makes thumbnails of the type.
func hasPicture(mediaType string) bool {
	switch base, _, _ := strings.Cut(mediaType, ";"); base {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp":
		return true
	}
	return false
}

func (p *objectsPage) pickClass(key string) (class string, picked bool) {
	if p.picks.has(key) {
		return "picked", true
	}
	return "free", false
}

// pickBox selects an object. It is no checkbox of the browser's, which would have
// a state of its own beside ours.
func (p *objectsPage) pickBox(key string, picked bool) app.UI {
	return app.Button().Class("pick").Type("button").Role("checkbox").Aria("checked", strconv.FormatBool(picked)).
		Aria("label", tf("Select %s", key)).Body(icon("check"))
}

func (p *objectsPage) time(at int64) app.UI {
	return app.Time().DateTime(time.UnixMilli(at).UTC().Format(time.RFC3339)).Title(exactTime(at)).Text(ago(p.now, at))
}
