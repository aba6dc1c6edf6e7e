package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// Render draws the page.
func (p *objectsPage) Render() app.UI {
	return app.Div().ID("page-objects").Class("page").Body(
		app.Div().Class("page-head").Body(
			app.H1().Text(t("Objects")),
			p.total(),
		),
		chooser(p.s),
		&uploadsPanel{s: p.s},
		app.Section().ID("list").Class("panel", "list").Aria("label", t("All objects")).Body(
			app.Div().Class("list-top").Body(p.tools(), p.jumps(), p.pickBar()),
			p.heldNote(),
			p.body(),
		),
	)
}

func (p *objectsPage) total() app.UI {
	text := ""
	if p.run != nil {
		text = totalText(p.run.total, p.run.exact, p.q.Search)
	}
	return app.P().ID("total").Class("muted").Aria("live", "polite").Text(text)
}

func (p *objectsPage) tools() app.UI {
	return app.Form().Class("tools").Role("search").Attr("novalidate", "").OnSubmit(p.onSubmit).Body(
		app.Div().Class("search").Body(
			icon("search"),
			app.Label().Class("unseen").For("search").Text(t("Search the keys")),
			app.Input().ID("search").Type("search").Placeholder(t("Search keys")).AutoComplete(false).
				Attr("enterkeyhint", "search").Spellcheck(false).OnInput(p.onSearch),
		),
		app.Div().Class("sort").Body(
			app.Label().For("sort").Class("unseen").Text(t("Order")),
			app.Select().ID("sort").OnChange(p.onSort).Body(
				p.option(api.SortNewest, t("Newest first")),
				p.option(api.SortOldest, t("Oldest first")),
				p.option(api.SortKey, t("By key")),
				p.option(api.SortKeyDown, t("By key, backwards")),
				p.option(api.SortSmallest, t("Smallest first")),
				p.option(api.SortLargest, t("Largest first")),
				p.option(api.SortType, t("By type")),
				p.option(api.SortTypeDown, t("By type, backwards")),
			),
		),
		app.Div().Class("views").Role("group").Aria("label", t("How to show them")).Body(
			p.viewButton(viewList, "list", t("As a list")),
			p.viewButton(viewGrid, "grid", t("As pictures")),
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

func (p *objectsPage) viewButton(view, image, text string) app.UI {
	pressed := "false"
	if p.q.View == view || p.q.View == "" && view == viewList {
		pressed = "true"
	}
	return app.Button().ID("view-"+view).Class("button-icon").Type("button").DataSet("view", view).Aria("pressed", pressed).
		Aria("label", text).Title(text).Body(icon(image)).OnClick(p.onView)
}

// jumps lead to what keys begin with, in a list that is longer than a screen.
func (p *objectsPage) jumps() app.UI {
	if p.q.Search != "" || len(p.starts.Next) == 0 && p.q.From == "" || p.run == nil || p.run.exact && p.run.total < firstRows {
		return nil
	}
	var buttons []app.UI
	if p.q.From != "" {
		buttons = append(buttons, app.Button().Class("jump-to").Type("button").DataSet("start", "").Text(t("All")).OnClick(p.onJumpBack))
	}
	if p.starts.Common != "" {
		buttons = append(buttons, app.Span().Class("muted jump-common").Dir("auto").Text(p.starts.Common))
	}
	for _, next := range p.starts.Next {
		buttons = append(buttons, p.jumpTo(next))
	}
	return app.Nav().ID("jump").Class("jump").Aria("label", t("Jump to the keys that begin with")).Body(buttons...)
}

// onJumpBack shows the list from its beginning.
func (p *objectsPage) onJumpBack(app.Context, app.Event) { p.jump("") }

func (p *objectsPage) jumpTo(next string) app.UI {
	start, text := p.starts.Common+next, next
	if next == "" {
		text = "∅"
	}
	return app.Button().Class("jump-to").Type("button").DataSet("start", start).Title(start).Text(text).
		OnClick(func(app.Context, app.Event) { p.jump(start) }, start)
}

func (p *objectsPage) heldNote() app.UI {
	if p.held == nil {
		return asOf(p.s, p.asOf)
	}
	return app.Button().ID("held").Class("pill held").Type("button").Body(icon("again"), app.Text(t("The list has changed: show it"))).OnClick(p.onHeld)
}

// body is the rows, or what is to be said instead.
func (p *objectsPage) body() app.UI {
	switch {
	case p.err != "" && p.run == nil:
		return app.Div().ID("list-error").Class("empty").Role("alert").Body(
			icon("warn"), app.H2().Text(t("The list could not be read")), app.P().Text(p.err),
			app.Button().Class("button").Type("button").Text(t("Try again")).OnClick(p.onRetry),
		)
	case p.run == nil && !p.s.live() && p.s.notice().Kind == "offline":
		return app.Div().ID("list-unseen").Class("empty").Body(
			icon("objects"), app.H2().Text(t("Not here while offline")), app.P().Text(t("This browser has not seen the list yet. It is shown when the server answers.")))
	case p.run == nil:
		return p.skeleton()
	case p.run.size() > 0:
		return &rowsPanel{p: p}
	case p.q.Search != "":
		return app.Div().ID("no-match").Class("empty").Body(
			icon("search"), app.H2().Text(tf("Nothing matches %s", quoted(p.q.Search))),
			app.P().Text(t("Every key that contains these letters would be here.")),
			app.Button().ID("clear-search").Class("button").Type("button").Text(t("Show all objects")).OnClick(p.onClear),
		)
	case p.q.From != "":
		return app.Div().ID("no-more").Class("empty").Body(
			icon("objects"), app.H2().Text(tf("No key comes after %s", quoted(p.q.From))),
			app.A().Class("button").Href("/").Text(t("To the beginning")),
		)
	}
	return p.welcome()
}

func (p *objectsPage) welcome() app.UI {
	if !p.s.may(api.ScopeWrite) {
		return app.Div().ID("empty").Class("empty").Body(icon("objects"), app.H2().Text(t("Nothing is stored yet")))
	}
	return app.Div().ID("empty").Class("empty").Body(
		icon("objects"),
		app.H2().Text(t("Nothing is stored yet")),
		app.P().Text(t("Drop a file on this page or choose one above. It gets a key, which is how you find it again here, and any program over HTTP.")),
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

// skeleton is the shape of the list before anything is known.
func (p *objectsPage) skeleton() app.UI {
	if p.q.View == viewGrid {
		tiles := make([]app.UI, 0, 8)
		for i := range 8 {
			tiles = append(tiles, ghostTile(i))
		}
		return app.Ul().Class("pictures").Aria("busy", "true").Body(tiles...)
	}
	rows := make([]app.UI, 0, 6)
	for i := range 6 {
		rows = append(rows, (&rowState{Number: i}).row())
	}
	return app.Table().Class("table table-ghost").Role("table").Aria("busy", "true").Body(tableHead(), app.TBody().Role("rowgroup").Body(rows...))
}
