package ui

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// autopilotCard turns the autopilot of the capacity on and off, tells it what to do,
// and shows what it did.
type autopilotCard struct {
	app.Compo

	s   *session
	ctx app.Context // nil until mounted

	form    pilotForm
	edited  bool // the form differs from what is set
	busy    bool
	problem string
	seconds int // since it was asked for
}

// pilotForm is the form as it was filled in.
type pilotForm struct {
	goal                string
	target, least, most string // a percentage, and whole MB
}

// pilotEvery is how often the state is asked for, in seconds: it changes with time.
const pilotEvery = 10

// OnMount asks how it is.
func (c *autopilotCard) OnMount(ctx app.Context) {
	c.ctx = ctx
	c.s.watch(c)
	c.adopt()
	c.load()
}

// OnDismount ends it.
func (c *autopilotCard) OnDismount() { c.s.unwatch(c) }

func (c *autopilotCard) sessionChanged(ch change, _ *news) {
	if ch&(changeCache|changeConn) != 0 {
		c.load()
	}
	if ch&changeClock != 0 {
		if c.seconds++; c.seconds >= pilotEvery && c.s.pilot != nil && c.s.pilot.On {
			c.load()
		}
	}
	if ch&changePilot != 0 {
		c.adopt()
	}
	if ch&(changePilot|changeConn|changeTexts) != 0 {
		c.Update()
	}
}

func (c *autopilotCard) load() {
	c.seconds = 0
	if !c.s.live() {
		return
	}
	pilot := new(api.Autopilot)
	c.s.call(api.MethodPilot, api.Empty{}, pilot, func(err error) {
		if err == nil {
			c.s.setPilot(pilot)
		}
	})
}

// adopt takes what is set into the form, unless someone is filling it in.
func (c *autopilotCard) adopt() {
	p := c.s.pilot
	if p == nil || c.edited {
		return
	}
	c.form = formOf(p.AutopilotSettings)
	c.ctx.Defer(func(app.Context) {
		if !c.edited {
			setValue("pilot-target", c.form.target)
			setValue("pilot-least", c.form.least)
			setValue("pilot-most", c.form.most)
		}
	})
}

func formOf(s api.AutopilotSettings) pilotForm {
	return pilotForm{
		goal:   s.Goal,
		target: written(strconv.FormatFloat(math.Round(s.Target*1000)/10, 'f', -1, 64)),
		least:  strconv.FormatInt(s.Least/api.MB, 10),
		most:   strconv.FormatInt(s.Most/api.MB, 10),
	}
}

// set is what the form says; the error is for the person who filled it in.
func (f pilotForm) set(c *api.Cache) (set api.AutopilotSet, err error) {
	target, err := parseTarget(f.target)
	if err != nil && f.goal == api.GoalRate {
		return set, err
	}
	least, err := parseCapacity(f.least, c)
	if err != nil {
		return set, err
	}
	most, err := parseCapacity(f.most, c)
	if err != nil {
		return set, err
	}
	if least > most {
		return set, errors.New(tf("The least, %s, is more than the most, %s.", size(least), size(most)))
	}
	set = api.AutopilotSet{Goal: &f.goal, Least: &least, Most: &most}
	if f.goal == api.GoalRate {
		set.Target = &target
	}
	return set, nil
}

// parseTarget reads a hit rate in percent.
func parseTarget(text string) (float64, error) {
	percent, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(text), ",", ".", 1), 64)
	if err != nil || !(percent >= 100*api.MinTarget && percent <= 100*api.MaxTarget) {
		return 0, errors.New(tf("%q is no hit rate to reach: give a number from 1 to %s.", text, written("99.9")))
	}
	return math.Round(percent*10) / 1000, nil
}

func (c *autopilotCard) onGoal(goal string) {
	c.form.goal = goal
	c.noteEdited()
}

// onField takes what is typed.
func (c *autopilotCard) onField(into *string) app.EventHandler {
	return func(ctx app.Context, _ app.Event) {
		*into = fieldValue(ctx)
		c.noteEdited()
	}
}

func (c *autopilotCard) noteEdited() {
	c.problem = ""
	c.edited = c.s.pilot != nil && c.form != formOf(c.s.pilot.AutopilotSettings)
}

