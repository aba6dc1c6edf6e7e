package ui

import (
	"fmt"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// chart draws a window of statistics. go-app draws its frame once; the lines
// are set straight in the page, because to compare them point by point each
// second would cost twenty times as much.
type chart struct {
	app.Compo
	drawing

	s    *session
	spec chartSpec

	at float64 // where the readout is, as a fraction of the width; < 0 for none
}

// OnMount draws what is there.
func (c *chart) OnMount(ctx app.Context) {
	c.at = -1
	c.begin(ctx, c.s, c, c.spec.ID+"-plot", c.draw, plotEvents{Point: c.point, Key: c.onKey})
}

// OnDismount ends it.
func (c *chart) OnDismount() { c.end(c.s, c) }

func (c *chart) sessionChanged(ch change, _ *news) {
	if ch&(changeStats|changeWindow) != 0 && !app.Window().Get("document").Get("hidden").Truthy() {
		c.draw()
	}
}

// onKey moves the readout by the arrow keys, and says what it shows.
func (c *chart) onKey(e app.Value) {
	by := map[string]int{"ArrowLeft": -1, "ArrowRight": 1, "PageUp": -10, "PageDown": 10, "Home": -1e6, "End": 1e6}[e.Get("key").String()]
	if by == 0 {
		return
	}
	e.Call("preventDefault")
	if c.at < 0 {
		c.at = 1
	}
	w := c.s.shown()
	c.point(w.step(c.at, by))
	text := t("No sample here")
	if i := w.at(c.at); i >= 0 {
		text = c.spec.readout(w.Samples[i])
	}
	if m, ok := w.markAt(c.at); ok {
		text += " · " + markText(m)
	}
	c.s.say(text)
}

// point moves the readout to the fraction x of the width.
func (c *chart) point(x float64) {
	c.at = x
	c.drawReadout()
}

// draw sets the lines, the axes and the description.
func (c *chart) draw() {
	w := c.s.shown()
	left, right := c.spec.tops(w)
	for i, l := range c.spec.Lines {
		top := left
		if l.Right {
			top = right
		}
		p := drawPaths(w, l.Value, top)
		setAttr(c.lineID(i), "d", p.Line)
		setAttr(c.lineID(i)+"-dots", "d", p.Dots)
		if l.Area {
			setAttr(c.lineID(i)+"-area", "d", p.Area)
		}
	}
	for i, part := range []float64{0, 0.5, 1} {
		setText(fmt.Sprintf("%s-y%d", c.spec.ID, i), c.spec.axisText(false, left*part))
		if c.spec.Right != "" {
			setText(fmt.Sprintf("%s-r%d", c.spec.ID, i), c.spec.axisText(true, right*part))
		}
	}
	for i, at := range []int64{w.start(), (w.start() + w.Now) / 2, w.Now} {
		setText(fmt.Sprintf("%s-x%d", c.spec.ID, i), axisTime(at, w.Seconds))
	}
	setAttr(c.spec.ID+"-marks", "d", drawMarks(w))
	setText(c.spec.ID+"-text", c.spec.describe(w))
	setAttr(c.spec.ID, "data-points", fmt.Sprint(len(w.Samples)))
	c.drawReadout()
}

// drawReadout shows the sample that is pointed at, else the newest.
func (c *chart) drawReadout() {
	w := c.s.shown()
	i, cross, seen := len(w.Samples)-1, "0", "hidden"
	if c.at >= 0 {
		if i = w.at(c.at); i >= 0 {
			cross, seen = fmt.Sprintf("%.1f", chartX(w, w.Samples[i].Time)), "visible"
		}
	}
	text := t("no sample yet")
	if c.at >= 0 {
		text = t("no sample here")
	}
	if i >= 0 {
		text = c.spec.readout(w.Samples[i])
	}
	if m, ok := w.markAt(c.at); ok {
		text += " · " + markText(m)
	}
	setText(c.spec.ID+"-readout", text)
	setAttr(c.spec.ID+"-cross", "x1", cross)
	setAttr(c.spec.ID+"-cross", "x2", cross)
	setAttr(c.spec.ID+"-cross", "visibility", seen)
}

func (c *chart) lineID(i int) string { return fmt.Sprintf("%s-line%d", c.spec.ID, i) }

// Render draws the frame. What draw fills in has no content here, so that
// go-app leaves it alone.
func (c *chart) Render() app.UI {
	id := c.spec.ID
	return app.Section().ID(id).Class("panel", "chart").Aria("labelledby", id+"-title").Body(
		app.Div().Class("chart-head").Body(
			app.H2().ID(id+"-title").Text(c.spec.Title),
			app.P().ID(id+"-readout").Class("readout"),
		),
		c.legend(),
		app.Div().Class("chart-body").Body(
			c.axis("y", "axis"),
			app.Div().ID(id+"-plot").Class("plot").TabIndex(0).Role("img").Aria("labelledby", id+"-title").
				Aria("describedby", id+"-text").Body(app.Raw(c.svg())),
			c.rightAxis(),
		),
		app.Div().Class("axis-x").Aria("hidden", "true").Body(
			app.Span().ID(id+"-x0"), app.Span().ID(id+"-x1"), app.Span().ID(id+"-x2")),
		app.P().ID(id+"-text").Class("unseen"),
	)
}

func (c *chart) legend() app.UI {
	items := []app.UI{app.Span().Class("unit").Text(c.spec.Unit)}
	if len(c.spec.Lines) > 1 {
		for _, l := range c.spec.Lines {
			items = append(items, app.Span().Class("legend-item", l.Class).Text(l.Name))
		}
	}
	if c.spec.Right != "" {
		items = append(items, app.Span().Class("unit unit-right").Text(c.spec.Right))
	}
	return app.Div().Class("legend").Body(items...)
}

func (c *chart) rightAxis() app.UI {
	if c.spec.Right == "" {
		return nil
	}
	return c.axis("r", "axis axis-right")
}

func (c *chart) axis(letter, class string) app.UI {
	label := func(i int) app.UI { return app.Span().ID(fmt.Sprintf("%s-%s%d", c.spec.ID, letter, i)) }
	return app.Div().Class(class).Aria("hidden", "true").Body(label(2), label(1), label(0))
}

// svg is the drawing: grid, surfaces, lines and the mark of the readout.
func (c *chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true" focusable="false">`, chartWidth, chartHeight)
	fmt.Fprintf(&b, `<path class="grid" d="M0 0.5H%[1]dM0 %[2]dH%[1]dM0 %[3]d.5H%[1]d"/>`, chartWidth, chartHeight/2, chartHeight-1)
	for i, l := range c.spec.Lines {
		if l.Area {
			fmt.Fprintf(&b, `<path id="%s-area" class="area %s" d=""/>`, c.lineID(i), l.Class)
		}
	}
	for i, l := range c.spec.Lines {
		fmt.Fprintf(&b, `<path id="%[1]s" class="line %[2]s" d=""/><path id="%[1]s-dots" class="line dots %[2]s" d=""/>`, c.lineID(i), l.Class)
	}
	fmt.Fprintf(&b, `<path id="%s-marks" class="marks" d=""/>`, c.spec.ID)
	fmt.Fprintf(&b, `<line id="%s-cross" class="cross" visibility="hidden" x1="0" x2="0" y1="0" y2="%d"/></svg>`, c.spec.ID, chartHeight)
	return b.String()
}
