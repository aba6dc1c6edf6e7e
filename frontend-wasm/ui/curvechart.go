package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/insight"
)

// curveChart draws hit rates by capacity: one line a policy, with a band where they
// are estimates, and marks. As in [chart], go-app draws the frame once, for so many
// lines and marks, and the shapes are set straight in the page.
type curveChart struct {
	app.Compo
	drawing

	s    *session
	spec curveSpec

	figure curveFigure
	at     float64 // where the readout is, as a fraction of the width; < 0 for none
}

// curveSpec is what a curve chart is made for.
type curveSpec struct {
	ID     string
	Label  string             // the id of its heading
	Lines  int                // that it has room for
	Marks  int                // likewise
	Figure func() curveFigure // asked for with every changeCurves
}

// OnMount draws what is there.
func (c *curveChart) OnMount(ctx app.Context) {
	c.at = -1
	c.begin(ctx, c.s, c, c.spec.ID+"-plot", c.draw, plotEvents{Point: c.point, Key: c.onKey})
}

// OnDismount ends it.
func (c *curveChart) OnDismount() { c.end(c.s, c) }

func (c *curveChart) sessionChanged(ch change, _ *news) {
	if ch&(changeCurves|changeCache) != 0 {
		c.draw()
	}
}

// onKey moves the readout by the arrow keys, and says what it shows.
func (c *curveChart) onKey(e app.Value) {
	const steps = 40
	by := map[string]float64{"ArrowLeft": -1, "ArrowRight": 1, "PageUp": -8, "PageDown": 8, "Home": -steps, "End": steps}[e.Get("key").String()]
	s, ok := c.figure.scale()
	if by == 0 || !ok {
		return
	}
	e.Call("preventDefault")
	if c.at < 0 {
		c.at = s.x(c.figure.At)
	}
	c.point(min(max((math.Round(c.at*steps)+by)/steps, 0), 1))
	c.s.say(c.figure.readout(s.capacity(c.at)))
}

// point moves the readout to the fraction x of the width.
func (c *curveChart) point(x float64) {
	c.at = x
	c.drawReadout()
}

// draw sets the shapes, the axes and the description.
func (c *curveChart) draw() {
	c.figure = c.spec.Figure()
	s, ok := c.figure.scale()
	if !ok {
		return
	}
	for i := range c.spec.Lines {
		var l curveLine
		if i < len(c.figure.Lines) {
			l = c.figure.Lines[i]
		}
		setAttr(c.part("line", i), "d", s.path(l.Points))
		setAttr(c.part("line", i), "class", "line "+l.Class)
		setAttr(c.part("band", i), "d", s.band(l.Points))
		setAttr(c.part("band", i), "class", "band "+l.Class)
	}
	for i := range c.spec.Marks {
		shape, hole, class := "", "", ""
		if i < len(c.figure.Marks) {
			m := c.figure.Marks[i]
			shape, class = s.dot(m.Point), m.Class
			if m.Open {
				hole = shape
			}
		}
		setAttr(c.part("mark", i), "d", shape)
		setAttr(c.part("mark", i), "class", "line mark "+class)
		setAttr(c.part("hole", i), "d", hole)
	}
	setAttr(c.spec.ID+"-upright", "d", s.upright(c.figure.At))
	c.drawAxes(s)
	setText(c.spec.ID+"-text", c.figure.describe())
	setAttr(c.spec.ID, "data-lines", fmt.Sprint(len(c.figure.Lines)))
	c.drawReadout()
}

// xLabels is how many labels the axis of capacities has.
const xLabels = 6

func (c *curveChart) drawAxes(s curveScale) {
	for i := range 3 {
		setText(c.part("y", i), written(strconv.FormatFloat(50*float64(i)*(s.High-s.Low)+100*s.Low, 'g', 3, 64))+" %")
	}
	for i := range xLabels {
		setText(c.part("x", i), shortSize(s.capacity(float64(i)/(xLabels-1))))
	}
}

