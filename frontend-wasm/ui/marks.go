package ui

import (
	"sort"
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// sameMark is within how many milliseconds the server tells twice of one thing, live
// and as it was recorded.
const sameMark = 5000

// mark adds a mark that is not there yet.
func (w *window) mark(m api.Mark) {
	for _, x := range w.Marks {
		if x.Kind == m.Kind && x.Node == m.Node && x.Now == m.Now && x.Time-m.Time < sameMark && m.Time-x.Time < sameMark {
			return
		}
	}
	i := sort.Search(len(w.Marks), func(i int) bool { return w.Marks[i].Time > m.Time })
	w.Marks = append(w.Marks, api.Mark{})
	copy(w.Marks[i+1:], w.Marks[i:])
	w.Marks[i] = m
}

// markAt returns the mark nearest to the fraction x of the window's width, if one is
// within a hundredth of it.
func (w *window) markAt(x float64) (nearest api.Mark, ok bool) {
	if x < 0 {
		return nearest, false
	}
	at := w.start() + int64(x*float64(w.Seconds)*1000)
	best := int64(w.Seconds) * 10
	for _, m := range w.Marks {
		if d := max(m.Time-at, at-m.Time); d <= best {
			nearest, best, ok = m, d, true
		}
	}
	return nearest, ok
}

// drawMarks draws a line from top to bottom for each mark.
func drawMarks(w *window) string {
	var d []byte
	for _, m := range w.Marks {
		d = appendPoint(append(d, 'M'), point{chartX(w, m.Time), 0})
		d = append(d, "V120"...)
	}
	return string(d)
}

// markText says what happened.
func markText(m api.Mark) string {
	switch m.Kind {
	case api.MarkCapacity:
		return tf("capacity from %s to %s", markBytes(m.Was), markBytes(m.Now))
	case api.MarkPolicy:
		return tf("policy from %s to %s", m.Was, m.Now)
	case api.MarkStart:
		return tf("the cache %s started", m.Node)
	}
	return m.Kind
}

func markBytes(text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return text
	}
	return size(n)
}

// shownMarks is how many marks are listed: the newest.
const shownMarks = 10

// changes lists what the marks in the charts stand for.
func (p *statsPage) changes() app.UI {
	w := p.s.shown()
	items := []app.UI{}
	for i := len(w.Marks) - 1; i >= 0 && len(items) < shownMarks; i-- {
		m := w.Marks[i]
		items = append(items, app.Li().DataSet("kind", m.Kind).Body(app.Span().Class("muted").Text(exactTime(m.Time)), app.Span().Text(markText(m))))
	}
	if len(items) == 0 {
		items = append(items, app.Li().Class("muted").Text(t("Nothing was changed in this time.")))
	}
	return app.Section().Class("panel").Aria("labelledby", "marks-title").Body(
		app.Div().Class("panel-head").Body(app.H2().ID("marks-title").Text(t("Changes")), app.Span().Class("legend-item legend-mark").Text(t("marked in the charts"))),
		app.Ul().ID("marks").Class("changes").Body(items...))
}