func (c *autopilotCard) onSave(_ app.Context, e app.Event) {
	e.PreventDefault()
	c.save(nil)
}

func (c *autopilotCard) onReset(app.Context, app.Event) {
	c.edited, c.problem = false, ""
	c.adopt()
}

// save sends the form, and whether it is to be on.
func (c *autopilotCard) save(on *bool) {
	if c.busy || c.s.cache == nil || c.s.pilot == nil {
		return
	}
	set, err := c.form.set(c.s.cache)
	if err != nil {
		c.problem = err.Error()
		c.Update()
		return
	}
	set.On = on
	c.send(api.MethodSetPilot, set, func(p *api.Autopilot) {
		c.edited = false
		if on == nil {
			c.s.tell(t("The autopilot is set."))
		} else if p.On {
			c.s.tell(t("The autopilot is on."))
		} else {
			c.s.tell(t("The autopilot is off."))
		}
	})
}

func (c *autopilotCard) turn(on bool) {
	if c.s.pilot != nil && c.s.pilot.On != on {
		c.save(&on)
	}
}

func (c *autopilotCard) undo(change api.AutopilotChange) {
	c.send(api.MethodUndoPilot, api.AutopilotUndo{ID: change.ID}, func(*api.Autopilot) {
		c.s.tell(tf("Undone: the capacity is %s again, and the autopilot is off.", size(change.From)))
	})
}

// send calls a method that answers how the autopilot is then.
func (c *autopilotCard) send(method string, params any, done func(*api.Autopilot)) {
	if c.busy {
		return
	}
	c.busy, c.problem = true, ""
	c.Update()
	pilot := new(api.Autopilot)
	c.s.call(method, params, pilot, func(err error) {
		c.busy = false
		if err != nil {
			c.problem = failure(err)
			c.Update()
			return
		}
		done(pilot)
		c.s.setPilot(pilot)
		c.s.notify(changeFrame, nil)
	})
}

// setPilot takes what the server says of the autopilot.
func (s *session) setPilot(p *api.Autopilot) {
	s.pilot = p
	s.notify(changePilot, nil)
}

// pilotText says how the autopilot is.
func pilotText(p *api.Autopilot, capacity int64) string {
	switch p.State {
	case api.AutopilotPaused:
		return tf("Paused until %s, because the cache was changed by hand.", clock(p.Until))
	case api.AutopilotWaits:
		return tf("Its last change has to show first: the next one not before %s.", clock(p.Until))
	case api.AutopilotLearns:
		return t("Watching: there were too few requests yet to judge the capacity.")
	case api.AutopilotBlind:
		return t("No cache process tells what other capacities would bring, so nothing is changed.")
	case api.AutopilotHolds:
		return tf("The capacity is right: with %s, %s of the requests should be hits.", size(capacity), percent(p.Rate))
	case api.AutopilotChanges:
		return tf("About to change the capacity from %s to %s.", size(capacity), size(p.Want))
	}
	if p.Undone != 0 {
		return tf("Off, since one of its changes was undone (%s).", exactTime(p.Undone))
	}
	return t("Off: the capacity stays as it is set.")
}

// pilotReason says why the autopilot changed the capacity.
func pilotReason(c api.AutopilotChange) string {
	was, is, target, to := percent(c.Was), percent(c.Is), percent(c.Target), size(c.To)
	switch c.Why {
	case api.WhyBelow:
		return tf("%s of the requests were hits, less than the %s to reach; %s should reach %s.", was, target, to, is)
	case api.WhyAbove:
		return tf("%[1]s reaches the %[2]s, too: %[3]s instead of %[4]s.", to, target, is, was)
	case api.WhyBest:
		return tf("%s cannot be reached within the bounds; %s serves nearly as much as can be: %s.", target, to, is)
	case api.WhyPays:
		return tf("Each doubling up to there brings a point of hits or more: %s instead of %s.", is, was)
	case api.WhyIdle:
		return tf("The memory beyond brings less than a point of hits for each doubling: %s instead of %s.", was, is)
	case api.WhyOutside:
		return t("The capacity was outside of the bounds.")
	}
	return c.Text
}