// drawReadout shows what is at the place that is pointed at, else where the
// upright line is.
func (c *curveChart) drawReadout() {
	s, ok := c.figure.scale()
	cross, text := "", "\u00a0"
	if ok {
		at := c.figure.At
		if c.at >= 0 {
			at = s.capacity(c.at)
			cross = s.upright(at)
		}
		if at > 0 {
			text = c.figure.readout(at)
		}
	}
	setAttr(c.spec.ID+"-cross", "d", cross)
	setText(c.spec.ID+"-readout", text)
}

// readout writes what the curves have at a capacity.
func (f *curveFigure) readout(capacity int64) string {
	parts := []string{shortSize(capacity)}
	for _, l := range f.Lines {
		text := t("not known")
		if e, ok := insight.Between(l.Points, capacity); ok {
			text = percent(e.Rate) + bandText(e.Band)
		}
		parts = append(parts, l.Name+" "+text)
	}
	return strings.Join(parts, " · ")
}

// describe puts the figure into words, for those who do not see it.
func (f *curveFigure) describe() string {
	var b strings.Builder
	for _, l := range f.Lines {
		if n := len(l.Points); n > 0 {
			a, z := l.Points[0], l.Points[n-1]
			b.WriteString(tf("%s: from %s with %s to %s with %s.", l.Name, percent(a.Rate), shortSize(a.Capacity), percent(z.Rate), shortSize(z.Capacity)) + " ")
		}
	}
	for _, m := range f.Marks {
		b.WriteString(tf("%s: %s with %s.", m.Name, percent(m.Point.Rate), shortSize(m.Point.Capacity)) + " ")
	}
	return strings.TrimSpace(b.String())
}

// Render draws the frame.
func (c *curveChart) Render() app.UI {
	labels := make([]app.UI, 0, xLabels)
	for i := range xLabels {
		labels = append(labels, app.Span().ID(c.part("x", i)))
	}
	y := func(i int) app.UI { return app.Span().ID(c.part("y", i)) }
	return app.Div().ID(c.spec.ID).Class("curves").Body(
		app.P().ID(c.spec.ID+"-readout").Class("readout"),
		app.Div().Class("chart-body").Body(
			app.Div().Class("axis").Aria("hidden", "true").Body(y(2), y(1), y(0)),
			app.Div().ID(c.spec.ID+"-plot").Class("plot").TabIndex(0).Role("img").Aria("labelledby", c.spec.Label).
				Aria("describedby", c.spec.ID+"-text").Body(app.Raw(c.svg())),
		),
		app.Div().Class("axis-x axis-even").Aria("hidden", "true").Body(labels...),
		app.P().ID(c.spec.ID+"-text").Class("unseen"),
	)
}

func (c *curveChart) part(name string, i int) string {
	return fmt.Sprintf("%s-%s%d", c.spec.ID, name, i)
}

// svg is the drawing: grid, bands, lines, marks and the two upright lines.
func (c *curveChart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true" focusable="false">`, curveWidth, curveHeight)
	fmt.Fprintf(&b, `<path class="grid" d="M0 0.5H%[1]dM0 %[2]dH%[1]dM0 %[3]d.5H%[1]d"/><path id="%[4]s-upright" class="upright" d=""/>`,
		curveWidth, curveHeight/2, curveHeight-1, c.spec.ID)
	for i := range c.spec.Lines {
		fmt.Fprintf(&b, `<path id="%s" class="band" d=""/>`, c.part("band", i))
	}
	for i := c.spec.Lines - 1; i >= 0; i-- { // the first line on top
		fmt.Fprintf(&b, `<path id="%s" class="line" d=""/>`, c.part("line", i))
	}
	fmt.Fprintf(&b, `<path id="%s-cross" class="cross" d=""/>`, c.spec.ID)
	for i := range c.spec.Marks {
		fmt.Fprintf(&b, `<path id="%s" class="line mark" d=""/><path id="%s" class="line hole" d=""/>`, c.part("mark", i), c.part("hole", i))
	}
	b.WriteString("</svg>")
	return b.String()
}
