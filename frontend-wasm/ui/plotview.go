package ui

import (
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// plotView draws a plot in the page. go-app draws its frame once; the lines are set
// straight in the page, as those of [chart] are.
type plotView struct {
	app.Compo
	drawing

	s     *session
	id    string
	title string
	unit  string
	lines []plotLine      // all there can be
	on    change          // of the session, upon which it is drawn anew
	plot  func() plot     // what it shows now
	pick  func(x float64) // a place was clicked on; may be nil
	at    int             // which point the readout is of, or -1 for none
	shown plot            // what was drawn last
	xs    []float64       // of shown
}

// OnMount draws what is there.
func (v *plotView) OnMount(ctx app.Context) {
	v.at = -1
	v.begin(ctx, v.s, v, v.id+"-plot", v.draw, plotEvents{Point: v.pointAt, Press: v.choose, Key: v.onKey})
}

// OnDismount ends it.
func (v *plotView) OnDismount() { v.end(v.s, v) }

func (v *plotView) sessionChanged(c change, n *news) {
	if c&v.on != 0 && (n == nil || c != changeLab || n.labChanged) {
		v.draw()
	}
}

// pointAt moves the readout to the point that is nearest to the fraction x of the width.
func (v *plotView) pointAt(x float64) {
	if x < 0 {
		v.point(-1)
		return
	}
	v.point(v.shown.near(x, v.xs))
}

// onKey moves the readout by the arrow keys, and says what it shows.
func (v *plotView) onKey(e app.Value) {
	key := e.Get("key").String()
	by := map[string]int{"ArrowLeft": -1, "ArrowRight": 1, "PageUp": -10, "PageDown": 10, "Home": -1e6, "End": 1e6}[key]
	switch {
	case key == "Enter":
		v.choose()
	case by == 0 || len(v.xs) == 0:
		return
	case v.at < 0:
		v.point(len(v.xs) - 1)
	default:
		v.point(min(max(v.at+by, 0), len(v.xs)-1))
	}
	e.Call("preventDefault")
	if v.at >= 0 {
		v.s.say(v.shown.readout(v.xs[v.at]))
	}
}

func (v *plotView) choose() {
	if v.pick != nil && v.at >= 0 && v.at < len(v.xs) {
		x := v.xs[v.at]
		v.s.ctx.Dispatch(func(app.Context) { v.pick(x) })
	}
}

func (v *plotView) point(i int) {
	v.at = i
	v.drawReadout()
}

// draw sets the lines, the axes and the description.
func (v *plotView) draw() {
	v.shown = v.plot()
	v.xs = v.shown.xs()
	for _, l := range v.shown.Lines {
		line, dots := v.shown.paths(l, chartWidth, chartHeight)
		setAttr(v.id+"-"+l.ID, "d", line)
		setAttr(v.id+"-"+l.ID+"-dots", "d", dots)
	}
	for i, part := range []float64{0, 0.5, 1} {
		n := strconv.Itoa(i)
		setText(v.id+"-y"+n, v.shown.YText(v.shown.Top*part))
		x := ""
		if v.shown.Right > 0 {
			x = v.shown.XText(v.shown.value(part))
		}
		setText(v.id+"-x"+n, x)
	}
	setText(v.id+"-text", v.shown.describe())
	setAttr(v.id, "data-points", strconv.Itoa(len(v.xs)))
	v.drawReadout()
}

func (v *plotView) drawReadout() {
	cross, seen, text := "0", "hidden", "\u00a0"
	if v.at >= 0 && v.at < len(v.xs) {
		x := v.xs[v.at]
		cross, seen = strconv.FormatFloat(v.shown.x(x, chartWidth), 'f', 1, 64), "visible"
		text = v.shown.readout(x)
	}
	setText(v.id+"-readout", text)
	setAttr(v.id+"-cross", "x1", cross)
	setAttr(v.id+"-cross", "x2", cross)
	setAttr(v.id+"-cross", "visibility", seen)
}

// Render draws the frame. What draw fills in has no content here, so that go-app
// leaves it alone.
func (v *plotView) Render() app.UI {
	label := func(name string) app.UI { return node("span", v.id+"-"+name, "") }
	title := v.id + "-title"
	return node("section", v.id, "panel chart plot-view",
		node("div", "", "chart-head", words("h2", title, "", v.title), words("span", "", "unit", v.unit)),
		node("div", "", "chart-body",
			node("div", "", "axis", label("y2"), label("y1"), label("y0")).Aria("hidden", "true"),
			node("div", v.id+"-plot", "plot", app.Raw(v.svg())).Attr("tabindex", 0).Attr("role", "img").
				Aria("labelledby", title).Aria("describedby", v.id+"-text")),
		node("div", "", "axis-x", label("x0"), label("x1"), label("x2")).Aria("hidden", "true"),
		node("p", v.id+"-readout", "readout"),
		node("p", v.id+"-text", "unseen"),
	).Aria("labelledby", title)
}

func (v *plotView) svg() string {
	var b strings.Builder
	w, h := strconv.Itoa(chartWidth), strconv.Itoa(chartHeight)
	b.WriteString(`<svg viewBox="0 0 ` + w + ` ` + h + `" preserveAspectRatio="none" aria-hidden="true" focusable="false">`)
	b.WriteString(`<path class="grid" d="M0 0.5H` + w + `M0 ` + strconv.Itoa(chartHeight/2) + `H` + w + `M0 ` + strconv.Itoa(chartHeight-1) + `.5H` + w + `"/>`)
	for _, l := range v.lines {
		b.WriteString(`<path id="` + v.id + `-` + l.ID + `" class="line ` + l.Class + `" d=""/>`)
		b.WriteString(`<path id="` + v.id + `-` + l.ID + `-dots" class="line dots ` + l.Class + `" d=""/>`)
	}
	b.WriteString(`<line id="` + v.id + `-cross" class="cross" visibility="hidden" x1="0" x2="0" y1="0" y2="` + h + `"/></svg>`)
	return b.String()
}
