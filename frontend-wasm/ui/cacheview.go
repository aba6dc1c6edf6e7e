package ui

import (
	"slices"
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// Render draws the page.
func (p *cachePage) Render() app.UI {
	o := p.outlook()
	return app.Div().ID("page-cache").Class("page").Body(
		app.Div().Class("page-head").Body(app.H1().Text(t("Cache")), asOf(p.s, p.s.cacheAt)),
		p.useNow(),
		p.insight(o),
		p.form(o),
		p.promised(o),
		&autopilotCard{s: p.s},
		&keysPanels{s: p.s},
		p.forget(),
		&nodesPanel{s: p.s},
	)
}

// known is the settings, or empty ones while they are not known.
func (p *cachePage) known() *api.Cache {
	if p.s.cache == nil {
		return &api.Cache{}
	}
	return p.s.cache
}

// usage is what is in the cache now: as of the last live sample, if there is
// one that is newer than the settings.
func (p *cachePage) usage() usage {
	u := usageOf(p.known())
	if s, ok := p.s.stats.last(); ok && u.Up > 0 && s.Time > p.s.cacheAt {
		u.Items, u.Bytes = s.Items, s.Bytes
	}
	return u
}

func (p *cachePage) useNow() app.UI {
	u := p.usage()
	text := "\u00a0"
	if p.s.cache != nil {
		text = u.text()
		if u.Up == 0 && u.Nodes > 0 {
			text = t("The cache is not answering")
		}
	}
	return app.Section().Class("panel").Aria("labelledby", "use-title").Body(
		app.Div().Class("panel-head").Body(
			app.H2().ID("use-title").Text(t("In use now")),
			app.P().ID("use").Class("use").Text(text),
		),
		app.Progress().ID("use-bar").Class("use-bar").Max(1000).Value(u.permille()).Aria("label", t("Memory in use")),
	)
}

func (p *cachePage) form(o *outlook) app.UI {
	change, problem, ok := p.change()
	if p.problem != "" {
		problem = p.problem
	}
	apply := app.Button().ID("apply").Class("button button-primary").Type("submit")
	if !ok || p.applying || !p.s.live() {
		apply = apply.Disabled(true)
	}
	label := t("Apply")
	if p.applying {
		label = t("Applying …")
	}
	var reset app.UI
	if p.edited {
		reset = app.Button().ID("reset").Class("button").Type("button").Text(t("Leave as it is")).OnClick(p.onReset)
	} else if p.before != nil {
		reset = app.Button().ID("undo").Class("button").Type("button").OnClick(p.onUndo).
			Text(tf("Undo: back to %s, %s", size(*p.before.Capacity), policyTitle(p.known(), *p.before.Policy)))
	}
	what := ""
	if ok {
		what = preview(p.usage(), change)
	}
	var do app.UI = apply.Text(label)
	if !p.s.may(api.ScopeAdmin) {
		do = p.s.rightsNote(api.ScopeAdmin)
	}
	return app.Form().ID("settings").Class("panel").Attr("novalidate", "").OnSubmit(p.onApply).Body(
		app.Div().Class("panel-head").Body(app.H2().Text(t("Settings"))),
		p.capacityField(problem, o),
		p.goals(),
		p.policies(),
		app.Div().Class("buttons").Body(
			do, reset,
			app.P().ID("preview-change").Class("preview-change").Role("status").Text(what),
		),
	)
}

func (p *cachePage) capacityField(problem string, o *outlook) app.UI {
	hint := "\u00a0"
	if c := p.s.cache; c != nil {
		least, most := capacityRange(c)
		hint = tf("From %s to %s MB. What still fits stays in memory.", count(least), count(most))
		if n := len(p.s.cache.Nodes); n > 1 {
			hint += " " + tf("Each of the %d nodes has this capacity.", n)
		}
	}
	step := "1"
	if p.unit == unitGB {
		step = "any"
	}
	input := app.Input().ID("capacity").Type("number").Attr("inputmode", "decimal").Attr("step", step).AutoComplete(false).
		Aria("describedby", "capacity-hint capacity-problem").OnInput(p.onCapacity)
	if problem != "" {
		input = input.Aria("invalid", "true")
	}
	return app.Div().Class("field").Body(
		app.Label().For("capacity").Text(t("Capacity")),
		app.Div().Class("with-unit").Body(input, p.unitField(), p.slider(o)),
		app.P().ID("forecast").Class("forecast").Text(o.forecast()),
		app.P().ID("capacity-hint").Class("muted").Text(hint),
		app.P().ID("capacity-problem").Class("bad").Role("alert").Text(problem),
	)
}

func (p *cachePage) unitField() app.UI {
	options := make([]app.UI, 0, 2)
	for _, unit := range []string{unitMB, unitGB} {
		option := app.Option().Attr("value", unit).Text(unit)
		if unit == p.unit {
			option = option.Selected(true)
		}
		options = append(options, option)
	}
	return app.Select().ID("capacity-unit").Class("unit-field").Aria("label", t("Unit of the capacity")).OnChange(p.onUnit).Body(options...)
}

// slider moves along the curve: its value is what is foretold there.
func (p *cachePage) slider(o *outlook) app.UI {
	slider := app.Input().ID("capacity-slider").Class("slider").Type("range").Attr("min", "0").Attr("max", sliderSteps).Attr("step", "1").
		Aria("label", t("Capacity")).OnInput(p.onSlider)
	if bytes, err := parseCapacity(inMB(p.capacity, p.unit), p.known()); err == nil && p.s.cache != nil {
		text := o.forecast()
		if text == "" {
			text = size(bytes)
		}
		slider = slider.Aria("valuetext", text)
	}
	return slider
}

// goal is what someone wants of the cache, and the policy that is best at it.
type goal struct{ Text, Policy string }

func goals() []goal {
	return []goal{
		{t("Most hits"), "wtinylfu"},
		{t("Least disk traffic"), "lfuda"},
		{t("Much is read only once"), "s3fifo"},
		{t("Sizes differ much"), "gdsf"},
		{t("Least work"), "sieve"},
	}
}

// goals chooses a policy by what is wanted; those that are not offered are
// left out.
func (p *cachePage) goals() app.UI {
	buttons := []app.UI{}
	for _, g := range goals() {
		if !slices.ContainsFunc(p.known().Policies, func(x api.Policy) bool { return x.Name == g.Policy }) {
			continue
		}
		pressed := strconv.FormatBool(g.Policy == p.policy)
		buttons = append(buttons, app.Button().ID("goal-"+g.Policy).Class("segment").Type("button").Aria("pressed", pressed).Text(g.Text).
			OnClick(func(app.Context, app.Event) { p.onPolicy(g.Policy) }, g.Policy))
	}
	return app.Div().ID("goals").Class("field").Role("group").Aria("labelledby", "goals-title").Body(
		app.P().ID("goals-title").Class("field-name").Text(t("What matters most?")),
		app.Div().Class("segments").Body(buttons...))
}

func (p *cachePage) policies() app.UI {
	cards := []app.UI{app.Legend().Text(t("Replacement policy"))}
	for _, x := range p.known().Policies {
		cards = append(cards, p.policyCard(x))
	}
	if p.s.cache == nil {
		cards = append(cards, app.Div().Class("card ghost").Body(app.Span().Class("bone")), app.Div().Class("card ghost").Body(app.Span().Class("bone")))
	}
	return app.FieldSet().ID("policies").Class("cards").Body(cards...)
}

func (p *cachePage) policyCard(x api.Policy) app.UI {
	id := "policy-" + x.Name
	class := "card"
	if x.Name == p.policy {
		class = "card card-chosen"
	}
	return app.Label().Class(class).For(id).Body(
		app.Input().ID(id).Type("radio").Name("policy").Attr("value", x.Name).Checked(x.Name == p.policy).
			Aria("describedby", id+"-about").
			OnChange(func(app.Context, app.Event) { p.onPolicy(x.Name) }, x.Name),
		app.Span().Class("card-text").Body(
			app.Strong().Text(x.Title),
			app.Span().ID(id+"-about").Class("muted").Text(told(x.About)),
		),
	)
}

// forget clears the cache, or drops one copy.
func (p *cachePage) forget() app.UI {
	if !p.s.may(api.ScopeWrite) {
		return nil
	}
	field := app.Input().ID("invalidate-key").Type("text").AutoComplete(false).Spellcheck(false).Dir("auto").
		Aria("describedby", "invalidate-problem").OnInput(p.onKey)
	if p.keyErr != "" {
		field = field.Aria("invalid", "true")
	}
	one := app.Button().ID("invalidate-one").Class("button").Type("submit").Text(t("Invalidate"))
	all := app.Button().ID("clear").Class("button button-quiet-danger").Type("button").Body(icon("broom"), app.Text(t("Clear the cache"))).OnClick(p.onClear)
	if !p.s.live() {
		one, all = one.Disabled(true), all.Disabled(true)
	}
	var clear app.UI
	if p.s.may(api.ScopeAdmin) {
		clear = all
	}
	return app.Section().Class("panel").Aria("labelledby", "forget-title").Body(
		app.Div().Class("panel-head").Body(app.H2().ID("forget-title").Text(t("Drop what is in memory")), clear),
		app.Form().Class("field").Attr("novalidate", "").OnSubmit(p.onInvalidate).Body(
			app.Label().For("invalidate-key").Text(t("Key of one object")),
			app.Div().Class("with-button").Body(field, one),
			app.P().ID("invalidate-problem").Class("bad").Role("alert").Text(p.keyErr),
		),
	)
}
