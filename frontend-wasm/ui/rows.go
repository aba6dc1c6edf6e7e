package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// Render draws the page.
func (p *objectsPage) Render() app.UI {
	return app.Div().ID("page-objects").Class("page").Body(
		app.Div().Class("page-head").Body(
			app.H1().Text("Objects"),
			p.total(),
		),
		chooser(p.s),
		&uploadsPanel{s: p.s},
		app.Section().ID("list").Class("panel", "list").Aria("label", "All objects").Body(
			p.tools(),
			p.heldNote(),
			p.body(),
			p.pager(),
		),
	)
}

func (p *objectsPage) total() app.UI {
	text := ""
	if p.list != nil {
		text = totalText(p.list, p.q.Search)
	}
	return app.P().ID("total").Class("muted").Aria("live", "polite").Text(text)
}

func (p *objectsPage) tools() app.UI {
	return app.Form().Class("tools").Role("search").Attr("novalidate", "").OnSubmit(p.onSubmit).Body(
		app.Div().Class("search").Body(
			icon("search"),
			app.Label().Class("unseen").For("search").Text("Search the keys"),
			app.Input().ID("search").Type("search").Placeholder("Search keys").AutoComplete(false).
				Attr("enterkeyhint", "search").Spellcheck(false).OnInput(p.onSearch),
		),
		app.Div().Class("sort").Body(
			app.Label().For("sort").Class("unseen").Text("Order"),
			app.Select().ID("sort").OnChange(p.onSort).Body(
				p.option(api.SortNewest, "Newest first"),
				p.option(api.SortOldest, "Oldest first"),
				p.option(api.SortKey, "By key"),
			),
		),
	)
}

func (p *objectsPage) option(value, text string) app.UI {
	o := app.Option().Value(value).Text(text)
	if p.q.Sort == value {
		o = o.Selected(true)
	}
	return o
}

func (p *objectsPage) heldNote() app.UI {
	if p.held == nil {
		return asOf(p.s, p.asOf)
	}
	return app.Button().ID("held").Class("pill held").Type("button").Body(icon("again"), app.Text("The list has changed: show it")).OnClick(p.onHeld)
}

// body is the rows, or what is to be said instead.
func (p *objectsPage) body() app.UI {
	switch {
	case p.err != "" && p.list == nil:
		return app.Div().ID("list-error").Class("empty").Role("alert").Body(
			icon("warn"), app.H2().Text("The list could not be read"), app.P().Text(p.err),
			app.Button().Class("button").Type("button").Text("Try again").OnClick(p.onRetry),
		)
	case p.list == nil && !p.s.live() && p.s.notice().Kind == "offline":
		return app.Div().ID("list-unseen").Class("empty").Body(
			icon("objects"), app.H2().Text("Not here while offline"), app.P().Text("This browser has not seen the list yet. It is shown when the server answers."))
	case p.list == nil:
		return p.skeleton()
	case len(p.list.Objects) > 0:
		return p.table()
	case p.q.Search != "":
		return app.Div().ID("no-match").Class("empty").Body(
			icon("search"), app.H2().Text("Nothing matches "+quoted(p.q.Search)),
			app.P().Text("Every key that contains these letters would be here."),
			app.Button().ID("clear-search").Class("button").Type("button").Text("Show all objects").OnClick(p.onClear),
		)
	case p.q.After != "":
		return app.Div().ID("no-more").Class("empty").Body(
			icon("objects"), app.H2().Text("No objects on this page any more"),
			app.A().Class("button").Href("/").Text("To the first page"),
		)
	}
	return p.welcome()
}

func (p *objectsPage) welcome() app.UI {
	return app.Div().ID("empty").Class("empty").Body(
		icon("objects"),
		app.H2().Text("Nothing is stored yet"),
		app.P().Text("Drop a file on this page or choose one above. It gets a key, which is how you find it again here, and any program over HTTP."),
		app.Pre().Class("sample").Body(app.Code().Text("curl -T photo.jpg "+origin()+"/objects/photo")),
	)
}

