package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// keysPanels show which objects in the cache stand out, and which it let go last.
// They are a component of their own, so that what comes live draws them alone.
type keysPanels struct {
	app.Compo

	s      *session
	keys   *api.CacheKeys // nil while they are not known
	failed string
	busy   string // the key that is being invalidated
}

// OnMount begins to watch.
func (p *keysPanels) OnMount(app.Context) {
	p.s.watch(p)
	p.subscribe()
}

// OnDismount ends it, for the server too.
func (p *keysPanels) OnDismount() {
	p.s.unwatch(p)
	if p.s.live() {
		p.s.call(api.MethodNoKeys, api.Empty{}, nil, func(error) {})
	}
}

func (p *keysPanels) subscribe() {
	if !p.s.live() {
		return
	}
	keys := new(api.CacheKeys)
	p.s.call(api.MethodKeys, api.Empty{}, keys, func(err error) {
		if p.failed = ""; err != nil {
			p.failed = failure(err)
		} else {
			p.keys = keys
		}
		p.Update()
	})
}

func (p *keysPanels) sessionChanged(c change, n *news) {
	if c&changeConn != 0 {
		p.subscribe()
	}
	if n != nil && n.standOut != nil {
		p.keys, p.failed = n.standOut, ""
	}
	if c&(changeKeys|changeConn|changeTexts) != 0 {
		p.Update()
	}
}

// Render draws the panels.
func (p *keysPanels) Render() app.UI {
	return app.Div().ID("keys").Class("keys").Body(
		p.panel("largest", t("Largest in memory"), t("What takes the most memory."), p.largest(), t("Nothing is in memory yet.")),
		p.panel("hottest", t("Most hits"), p.hitsSince(), p.hottest(), t("Nothing was asked for twice yet.")),
		p.panel("evicted", t("Evicted last"), t("What had to go for others. It is still stored."), p.evicted(), t("Nothing had to go yet.")),
	)
}

func (p *keysPanels) hitsSince() string {
	if p.keys == nil || p.keys.Top.Since == 0 {
		return t("What is asked for most often.")
	}
	return tf("Hits since %s; large numbers are estimates.", clock(p.keys.Top.Since))
}

// panel shows rows, or why there are none.
func (p *keysPanels) panel(id, title, about string, rows []app.UI, none string) app.UI {
	var body app.UI = app.Ul().ID(id + "-keys").Class("key-rows").Body(rows...)
	switch {
	case p.keys == nil && p.failed != "":
		body = app.P().Class("bad").Text(p.failed)
	case p.keys == nil && !p.s.live() && p.s.away():
		body = app.P().Class("muted").Text(t("This is known while there is a connection."))
	case p.keys == nil:
		body = app.P().Body(app.Span().Class("bone bone-long"))
	case len(rows) == 0:
		body = app.P().ID(id + "-none").Class("muted").Text(none)
	}
	return app.Section().ID(id).Class("panel").Aria("labelledby", id+"-title").Body(
		app.Div().Class("panel-head").Body(app.H2().ID(id+"-title").Text(title)),
		app.P().Class("muted").Text(about), p.without(), body)
}

// without says which nodes cannot tell.
func (p *keysPanels) without() app.UI {
	if p.keys == nil || len(p.keys.Top.Without) == 0 {
		return nil
	}
	lines := []app.UI{}
	for _, name := range p.keys.Top.Without {
		lines = append(lines, app.P().Class("muted").Text(tf("The cache process %s does not tell: it is not up, or a plain memcached.", name)))
	}
	return app.Div().Class("keys-without").Body(lines...)
}

func (p *keysPanels) largest() (rows []app.UI) {
	if p.keys == nil {
		return nil
	}
	for _, k := range p.keys.Top.Largest {
		rows = append(rows, p.row(k.Key, size(k.Bytes), since(k.Since)))
	}
	return rows
}

func (p *keysPanels) hottest() (rows []app.UI) {
	if p.keys == nil {
		return nil
	}
	for _, k := range p.keys.Top.Hottest {
		rows = append(rows, p.row(k.Key, tn(k.Hits, "%s hit", "%s hits"), size(k.Bytes)))
	}
	return rows
}

func (p *keysPanels) evicted() (rows []app.UI) {
	if p.keys == nil {
		return nil
	}
	for _, e := range p.keys.Evictions.Evictions {
		rows = append(rows, p.row(e.Key, ago(wallNow(), e.Time), evictionText(e)))
	}
	return rows
}

// evictionText says what went, after how long, and why.
func evictionText(e api.Eviction) string {
	text := tf("%s, in memory for %s", size(e.Size), lasted(e.Age))
	if !e.Read {
		text += ", " + t("never read")
	}
	if e.Why == api.WhyShrink {
		return text + " · " + t("the capacity was made smaller")
	}
	return text + " · " + t("room for another")
}

func since(at int64) string {
	if at == 0 {
		return ""
	}
	return tf("since %s", clock(at))
}

// lasted writes a length of time in seconds.
func lasted(seconds int64) string {
	switch {
	case seconds < 120:
		return tf("%d s", seconds)
	case seconds < 2*3600:
		return tf("%d min", seconds/60)
	case seconds < 48*3600:
		return tf("%d h", seconds/3600)
	}
	return tf("%d days", seconds/(24*3600))
}

// row is one object, which can be looked at and invalidated.
func (p *keysPanels) row(key, figure, note string) app.UI {
	var action app.UI
	drop := app.Button().Class("button-icon invalidate").Type("button").Aria("label", tf("Invalidate %s", quoted(key))).Title(t("Invalidate")).Body(icon("broom")).
		OnClick(func(app.Context, app.Event) { p.onInvalidate(key) }, key)
	if !p.s.live() || p.busy == key {
		drop = drop.Disabled(true)
	}
	if p.s.may(api.ScopeWrite) {
		action = drop
	}
	return app.Li().DataSet("key", key).Body(
		app.A().Class("key-link").Href(api.ViewPath(key)).Dir("auto").Text(key),
		app.Span().Class("key-figure").Text(figure),
		app.Span().Class("key-note muted").Text(note),
		action)
}

func (p *keysPanels) onInvalidate(key string) {
	p.busy = key
	p.s.invalidate(key, func(error) {
		p.busy = ""
		p.subscribe() // what is in memory is another by now
		p.Update()
	})
}
