package ui

import (
	"slices"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// nodesPanel shows the cache nodes, and how they share the load; an admin adds and
// removes them.
type nodesPanel struct {
	app.Compo

	s       *session
	address string // as typed
	problem string // what the server said of the last attempt
	busy    bool
	ticks   int
}

// nodesEvery is how many seconds old the nodes' rates may be.
const nodesEvery = 5

// OnMount begins.
func (p *nodesPanel) OnMount(app.Context) { p.s.watch(p) }

// OnDismount ends it.
func (p *nodesPanel) OnDismount() { p.s.unwatch(p) }

func (p *nodesPanel) sessionChanged(c change, _ *news) {
	if c&changeStats != 0 && p.s.live() && len(p.known().Nodes) > 1 {
		if p.ticks++; p.ticks%nodesEvery == 0 {
			p.s.loadCache(nil)
		}
	}
	if c&(changeCache|changeConn) != 0 {
		p.Update()
	}
}

func (p *nodesPanel) known() *api.Cache {
	if p.s.cache == nil {
		return &api.Cache{}
	}
	return p.s.cache
}

// ready tells whether something can be changed now.
func (p *nodesPanel) ready() bool { return p.s.live() && p.s.cache != nil && !p.busy }

// Render draws the panel.
func (p *nodesPanel) Render() app.UI {
	known, rows := p.known(), []app.UI{}
	for _, n := range known.Nodes {
		rows = append(rows, p.row(n, known))
	}
	if p.s.cache == nil {
		rows = append(rows, app.Li().Class("node").Body(app.Span().Class("bone bone-long")))
	}
	body := []app.UI{app.Ul().ID("nodes").Class("nodes").Body(rows...)}
	if text := balanceText(known.Nodes); text != "" {
		body = append([]app.UI{words("p", "balance", "muted", text)}, body...)
	}
	return panel("nodes-panel", t("Cache nodes"), p.pool(known), append(body, p.form())...)
}

// pool is how many processes run beside the server.
func (p *nodesPanel) pool(known *api.Cache) app.UI {
	if known.MaxPool == 0 || !p.s.may(api.ScopeAdmin) {
		return nil
	}
	var options []app.UI
	for n := 1; n <= known.MaxPool; n++ {
		options = append(options, app.Option().Attr("value", strconv.Itoa(n)).Text(strconv.Itoa(n)).Selected(n == known.Pool))
	}
	choice := app.Select().ID("pool").OnChange(p.onPool).Body(options...)
	if !p.ready() {
		choice = choice.Disabled(true)
	}
	return node("div", "", "pool", app.Label().For("pool").Text(t("Beside this server")), choice)
}

func (p *nodesPanel) onPool(ctx app.Context, _ app.Event) {
	count, err := strconv.Atoi(fieldValue(ctx))
	if err != nil || !p.ready() || count == p.known().Pool {
		return
	}
	p.do(api.MethodResizePool, api.PoolSize{Nodes: count}, func() string {
		return tn(int64(count), "%s cache process runs beside the server now.", "%s cache processes run beside the server now.")
	})
}

func (p *nodesPanel) row(n api.Node, known *api.Cache) app.UI {
	state, word := "on", t("Up")
	switch {
	case !n.Up:
		state, word = "warn", t("Down")
	case n.State == api.NodeJoining:
		state, word = "warn", t("Joining")
	case n.State == api.NodeLeaving:
		state, word = "warn", t("Leaving")
	case n.State == api.NodeShut:
		state, word = "warn", t("Shut")
	}
	about := []app.UI{words("p", "", "node-name", n.Name), words("p", "", "muted", nodeText(n))}
	if n.State == api.NodeShut {
		about = append(about, words("p", "", "muted", t("Nothing is read from it, because a write did not reach it. It is used again when it answers, and then forgets what it had.")))
	}
	if n.Up && !slices.Contains(n.Features, api.FeaturePolicy) {
		about = append(about, words("p", "", "muted", t("It is a memcached: it keeps its own replacement policy, and tells no curves.")))
	}
	if len(known.Nodes) > 1 {
		about = append(about, loadOf(n, known.Nodes))
	}
	return app.Li().Class("node").DataSet("up", n.Up).DataSet("node", n.Name).Body(
		app.Span().Class("light", "light-"+state).Body(app.Span().Class("light-dot"), app.Span().Text(word)),
		node("div", "", "node-text", about...), p.remove(n, known))
}

func (p *nodesPanel) remove(n api.Node, known *api.Cache) app.UI {
	if len(known.Nodes) < 2 || !p.s.may(api.ScopeAdmin) {
		return nil
	}
	b := app.Button().Class("button button-small remove-node").Type("button").Aria("label", tf("Remove %s", n.Name)).Text(t("Remove")).
		OnClick(func(app.Context, app.Event) { p.onRemove(n) }, n.Name)
	if !p.ready() || n.State == api.NodeLeaving {
		b = b.Disabled(true)
	}
	return b
}

func (p *nodesPanel) onRemove(n api.Node) {
	p.s.ask(question{
		Title: t("Remove this cache node?"), Action: t("Remove"),
		Text: tf("The keys of %s go to the other nodes, where they are read from disk once. The process itself goes on. Everything else stays cached.", n.Name),
		do: func() {
			p.do(api.MethodRemoveNode, api.NodeParams{Address: n.Name}, func() string { return tf("%s is no cache node any more.", n.Name) })
		},
	})
}

// loadOf is a node's share of the keys, the requests and the items.
func loadOf(n api.Node, all []api.Node) app.UI {
	rate, items := 0.0, int64(0)
	for _, x := range all {
		rate += x.Rate
		items += x.Items
	}
	parts := []string{tf("%s of the keys", percent(n.Share))}
	if rate > 0 {
		parts = append(parts, tf("%s of the requests (%s)", percent(n.Rate/rate), rateText(n.Rate)))
	}
	if items > 0 {
		parts = append(parts, tf("%s of what is cached (%s)", percent(float64(n.Items)/float64(items)), tn(n.Items, "%s item", "%s items")))
	}
	return words("p", "", "node-load", strings.Join(parts, " · "))
}

// uneven is from how many times its share of the requests on a node is told of, and
// quiet up to how many requests a second there is nothing to tell.
const uneven, quiet = 1.5, 10

// balanceText says whether the nodes share the requests as they share the keys; "" where
// there is nothing to say.
func balanceText(all []api.Node) string {
	rate, worst, times := 0.0, "", 0.0
	for _, n := range all {
		rate += n.Rate
	}
	if len(all) < 2 || rate < quiet {
		return ""
	}
	for _, n := range all {
		if n.Share == 0 {
			continue
		}
		if x := n.Rate / rate / n.Share; x > times {
			worst, times = n.Name, x
		}
	}
	if times < uneven {
		return t("The requests are spread over the nodes as the keys are.")
	}
	return tf("%s gets %s times its share of the requests: a few of its keys are asked for most. More nodes would not help those.", worst, strconv.FormatFloat(times, 'f', 1, 64))
}

// form adds a node.
func (p *nodesPanel) form() app.UI {
	if !p.s.may(api.ScopeAdmin) {
		return nil
	}
	input := app.Input().ID("node-address").Type("text").AutoComplete(false).Spellcheck(false).Attr("placeholder", "host:11211").
		Aria("describedby", "node-problem").OnInput(p.onAddress)
	if p.problem != "" {
		input = input.Aria("invalid", "true")
	}
	add := app.Button().ID("node-add").Class("button").Type("submit").Text(t("Add"))
	if !p.ready() || strings.TrimSpace(p.address) == "" {
		add = add.Disabled(true)
	}
	return app.Form().ID("node-form").Class("field").Attr("novalidate", "").OnSubmit(p.onAdd).Body(
		app.Label().For("node-address").Text(t("Address of another cache node, as host:port or unix:/path")),
		app.Div().Class("with-button").Body(input, add),
		app.P().ID("node-problem").Class("bad").Role("alert").Text(p.problem),
	)
}

func (p *nodesPanel) onAddress(ctx app.Context, _ app.Event) {
	p.address, p.problem = fieldValue(ctx), ""
}

func (p *nodesPanel) onAdd(_ app.Context, e app.Event) {
	e.PreventDefault()
	address := strings.TrimSpace(p.address)
	if address == "" || !p.ready() {
		return
	}
	p.do(api.MethodAddNode, api.NodeParams{Address: address}, func() string {
		p.address = ""
		setValue("node-address", "")
		return tf("%s is a cache node now.", address)
	})
}

// do changes the nodes; done says what is so then.
func (p *nodesPanel) do(method string, params any, done func() string) {
	p.busy, p.problem = true, ""
	p.Update()
	set := new(api.Cache)
	p.s.call(method, params, set, func(err error) {
		p.busy = false
		if err != nil {
			p.problem = failure(err)
			p.s.loadCache(nil) // what it is in truth
		} else {
			p.s.setCache(set)
			p.s.notify(changeCache, nil)
			p.s.tell(done())
		}
		p.Update()
	})
}

// nodeText says how a node is.
func nodeText(n api.Node) string {
	if !n.Up {
		if n.Error != "" {
			return tf("not answering: %s", n.Error)
		}
		return t("not answering")
	}
	parts := []string{size(n.Capacity)}
	if n.Policy != "" {
		parts = append(parts, n.Policy)
	}
	if n.Version != "" {
		parts = append(parts, tf("version %s", n.Version))
	}
	return strings.Join(parts, " · ")
}
