package ui

import (
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// cachePage configures the cache.
type cachePage struct {
	app.Compo

	s   *session
	ctx app.Context // nil until mounted

	capacity string // as typed, in unit
	unit     string // unitMB or unitGB; "" is unitMB
	policy   string // as chosen
	lens     lens   // of the curves
	edited   bool   // capacity or policy differ from what is set
	applying bool
	problem  string           // what the server said of the last attempt
	before   *api.CacheChange // what was set before the last change, to undo it
	key      string           // to invalidate
	keyErr   string
}

// OnMount shows what is known.
func (p *cachePage) OnMount(ctx app.Context) {
	p.ctx = ctx
	ctx.Page().SetTitle(t("Cache") + " – MemCache")
	p.s.watch(p)
	p.adopt()
	p.s.watchCurves()
	if p.s.live() {
		p.s.loadCache(nil)
	}
	app.Window().Call("scrollTo", 0, 0)
}

// OnDismount ends it.
func (p *cachePage) OnDismount() {
	p.s.unwatch(p)
	p.s.leaveCurves()
}

func (p *cachePage) sessionChanged(c change, _ *news) {
	if c&changeCache != 0 {
		p.adopt()
	}
	if c&(changeCache|changeConn|changeStats|changeCurves) != 0 {
		p.Update()
	}
}

// adopt takes the settings into the form, unless someone is changing it.
func (p *cachePage) adopt() {
	if p.s.cache == nil || p.edited {
		return
	}
	p.capacity = inUnit(p.s.cache.Capacity/api.MB, p.unit)
	p.policy = p.s.cache.Policy
	p.ctx.Defer(func(app.Context) {
		if !p.edited {
			p.fill()
		}
	})
}

// fill puts the capacity into the field and the slider.
func (p *cachePage) fill() {
	setValue("capacity", p.capacity)
	p.slide()
}

// slide moves the slider to the capacity that was typed.
func (p *cachePage) slide() {
	if set := p.s.cache; set != nil {
		if bytes, err := parseCapacity(inMB(p.capacity, p.unit), set); err == nil {
			setValue("capacity-slider", strconv.Itoa(onSlider(bytes/api.MB, set)))
		}
	}
}

// change is what Apply would send; ok is false when there is nothing to send
// or it is not possible, and then problem may say why.
func (p *cachePage) change() (c api.CacheChange, problem string, ok bool) {
	set := p.s.cache
	if set == nil {
		return c, "", false
	}
	capacity, err := parseCapacity(inMB(p.capacity, p.unit), set)
	if err != nil {
		return c, err.Error(), false
	}
	if capacity != set.Capacity {
		c.Capacity = &capacity
	}
	if p.policy != set.Policy {
		c.Policy = &p.policy
	}
	return c, "", c.Capacity != nil || c.Policy != nil
}

func (p *cachePage) onCapacity(ctx app.Context, _ app.Event) {
	p.capacity, p.problem = fieldValue(ctx), ""
	p.slide()
	p.noteEdited()
}

func (p *cachePage) onSlider(ctx app.Context, _ app.Event) {
	position, err := strconv.Atoi(fieldValue(ctx))
	if err != nil || p.s.cache == nil {
		return
	}
	p.capacity, p.problem = inUnit(atSlider(position, p.s.cache), p.unit), ""
	setValue("capacity", p.capacity)
	p.noteEdited()
}

// onUnit writes the same capacity in the other unit.
func (p *cachePage) onUnit(ctx app.Context, _ app.Event) {
	mb, err := strconv.ParseInt(strings.TrimSpace(inMB(p.capacity, p.unit)), 10, 64)
	p.unit = fieldValue(ctx)
	if err == nil {
		p.capacity = inUnit(mb, p.unit)
		setValue("capacity", p.capacity)
	}
	p.noteEdited()
}

func (p *cachePage) onPolicy(name string) {
	p.policy, p.problem = name, ""
	p.noteEdited()
}

func (p *cachePage) noteEdited() {
	_, problem, ok := p.change()
	p.edited = ok || problem != ""
	p.s.notify(changeCurves, nil)
}

func (p *cachePage) onApply(_ app.Context, e app.Event) {
	e.PreventDefault()
	c, _, ok := p.change()
	if !ok || p.applying || p.s.forbidden(api.ScopeAdmin) {
		return
	}
	was := *p.s.cache
	c.Window = p.lens.seconds // what the page has foretold is by these curves
	p.apply(c, &api.CacheChange{Capacity: &was.Capacity, Policy: &was.Policy})
}

// onUndo sets again what was set before the last change.
func (p *cachePage) onUndo(app.Context, app.Event) {
	if p.before != nil && !p.applying {
		p.apply(*p.before, nil)
	}
}

// apply sends a change; before is what undoes it, or nil.
func (p *cachePage) apply(c api.CacheChange, before *api.CacheChange) {
	p.applying, p.problem = true, ""
	set := new(api.Cache)
	p.s.call(api.MethodConfigure, c, set, func(err error) {
		p.applying = false
		if err != nil {
			p.problem = failure(err)
		} else {
			p.edited, p.before = false, before
			p.s.setCache(set)
			p.s.notify(changeCache|changeCurves, nil)
			p.s.askCurves()
			p.s.tell(tf("Applied: %s, %s", size(set.Capacity), policyTitle(set, set.Policy)))
		}
		p.Update()
	})
}

func (p *cachePage) onReset(app.Context, app.Event) {
	p.edited, p.problem = false, ""
	p.adopt()
	p.s.notify(changeCurves, nil)
}

func (p *cachePage) onClear(app.Context, app.Event) {
	p.s.ask(question{
		Title: t("Clear the cache?"), Action: t("Clear"),
		Text: t("Every copy in memory is dropped. The objects themselves stay; they are read from disk until they are in memory again."),
		do: func() {
			p.s.call(api.MethodClear, api.Empty{}, nil, func(err error) {
				if err != nil {
					p.s.complain(tf("Not cleared: %s", failure(err)))
					return
				}
				p.s.tell(t("The cache is empty."))
				p.s.loadCache(nil)
			})
		},
	})
}

func (p *cachePage) onKey(ctx app.Context, _ app.Event) { p.key, p.keyErr = fieldValue(ctx), "" }

func (p *cachePage) onInvalidate(_ app.Context, e app.Event) {
	e.PreventDefault()
	if err := api.CheckKey(p.key); err != nil {
		p.keyErr = failure(err)
		return
	}
	p.s.invalidate(p.key, func(err error) {
		if err == nil {
			p.key = ""
			setValue("invalidate-key", "")
			p.s.loadCache(nil)
		}
		p.Update()
	})
}

func policyTitle(c *api.Cache, name string) string {
	for _, p := range c.Policies {
		if p.Name == name {
			return p.Title
		}
	}
	return name
}
