package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// Render draws the card.
func (c *autopilotCard) Render() app.UI {
	p := c.s.pilot
	body := []app.UI{app.Div().Class("panel-head").Body(
		app.H2().ID("pilot-title").Text(t("Autopilot")),
		c.onOff(),
	)}
	switch {
	case p == nil && c.s.away():
		body = append(body, app.P().ID("pilot-unseen").Class("muted").Text(t("How it is set is shown when the server is there.")))
	case p == nil:
		body = append(body, app.P().Body(app.Span().Class("bone bone-long")))
	default:
		body = append(body, app.P().ID("pilot-state").Class("pilot-state").DataSet("state", p.State).Role("status").Text(pilotText(p, c.capacity())), c.settings(), c.changes())
	}
	return app.Section().ID("autopilot").Class("panel").Aria("labelledby", "pilot-title").Body(body...)
}

func (c *autopilotCard) capacity() int64 {
	if c.s.cache == nil {
		return 0
	}
	return c.s.cache.Capacity
}

// ready tells whether something can be sent.
func (c *autopilotCard) ready() bool {
	return c.s.live() && c.s.pilot != nil && c.s.cache != nil && !c.busy
}

func (c *autopilotCard) onOff() app.UI {
	is := c.s.pilot != nil && c.s.pilot.On
	button := func(id, text string, on bool) app.UI {
		b := app.Button().ID(id).Class("segment").Type("button").Aria("pressed", strconv.FormatBool(is == on && c.s.pilot != nil)).Text(text).
			OnClick(func(app.Context, app.Event) { c.turn(on) })
		if !c.ready() || !c.s.may(api.ScopeAdmin) {
			b = b.Disabled(true)
		}
		return b
	}
	return app.Div().Class("segments").Role("group").Aria("labelledby", "pilot-title").Body(
		button("pilot-off", t("Off"), false), button("pilot-on", t("On"), true))
}

func (c *autopilotCard) settings() app.UI {
	if !c.s.may(api.ScopeAdmin) {
		return c.s.rightsNote(api.ScopeAdmin)
	}
	problem := c.problem
	_, err := c.form.set(c.known())
	if c.edited && problem == "" && err != nil {
		problem = err.Error()
	}
	save := app.Button().ID("pilot-save").Class("button").Type("submit").Text(t("Save"))
	if !c.edited || err != nil || !c.ready() {
		save = save.Disabled(true)
	}
	var reset app.UI
	if c.edited {
		reset = app.Button().ID("pilot-reset").Class("button").Type("button").Text(t("Leave as it is")).OnClick(c.onReset)
	}
	fields := []app.UI{c.goals()}
	if c.form.goal == api.GoalRate {
		fields = append(fields, c.field("pilot-target", t("Hit rate to reach"), "%", c.form.target, &c.form.target))
	}
	fields = append(fields,
		c.field("pilot-least", t("Least capacity"), unitMB, c.form.least, &c.form.least),
		c.field("pilot-most", t("Most capacity"), unitMB, c.form.most, &c.form.most))
	return app.Form().ID("pilot-form").Class("pilot-form").Attr("novalidate", "").OnSubmit(c.onSave).Body(
		app.Div().Class("pilot-fields").Body(fields...),
		app.P().ID("pilot-problem").Class("bad").Role("alert").Text(problem),
		app.Div().Class("buttons").Body(save, reset),
	)
}

// known is the settings of the cache, or empty ones while they are not known.
func (c *autopilotCard) known() *api.Cache {
	if c.s.cache == nil {
		return &api.Cache{}
	}
	return c.s.cache
}

func (c *autopilotCard) goals() app.UI {
	button := func(goal, text string) app.UI {
		return app.Button().ID("pilot-goal-"+goal).Class("segment").Type("button").Aria("pressed", strconv.FormatBool(c.form.goal == goal)).Text(text).
			OnClick(func(app.Context, app.Event) { c.onGoal(goal) })
	}
	hint := t("The smallest capacity that reaches a hit rate.")
	if c.form.goal == api.GoalKnee {
		hint = t("The capacity beyond which twice the memory brings less than one point of hits.")
	}
	return app.Div().Class("field pilot-goal").Role("group").Aria("labelledby", "pilot-goal-title").Aria("describedby", "pilot-goal-hint").Body(
		app.P().ID("pilot-goal-title").Class("field-name").Text(t("Keep the capacity at")),
		app.Div().Class("segments").Body(button(api.GoalRate, t("A hit rate")), button(api.GoalKnee, t("Where more stops to pay"))),
		app.P().ID("pilot-goal-hint").Class("muted").Text(hint),
	)
}

func (c *autopilotCard) field(id, label, unit, value string, into *string) app.UI {
	return app.Div().Class("field").Body(
		app.Label().For(id).Text(label),
		app.Div().Class("with-unit").Body(
			app.Input().ID(id).Type("text").Attr("inputmode", "decimal").Attr("value", value).AutoComplete(false).
				Aria("describedby", "pilot-problem").OnInput(c.onField(into)),
			app.Span().Class("unit").Text(unit),
		),
	)
}

// shownChanges is how many changes are listed.
const shownChanges = 5

func (c *autopilotCard) changes() app.UI {
	list := c.s.pilot.Changes
	if len(list) == 0 {
		return app.P().ID("pilot-none").Class("muted").Text(t("It has not changed anything yet. What it changes is listed here, with the reason, and can be undone."))
	}
	items := make([]app.UI, 0, shownChanges)
	for _, change := range list[:min(len(list), shownChanges)] {
		items = append(items, c.change(change))
	}
	return app.Div().Body(
		app.H3().ID("pilot-changes-title").Class("field-name").Text(t("Last changes")),
		app.Ul().ID("pilot-changes").Class("pilot-changes").Aria("labelledby", "pilot-changes-title").Body(items...),
	)
}

func (c *autopilotCard) change(x api.AutopilotChange) app.UI {
	id := strconv.FormatInt(x.ID, 10)
	var end app.UI = app.Span().Class("muted").Text(t("Undone"))
	switch {
	case x.Undone == 0 && !c.s.may(api.ScopeAdmin):
		end = nil
	case x.Undone == 0:
		undo := app.Button().ID("pilot-undo-"+id).Class("button button-small").Type("button").Text(t("Undo")).
			Aria("label", tf("Undo: back to %s", size(x.From))).
			OnClick(func(app.Context, app.Event) { c.undo(x) }, id)
		if !c.ready() {
			undo = undo.Disabled(true)
		}
		end = undo
	}
	return app.Li().Class("pilot-change").DataSet("change", id).Body(
		app.Div().Body(
			app.P().Body(
				app.Strong().Text(size(x.From)+" → "+size(x.To)),
				app.Text(" "),
				app.Span().Class("muted").Text(exactTime(x.Time)),
			),
			app.P().Text(pilotReason(x)),
		),
		end,
	)
}
