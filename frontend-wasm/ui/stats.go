package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// statsPage shows what the cache did in the last minutes.
type statsPage struct {
	app.Compo

	s *session
}

// OnMount follows the statistics, which the session receives all the time.
func (p *statsPage) OnMount(ctx app.Context) {
	ctx.Page().SetTitle("Statistics – MemCache")
	p.s.watch(p)
	app.Window().Call("scrollTo", 0, 0)
}

// OnDismount ends it.
func (p *statsPage) OnDismount() { p.s.unwatch(p) }

func (p *statsPage) sessionChanged(c change, _ *news) {
	if c&(changeStats|changeConn) != 0 {
		p.Update()
	}
}

// Render draws the page.
func (p *statsPage) Render() app.UI {
	specs := chartSpecs()
	charts := make([]app.UI, 0, len(specs))
	for _, spec := range specs {
		charts = append(charts, &chart{s: p.s, spec: spec})
	}
	return app.Div().ID("page-stats").Class("page").Body(
		app.Div().Class("page-head").Body(
			app.H1().Text("Statistics"),
			app.P().Class("muted").Text("The last 10 minutes"),
			asOf(p.s, p.s.statsAt),
		),
		p.tiles(),
		app.Div().ID("charts").Class("charts").Body(charts...),
	)
}

func (p *statsPage) tiles() app.UI {
	w := &p.s.stats
	sum := api.Summarize(w.Samples)
	last, any := w.last()
	text := func(s string) string {
		if !any {
			return "–"
		}
		return s
	}
	rate := func(r float64) string {
		if sum.Requests == 0 {
			return "–"
		}
		return percent(r)
	}
	return app.Dl().ID("tiles").Class("tiles").Body(
		tile("hit-rate", "Hit rate", rate(sum.HitRate), "of requests"),
		tile("miss-rate", "Miss rate", rate(sum.MissRate), "of requests"),
		tile("requests", "Requests", text(count(sum.Requests)), "in 10 minutes"),
		tile("hits", "Hits", text(count(sum.Hits)), "in 10 minutes"),
		tile("misses", "Misses", text(count(sum.Misses)), "in 10 minutes"),
		tile("evictions", "Evictions", text(count(sum.Evictions)), "in 10 minutes"),
		tile("items", "Items", text(count(last.Items)), "in memory now"),
		tile("bytes", "Bytes", text(api.FormatBytes(last.Bytes)), "in memory now"),
	)
}

func tile(id, name, value, note string) app.UI {
	return app.Div().Class("tile").Body(
		app.Dt().Text(name),
		app.Dd().ID("tile-"+id).Class("tile-value").Text(value),
		app.Dd().Class("tile-note").Text(note),
	)
}
