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

	capacity string // as typed, in MB
	policy   string // as chosen
	edited   bool   // capacity or policy differ from what is set
	applying bool
	problem  string // what the server said of the last attempt
	key      string // to invalidate
	keyErr   string
}

// OnMount shows what is known.
func (p *cachePage) OnMount(ctx app.Context) {
	p.ctx = ctx
	ctx.Page().SetTitle("Cache – MemCache")
	p.s.watch(p)
	p.adopt()
	if p.s.live() {
		p.s.loadCache(nil)
	}
	app.Window().Call("scrollTo", 0, 0)
}

// OnDismount ends it.
func (p *cachePage) OnDismount() { p.s.unwatch(p) }

func (p *cachePage) sessionChanged(c change, _ *news) {
	if c&changeCache != 0 {
		p.adopt()
	}
	if c&(changeCache|changeConn|changeStats) != 0 {
		p.Update()
	}
}

// adopt takes the settings into the form, unless someone is changing it.
func (p *cachePage) adopt() {
	if p.s.cache == nil || p.edited {
		return
	}
	p.capacity = strconv.FormatInt(p.s.cache.Capacity/api.MB, 10)
	p.policy = p.s.cache.Policy
	text := p.capacity
	p.ctx.Defer(func(app.Context) {
		if !p.edited {
			setValue("capacity", text)
		}
	})
}

// change is what Apply would send; ok is false when there is nothing to send
// or it is not possible, and then problem may say why.
func (p *cachePage) change() (c api.CacheChange, problem string, ok bool) {
	set := p.s.cache
	if set == nil {
		return c, "", false
	}
	capacity, err := parseCapacity(p.capacity, set)
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
	p.noteEdited()
}

func (p *cachePage) onPolicy(name string) {
	p.policy, p.problem = name, ""
	p.noteEdited()
}

func (p *cachePage) noteEdited() {
	_, problem, ok := p.change()
	p.edited = ok || problem != ""
}

func (p *cachePage) onApply(_ app.Context, e app.Event) {
	e.PreventDefault()
	c, _, ok := p.change()
	if !ok || p.applying {
		return
	}
	p.applying, p.problem = true, ""
	set := new(api.Cache)
	p.s.call(api.MethodConfigure, c, set, func(err error) {
		p.applying = false
		if err != nil {
			p.problem = api.AsError(err).Message
		} else {
			p.edited = false
			p.s.setCache(set)
			p.s.notify(changeCache, nil)
			p.s.tell("Applied: " + api.FormatBytes(set.Capacity) + ", " + policyTitle(set, set.Policy))
		}
		p.Update()
	})
}

func (p *cachePage) onReset(app.Context, app.Event) {
	p.edited, p.problem = false, ""
	p.adopt()
}

func (p *cachePage) onClear(app.Context, app.Event) {
	p.s.ask(question{
		Title: "Clear the cache?", Action: "Clear",
		Text: "Every copy in memory is dropped. The objects themselves stay; they are read from disk until they are in memory again.",
		do: func() {
			p.s.call(api.MethodClear, api.Empty{}, nil, func(err error) {
				if err != nil {
					p.s.complain("Not cleared: " + api.AsError(err).Message)
					return
				}
				p.s.tell("The cache is empty.")
				p.s.loadCache(nil)
			})
		},
	})
}

func (p *cachePage) onKey(ctx app.Context, _ app.Event) { p.key, p.keyErr = fieldValue(ctx), "" }

func (p *cachePage) onInvalidate(_ app.Context, e app.Event) {
	e.PreventDefault()
	if err := api.CheckKey(p.key); err != nil {
		p.keyErr = err.Error()
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

// nodeText says how a node is.
func nodeText(n api.Node) string {
	if !n.Up {
		if n.Error != "" {
			return "not answering: " + n.Error
		}
		return "not answering"
	}
	parts := []string{api.FormatBytes(n.Capacity)}
	if n.Policy != "" {
		parts = append(parts, n.Policy)
	}
	if n.Version != "" {
		parts = append(parts, "version "+n.Version)
	}
	return strings.Join(parts, " · ")
}
