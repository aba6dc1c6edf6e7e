package ui

import (
	"net/url"
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// statsPage shows what the cache did in the last minutes, hours or days.
type statsPage struct {
	app.Compo

	s    *session
	ctx  app.Context // nil until mounted
	open bool        // the table of numbers
}

// span is a window that can be chosen.
type span struct {
	ID      string // in the address
	Seconds int
	Name    string
}

func spans() []span {
	return []span{
		{"10m", api.DefaultWindow, t("10 minutes")},
		{"1h", 3600, t("Hour")},
		{"1d", 24 * 3600, t("Day")},
		{"1w", 7 * 24 * 3600, t("Week")},
	}
}

// spanOf returns the window that the address names, the first if none.
func spanOf(id string) span {
	for _, x := range spans() {
		if x.ID == id {
			return x
		}
	}
	return spans()[0]
}

// renewEvery is after how many milliseconds a long window is read again, because
// what was added to it live is of single seconds.
const renewEvery = 60_000

// renewNode is the same where they are of one node, to which nothing is added live.
const renewNode = 5_000

// OnMount follows the statistics, which the session receives all the time.
func (p *statsPage) OnMount(ctx app.Context) {
	p.ctx = ctx
	ctx.Page().SetTitle(t("Statistics") + " – MemCache")
	p.s.watch(p)
	p.s.show(spanOf(pageQuery(ctx).Get("window")).Seconds, pageQuery(ctx).Get("node"))
	app.Window().Call("scrollTo", 0, 0)
}

// OnNav follows the address.
func (p *statsPage) OnNav(ctx app.Context) {
	x, node := spanOf(pageQuery(ctx).Get("window")), pageQuery(ctx).Get("node")
	if p.ctx != nil && (x.Seconds != p.s.shown().Seconds || node != p.s.shown().Node) {
		p.s.show(x.Seconds, node)
	}
}

// OnDismount ends it.
func (p *statsPage) OnDismount() {
	p.s.unwatch(p)
	p.s.long = window{}
}

func (p *statsPage) sessionChanged(c change, _ *news) {
	back := c&changeConn != 0 && p.s.live()
	every := int64(renewEvery)
	if p.s.long.Node != "" {
		every = renewNode
	}
	if p.s.long.Seconds > 0 && p.s.live() && (back || wallNow()-p.s.longAt > every) {
		p.s.show(p.s.long.Seconds, p.s.long.Node)
	}
	if c&(changeCache|changeStats|changeConn|changeWindow) != 0 {
		p.Update()
	}
}

// Render draws the page.
func (p *statsPage) Render() app.UI {
	class := "charts"
	if p.s.shown().Node != "" {
		class = "charts charts-node" // without what only the servers know
	}
	specs := chartSpecs()
	charts := make([]app.UI, 0, len(specs))
	for _, spec := range specs {
		charts = append(charts, &chart{s: p.s, spec: spec})
	}
	return app.Div().ID("page-stats").Class("page").Body(
		app.Div().Class("page-head").Body(app.H1().Text(t("Statistics")), p.spans(), p.nodes(), asOf(p.s, p.s.statsAt)),
		p.failed(),
		p.tiles(),
		app.P().Class("muted").Text(t("Requests are what the cache was asked for: objects, and the small pictures of the grid.")),
		app.Div().ID("charts").Class(class).Body(charts...),
		p.changes(),
		p.numbers(),
	)
}

// spans are the windows to choose from, each an address of its own.
func (p *statsPage) spans() app.UI {
	links := make([]app.UI, 0, len(spans()))
	for _, x := range spans() {
		a := app.A().ID("window-" + x.ID).Class("segment").Href(statsPath(x.ID, p.s.shown().Node)).Text(x.Name)
		if x.Seconds == p.s.shown().Seconds {
			a = a.Aria("current", "true")
		}
		links = append(links, a)
	}
	return app.Nav().ID("windows").Class("segments").Aria("label", t("Window")).Body(links...)
}

// statsPath is the address of a window, of one node or, where that is "", of all.
func statsPath(window, node string) string {
	q := url.Values{}
	if window != spans()[0].ID {
		q.Set("window", window)
	}
	if node != "" {
		q.Set("node", node)
	}
	if len(q) == 0 {
		return pathStats
	}
	return pathStats + "?" + q.Encode()
}

// nodes is the choice of all nodes or one, where there are several.
func (p *statsPage) nodes() app.UI {
	shown := p.s.shown()
	if p.s.cache == nil || len(p.s.cache.Nodes) < 2 && shown.Node == "" {
		return nil
	}
	options, known := [][2]string{{"", t("All nodes")}}, shown.Node == ""
	for _, n := range p.s.cache.Nodes {
		options = append(options, [2]string{n.Name, n.Name})
		known = known || n.Name == shown.Node
	}
	if !known { // it left
		options = append(options, [2]string{shown.Node, shown.Node})
	}
	return node("div", "", "stats-node", selection("stats-node", t("Cache node"), shown.Node, p.onNode, options...))
}

func (p *statsPage) onNode(ctx app.Context, _ app.Event) {
	window := spans()[0].ID
	for _, x := range spans() {
		if x.Seconds == p.s.shown().Seconds {
			window = x.ID
		}
	}
	ctx.Navigate(statsPath(window, fieldValue(ctx)))
}

func (p *statsPage) failed() app.UI {
	text := p.s.longErr
	if text == "" && p.s.long.Seconds > 0 && len(p.s.long.Samples) == 0 && p.offline() {
		text = t("Longer windows are read from the server: they are shown when it answers.")
	}
	return app.P().ID("stats-error").Class("bad").Role("alert").Text(text)
}

func (p *statsPage) offline() bool { return !p.s.live() && p.s.notice().Kind == "offline" }

func (p *statsPage) tiles() app.UI {
	w := p.s.shown()
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
	all, now := spanNote(w.Seconds), t("in memory now")
	tiles := []app.UI{
		tile("hit-rate", t("Hit rate"), rate(sum.HitRate), t("of requests")),
		tile("miss-rate", t("Miss rate"), rate(sum.MissRate), t("of requests")),
		tile("requests", t("Requests"), text(count(sum.Requests)), all),
		tile("hits", t("Hits"), text(count(sum.Hits)), all),
		tile("misses", t("Misses"), text(count(sum.Misses)), all),
		tile("evictions", t("Evictions"), text(count(sum.Evictions)), all),
		tile("items", t("Items"), text(count(last.Items)), now),
		tile("bytes", t("Memory in use"), text(size(last.Bytes)), inUse(last)),
	}
	if w.Node == "" { // else only the servers know
		tiles = append(tiles,
			tile("memory-bytes", t("From memory"), text(size(sum.MemoryBytes)), all),
			tile("disk-bytes", t("From disk"), text(size(sum.DiskBytes)), all),
			timeTile("hit-time", t("Latency of hits"), sum.HitTimes),
			timeTile("miss-time", t("Latency of misses"), sum.MissTimes))
	}
	return app.Dl().ID("tiles").Class("tiles").Body(tiles...)
}

// inUse says of how much memory the items' is.
func inUse(s api.Sample) string {
	if s.Capacity == 0 {
		return t("in memory now")
	}
	return tf("%s of %s", percent(float64(s.Bytes)/float64(s.Capacity)), size(s.Capacity))
}

// timeTile shows the median, and below it what few exceed.
func timeTile(id, name string, times api.Percentiles) app.UI {
	if times.Count == 0 {
		return tile(id, name, "–", t("no requests"))
	}
	return tile(id, name, timeText(times.P50), tf("p50 · p95 %s · p99 %s", timeText(times.P95), timeText(times.P99)))
}

// spanNote says of which time a number is.
func spanNote(seconds int) string {
	switch {
	case seconds <= api.DefaultWindow:
		return t("in 10 minutes")
	case seconds <= 3600:
		return t("in an hour")
	case seconds <= 24*3600:
		return t("in a day")
	}
	return t("in a week")
}

func tile(id, name, value, note string) app.UI {
	return app.Div().Class("tile").Body(
		app.Dt().Text(name),
		app.Dd().ID("tile-"+id).Class("tile-value").Text(value),
		app.Dd().Class("tile-note").Text(note),
	)
}

// tableRows is how many rows the table of numbers has at the most.
const tableRows = 20

// numbers is what the charts show as a table, and all of it as a file.
func (p *statsPage) numbers() app.UI {
	var table app.UI
	if p.open {
		table = p.table()
	}
	return app.Section().Class("panel").Aria("labelledby", "numbers-title").Body(
		app.Div().Class("panel-head").Body(
			app.H2().ID("numbers-title").Text(t("The numbers")),
			app.Div().Class("buttons").Body(
				app.Button().ID("numbers-open").Class("button").Type("button").Aria("expanded", strconv.FormatBool(p.open)).
					Aria("controls", "numbers").Text(t("Show as a table")).OnClick(func(app.Context, app.Event) { p.open = !p.open }),
				app.Button().ID("numbers-csv").Class("button").Type("button").Body(icon("download"), app.Text("CSV")).OnClick(p.onCSV),
			),
		),
		app.Div().ID("numbers").Class("numbers").Body(table),
	)
}

func (p *statsPage) table() app.UI {
	columns := statsColumns()
	head := make([]app.UI, 0, len(columns)+1)
	head = append(head, app.Th().Scope("col").Text(t("Until")))
	for _, c := range columns {
		head = append(head, app.Th().Scope("col").Text(c.Name))
	}
	rows := []app.UI{}
	for _, x := range p.s.shown().rows(tableRows) {
		cells := make([]app.UI, 0, len(columns)+1)
		cells = append(cells, app.Th().Scope("row").Text(axisTime(x.Time, p.s.shown().Seconds)))
		for _, c := range columns {
			cells = append(cells, app.Td().Text(c.text(x)))
		}
		rows = append(rows, app.Tr().Body(cells...))
	}
	return app.Div().Class("scroll-x").TabIndex(0).Role("region").Aria("labelledby", "numbers-title").Body(
		app.Table().Class("figures").Body(app.THead().Body(app.Tr().Body(head...)), app.TBody().Body(rows...)))
}

// statsColumn is a column of the table of numbers.
type statsColumn struct {
	Name   string
	Value  series
	Format func(v float64) string
}

func (c *statsColumn) text(s api.Sample) string {
	if v, ok := c.Value(s); ok {
		return c.Format(v)
	}
	return "–"
}

func statsColumns() []statsColumn {
	number := func(v float64) string { return count(int64(v)) }
	ofCache := func(n func(api.Sample) int64) series {
		return func(s api.Sample) (float64, bool) { return float64(n(s)), s.Seconds > 0 }
	}
	ofReads := func(n func(api.Sample) int64) series {
		return func(s api.Sample) (float64, bool) { return float64(n(s)), s.Reads.Seconds > 0 }
	}
	return []statsColumn{
		{t("Hit rate"), hitRate, percent},
		{t("Requests"), ofCache(func(s api.Sample) int64 { return s.Requests }), number},
		{t("Hits"), ofCache(func(s api.Sample) int64 { return s.Hits }), number},
		{t("Misses"), ofCache(func(s api.Sample) int64 { return s.Misses }), number},
		{t("Evictions"), ofCache(func(s api.Sample) int64 { return s.Evictions }), number},
		{t("Items"), itemCount, number},
		{t("Bytes"), byteCount, bytesText},
		{t("Capacity"), func(s api.Sample) (float64, bool) { return float64(s.Capacity), s.Capacity > 0 }, bytesText},
		{t("From memory"), ofReads(func(s api.Sample) int64 { return s.Reads.MemoryBytes }), bytesText},
		{t("From disk"), ofReads(func(s api.Sample) int64 { return s.Reads.DiskBytes }), bytesText},
		{tf("Hits %s", "p50"), hitTime(0.50), timeText},
		{tf("Hits %s", "p95"), hitTime(0.95), timeText},
		{tf("Hits %s", "p99"), hitTime(0.99), timeText},
		{tf("Misses %s", "p50"), missTime(0.50), timeText},
		{tf("Misses %s", "p95"), missTime(0.95), timeText},
		{tf("Misses %s", "p99"), missTime(0.99), timeText},
	}
}

func (p *statsPage) onCSV(app.Context, app.Event) {
	saveFile("memcache-statistics.csv", "text/csv", csv(p.s.shown().Samples))
}