// origin is the address of this server as a person would type it.
func origin() string {
	if app.IsServer {
		return "http://localhost:5000"
	}
	return app.Window().Get("location").Get("origin").String()
}

func (p *objectsPage) table() app.UI {
	rows := make([]app.UI, 0, len(p.list.Objects))
	for _, o := range p.list.Objects {
		rows = append(rows, p.row(o))
	}
	return app.Table().Class("table").Role("table").Body(tableHead(), app.TBody().ID("rows").Role("rowgroup").Body(rows...))
}

func tableHead() app.UI {
	return app.THead().Role("rowgroup").Body(app.Tr().Role("row").Body(
		app.Th().Scope("col").Role("columnheader").Class("c-key").Text("Key"),
		app.Th().Scope("col").Role("columnheader").Class("c-size").Text("Size"),
		app.Th().Scope("col").Role("columnheader").Class("c-type").Text("Type"),
		app.Th().Scope("col").Role("columnheader").Class("c-time").Text("Stored"),
		app.Th().Scope("col").Role("columnheader").Class("c-act").Body(app.Span().Class("unseen").Text("Actions")),
	))
}

func (p *objectsPage) row(o api.Object) app.UI {
	return app.Tr().Role("row").DataSet("key", o.Key).Body(
		app.Td().Role("cell").Class("c-key").Body(
			app.A().Class("key-link").Attr("href", api.ViewPath(o.Key)).OnClick(p.onOpen).Body(
				icon(string(kindOf(o.Type))), app.Span().Class("key").Dir("auto").Text(o.Key)),
		),
		app.Td().Role("cell").Class("c-size").Text(api.FormatBytes(o.Size)),
		app.Td().Role("cell").Class("c-type").Text(typeName(o.Type)),
		app.Td().Role("cell").Class("c-time").Body(p.time(o.Modified)),
		app.Td().Role("cell").Class("c-act").Body(
			app.Button().Class("button-icon delete").Type("button").Aria("label", "Delete "+o.Key).Title("Delete").
				Body(icon("trash")).OnClick(func(app.Context, app.Event) { p.askDelete(o.Key) }, o.Key),
		),
	)
}

func (p *objectsPage) time(at int64) app.UI {
	return app.Time().DateTime(time.UnixMilli(at).UTC().Format(time.RFC3339)).Title(exactTime(at)).Text(ago(p.now, at))
}

// skeleton is the shape of the list before anything is known.
func (p *objectsPage) skeleton() app.UI {
	rows := make([]app.UI, 0, 6)
	for range 6 {
		rows = append(rows, app.Tr().Class("ghost").Role("row").Body(
			app.Td().Role("cell").Class("c-key").Body(app.Span().Class("bone bone-long")),
			app.Td().Role("cell").Class("c-size").Body(app.Span().Class("bone")),
			app.Td().Role("cell").Class("c-type").Body(app.Span().Class("bone")),
			app.Td().Role("cell").Class("c-time").Body(app.Span().Class("bone")),
			app.Td().Role("cell").Class("c-act"),
		))
	}
	return app.Table().Class("table table-ghost").Role("table").Aria("busy", "true").Body(tableHead(), app.TBody().Role("rowgroup").Body(rows...))
}

// pager leads to the pages before and after this one.
func (p *objectsPage) pager() app.UI {
	if p.list == nil || p.q.After == "" && p.list.Next == "" {
		return nil
	}
	before, after := "Newer", "Older"
	switch p.q.Sort {
	case api.SortOldest:
		before, after = "Older", "Newer"
	case api.SortKey:
		before, after = "Previous", "Next"
	}
	older := p.q
	older.After = p.list.Next
	return app.Nav().ID("pager").Class("pager").Aria("label", "Pages").Body(
		pageLink("page-before", before, p.s.trail.newer(p.q).path(), p.q.After != ""),
		pageLink("page-after", after, older.path(), p.list.Next != ""),
	)
}

func pageLink(id, text, path string, on bool) app.UI {
	if !on {
		return app.Span().ID(id).Class("button button-off").Aria("disabled", "true").Text(text)
	}
	return app.A().ID(id).Class("button").Attr("href", path).Text(text)
}
