package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
	"memcache/shared/insight"
)

// outlook is what the curves say of what is set, and of what is chosen in the form.
func (p *cachePage) outlook() *outlook {
	set := p.known()
	to := insight.Settings{Capacity: set.Capacity, Policy: set.Policy}
	if p.edited {
		if bytes, err := parseCapacity(inMB(p.capacity, p.unit), set); err == nil {
			to.Capacity = bytes
		}
		if p.policy != "" {
			to.Policy = p.policy
		}
	}
	if p.lens.seconds == 0 {
		p.lens.seconds = longWindow
	}
	return newOutlook(p.s, p.lens, to)
}

// onAdvice applies the recommendation.
func (p *cachePage) onAdvice(app.Context, app.Event) {
	a := p.outlook().advice
	if p.applying || a.Kind == insight.Wait || a.Kind == insight.Keep {
		return
	}
	was := *p.s.cache
	p.apply(api.CacheChange{Capacity: &a.To.Capacity, Policy: &a.To.Policy, Window: longWindow}, &api.CacheChange{Capacity: &was.Capacity, Policy: &was.Policy})
}

// onPromiseUndo sets what was set before the change that the promise is about.
func (p *cachePage) onPromiseUndo(app.Context, app.Event) {
	if q := p.s.curves.Value.Promise; q != nil && !p.applying {
		from := q.From
		p.apply(api.CacheChange{Capacity: &from.Capacity, Policy: &from.Policy, Window: p.lens.seconds}, nil)
	}
}

// look changes what is looked at.
func (p *cachePage) look(l lens) {
	p.lens = l
	p.s.notify(changeCurves, nil)
}

// insight is the panel of the curves.
func (p *cachePage) insight(o *outlook) app.UI {
	return app.Section().ID("insight").Class("panel").Aria("labelledby", "insight-title").DataSet("state", p.curvesState(o)).Body(
		app.Div().Class("panel-head").Body(
			app.H2().ID("insight-title").Text(t("What other settings would bring")),
			p.lenses(),
		),
		p.advice(o),
		p.curves(o),
	)
}

// The states of the panel of the curves.
const (
	curvesWaiting = "waiting" // not known yet
	curvesNone    = "none"    // no cache process keeps any
	curvesIdle    = "idle"    // without traffic
	curvesFew     = "few"     // with too little
	curvesDrawn   = "drawn"
)

func (p *cachePage) curvesState(o *outlook) string {
	some, _ := o.telling()
	switch {
	case p.s.curves.At == 0 || p.s.cache == nil:
		return curvesWaiting
	case some == 0:
		return curvesNone
	case o.view.Requests == 0:
		return curvesIdle
	case !o.view.Enough():
		return curvesFew
	}
	return curvesDrawn
}

func (p *cachePage) lenses() app.UI {
	segment := func(id, text string, l lens) app.UI {
		return app.Button().ID(id).Class("segment").Type("button").Aria("pressed", strconv.FormatBool(l == p.lens)).Text(text).
			OnClick(func(app.Context, app.Event) { p.look(l) }, l.seconds, int(l.measure))
	}
	with := func(m insight.Measure, seconds int) lens { return lens{m, seconds} }
	return app.Div().Class("lenses").Body(
		app.Div().Class("segments").Role("group").Aria("label", t("What is counted")).Body(
			segment("curve-objects", t("Requests"), with(insight.Objects, p.lens.seconds)),
			segment("curve-bytes", t("Bytes"), with(insight.Bytes, p.lens.seconds)),
		),
		app.Div().Class("segments").Role("group").Aria("label", t("Window")).Body(
			segment("curve-5m", t("5 minutes"), with(p.lens.measure, shortWindow)),
			segment("curve-1h", t("Hour"), with(p.lens.measure, longWindow)),
		),
	)
}

// advice is the recommendation, and a button that carries it out.
func (p *cachePage) advice(o *outlook) app.UI {
	kind, text := string(o.advice.Kind), o.advise()
	switch p.curvesState(o) {
	case curvesWaiting:
		kind, text = string(insight.Wait), "\u00a0"
		if p.s.curves.err != "" {
			text = tf("The curves could not be read: %s", p.s.curves.err)
		} else if p.s.away() {
			text = t("The curves are read from the server: they are shown when it answers.")
		}
	case curvesNone:
		text = t("No cache process keeps curves: they are plain memcached, or were started with -curves=false.")
		if usageOf(o.cache).Up == 0 {
			text = t("The cache is not answering")
		}
	}
	var apply app.UI
	if o.advice.Kind != insight.Wait && o.advice.Kind != insight.Keep && p.s.may(api.ScopeAdmin) {
		b := app.Button().ID("advice-apply").Class("button").Type("button").OnClick(p.onAdvice).
			Text(tf("Set %s, %s", shortSize(o.advice.To.Capacity), o.title(o.advice.To.Policy)))
		if p.applying || !p.s.live() {
			b = b.Disabled(true)
		}
		apply = b
	}
	return app.Div().ID("advice").Class("advice").DataSet("kind", kind).Body(app.P().ID("advice-text").Text(text), apply)
}

