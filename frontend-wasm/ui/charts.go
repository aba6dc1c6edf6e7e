package ui

import (
	"strings"

	"memcache/shared/api"
)

// chartLine is one line of a chart.
type chartLine struct {
	Name   string
	Class  string // its colour, see the stylesheet
	Value  series
	Area   bool                      // the surface below it is filled
	Right  bool                      // measured on the right axis
	Format func(v float64) string    // a value for people
	Top    func(max float64) float64 // the upper end of its axis
}

// chartSpec is what a chart shows.
type chartSpec struct {
	ID    string
	Title string
	Unit  string // of the left axis
	Right string // of the right axis, "" without one
	Lines []chartLine
}

func oneRate(float64) float64 { return 1 }

func rateText(v float64) string  { return short(roundRate(v)) + "/s" }
func itemText(v float64) string  { return short(roundRate(v)) }
func bytesText(v float64) string { return size(int64(v)) }
func speedText(v float64) string { return size(int64(v)) + "/s" }
func timeText(v float64) string  { return millis(v * 1000) }

// roundRate leaves a rate three digits or one decimal.
func roundRate(v float64) float64 {
	if v >= 100 {
		return float64(int64(v + 0.5))
	}
	return float64(int64(v*10+0.5)) / 10
}

// chartSpecs are the charts of the statistics page, in their order.
func chartSpecs() []chartSpec {
	return []chartSpec{
		{ID: "chart-rate", Title: t("Hit rate"), Unit: t("% of requests"), Lines: []chartLine{
			{Name: t("Hit rate"), Class: "line-a", Value: hitRate, Area: true, Format: percent, Top: oneRate},
		}},
		{ID: "chart-requests", Title: t("Requests"), Unit: t("per second"), Lines: []chartLine{
			{Name: t("Requests"), Class: "line-b", Value: requestRate, Format: rateText, Top: niceTop},
			{Name: t("Hits"), Class: "line-a", Value: hitsRate, Area: true, Format: rateText, Top: niceTop},
			{Name: t("Misses"), Class: "line-c", Value: missesRate, Format: rateText, Top: niceTop},
		}},
		{ID: "chart-content", Title: t("In memory"), Unit: t("bytes"), Right: t("items"), Lines: []chartLine{
			{Name: t("Bytes"), Class: "line-a", Value: byteCount, Area: true, Format: bytesText, Top: niceBytes},
			{Name: t("Items"), Class: "line-b", Value: itemCount, Right: true, Format: itemText, Top: niceTop},
		}},
		{ID: "chart-bytes", Title: t("Bytes sent"), Unit: t("bytes per second"), Lines: []chartLine{
			{Name: t("From memory"), Class: "line-a", Value: memoryRate, Area: true, Format: speedText, Top: niceBytes},
			{Name: t("From disk"), Class: "line-c", Value: diskRate, Format: speedText, Top: niceBytes},
		}},
		{ID: "chart-hit-times", Title: t("Latency of hits"), Unit: t("until the bytes are there"), Lines: timeLines(hitTime)},
		{ID: "chart-miss-times", Title: t("Latency of misses"), Unit: t("until the bytes are there"), Lines: timeLines(missTime)},
		{ID: "chart-evictions", Title: t("Evictions"), Unit: t("per second"), Lines: []chartLine{
			{Name: t("Evictions"), Class: "line-c", Value: evictionRate, Area: true, Format: rateText, Top: niceTop},
		}},
	}
}

// timeLines are the usual percentiles of times.
func timeLines(of func(q float64) series) []chartLine {
	line := func(name, class string, q float64) chartLine {
		return chartLine{Name: name, Class: class, Value: of(q), Format: timeText, Top: niceTop}
	}
	return []chartLine{line("p50", "line-a", 0.50), line("p95", "line-b", 0.95), line("p99", "line-c", 0.99)}
}

// tops returns the upper ends of the left and the right axis for the window.
func (c *chartSpec) tops(w *window) (left, right float64) {
	for _, l := range c.Lines {
		top := l.Top(highest(w, l.Value))
		if l.Right {
			right = max(right, top)
		} else {
			left = max(left, top)
		}
	}
	return left, right
}

// axisText writes a value at an axis, where the unit stands apart.
func (c *chartSpec) axisText(right bool, v float64) string {
	for _, l := range c.Lines {
		if l.Right == right {
			return strings.Replace(strings.TrimSuffix(l.Format(v), "/s"), written(".0 "), " ", 1)
		}
	}
	return ""
}

// readout writes what the chart shows at one sample.
func (c *chartSpec) readout(s api.Sample) string {
	parts := []string{clock(s.Time)}
	for _, l := range c.Lines {
		text, missing := t("none"), true
		if v, ok := l.Value(s); ok {
			text, missing = l.Format(v), false
		}
		if len(c.Lines) > 1 {
			text = inSentence(l.Name) + " " + text
		} else if missing {
			text = t("no requests")
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " · ")
}

// describe puts the chart into words, for those who do not see it.
func (c *chartSpec) describe(w *window) string {
	var b strings.Builder
	b.WriteString(c.Title + ". ")
	for _, l := range c.Lines {
		least, most, last, any := 0.0, 0.0, 0.0, false
		for _, s := range w.Samples {
			v, ok := l.Value(s)
			if !ok {
				continue
			}
			if !any {
				least, most, any = v, v, true
			}
			least, most, last = min(least, v), max(most, v), v
		}
		if !any {
			b.WriteString(tf("%s: nothing yet.", l.Name) + " ")
			continue
		}
		b.WriteString(tf("%s: last %s, between %s and %s.", l.Name, l.Format(last), l.Format(least), l.Format(most)) + " ")
	}
	return strings.TrimSpace(b.String())
}