// curves is the chart, what its lines are and how well they are known. The chart is
// always there, so that it is made once.
func (p *cachePage) curves(o *outlook) app.UI {
	class := "curve-box"
	if p.curvesState(o) != curvesDrawn {
		class = "curve-box curve-box-none"
	}
	certain := o.certainty()
	if certain != "" {
		certain += " · " + o.covers()
	}
	return app.Div().Class(class).Body(
		p.legend(o),
		&curveChart{s: p.s, spec: curveSpec{ID: "curve", Label: "insight-title", Lines: 2, Marks: 3, Figure: func() curveFigure { return p.outlook().figure() }}},
		app.P().ID("curve-note").Class("muted").Text(certain),
	)
}

func (p *cachePage) legend(o *outlook) app.UI {
	unit := t("% of requests")
	if o.lens.measure == insight.Bytes {
		unit = t("% of bytes")
	}
	items := []app.UI{app.Span().Class("unit").Text(tf("Hit rate, %s, by capacity", unit))}
	f := o.figure()
	for _, l := range f.Lines {
		items = append(items, app.Span().Class("legend-item", l.Class).Text(l.Name))
	}
	for _, m := range f.Marks {
		class := "legend-dot"
		if m.Open {
			class = "legend-ring"
		}
		items = append(items, app.Span().Class("legend-item", class, m.Class).Body(app.Text(m.Name+" "), app.Strong().Text(percent(m.Point.Rate))))
	}
	return app.Div().ID("curve-legend").Class("legend").Body(items...)
}

// promised is what came of the last change, beside what was promised.
func (p *cachePage) promised(o *outlook) app.UI {
	q := o.promise
	if q == nil || p.s.cache == nil {
		return nil
	}
	r := outcomeOf(q)
	rows := []app.UI{}
	if q.Known {
		rows = append(rows,
			bar("before", tf("Before, with %s, %s", shortSize(q.From.Capacity), o.title(q.From.Policy)), "line-b", q.Before, percent(q.Before)),
			bar("rate", t("Promised"), "line-d", q.Rate, percent(q.Rate)+bandText(q.Band)))
	}
	if r.Measure {
		rows = append(rows, bar("now", t("Measured since then"), "line-c", r.Rate, percent(r.Rate)))
	}
	var undo app.UI
	if q.To == api.CacheSettings(o.now) && p.before == nil && !p.edited && p.s.may(api.ScopeAdmin) {
		b := app.Button().ID("promise-undo").Class("button").Type("button").OnClick(p.onPromiseUndo).
			Text(tf("Undo: back to %s, %s", shortSize(q.From.Capacity), o.title(q.From.Policy)))
		if p.applying || !p.s.live() {
			b = b.Disabled(true)
		}
		undo = app.Div().Class("buttons").Body(b)
	}
	return app.Section().ID("promise").Class("panel").Aria("labelledby", "promise-title").DataSet("state", r.State).Body(
		app.Div().Class("panel-head").Body(
			app.H2().ID("promise-title").Text(t("What the last change brought")),
			app.P().Class("muted").Text(ago(wallNow(), q.Time)),
		),
		app.P().Text(tf("From %s, %s to %s, %s.", shortSize(q.From.Capacity), o.title(q.From.Policy), shortSize(q.To.Capacity), o.title(q.To.Policy))+" "+o.earlier(q)),
		app.Dl().Class("bars").Body(rows...),
		app.P().ID("promise-text").Text(r.Text),
		undo,
	)
}

// earlier says what the settings before would bring by now: the traffic may have
// changed, too.
func (o *outlook) earlier(q *api.Promise) string {
	was, known := o.view.At(insight.Objects, insight.Settings(q.From))
	if !known || !o.view.Enough() || q.To != api.CacheSettings(o.now) || o.lens.measure != insight.Objects {
		return ""
	}
	return tf("By the present curves, the settings of before would serve %s.", percent(was.Rate)+bandText(was.Band))
}

// bar is a rate as a length.
func bar(id, name, class string, rate float64, text string) app.UI {
	return app.Div().Class("bar-row").Body(
		app.Dt().Text(name),
		app.Dd().ID("promise-"+id).Body(
			app.Progress().Class("rate-bar", class).Max(1000).Value(int(rate*1000+0.5)).Aria("label", name),
			app.Span().Text(text)),
	)
}
