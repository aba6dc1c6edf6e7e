package ui

import (
	"slices"

	"memcache/cache/policy"
	"memcache/frontend-wasm/lab/wire"
)

// measure is what a result is judged by: the part that missed, from 0 to 1.
type measure func(r *wire.Result) float64

func objectMisses(r *wire.Result) float64 { return counted(r).ObjectMissRatio() }
func byteMisses(r *wire.Result) float64   { return counted(r).ByteMissRatio() }

// capacities are those of the experiment, in order.
func (l *lab) capacities() (all []int64) {
	for _, cell := range l.ran.cells {
		if len(all) == 0 || all[len(all)-1] != cell.Capacity {
			all = append(all, cell.Capacity)
		}
	}
	return all
}

// result is that of a policy with a capacity, or nil.
func (l *lab) result(policy string, capacity int64) *wire.Result {
	for i, cell := range l.ran.cells {
		if cell.Policy == policy && cell.Capacity == capacity && i < len(l.results) {
			return l.results[i]
		}
	}
	return nil
}

// looked is the capacity that is looked at.
func (l *lab) looked() int64 {
	all := l.capacities()
	if len(all) == 0 {
		return 0
	}
	return all[min(max(l.form.at, 0), len(all)-1)]
}

// best is the policy that misses least with a capacity, of those that are done.
func (l *lab) best(capacity int64, by measure) *wire.Result {
	var best *wire.Result
	for _, name := range l.ran.settings.Policies {
		if r := l.result(name, capacity); r != nil && (best == nil || by(r) < by(best)) {
			best = r
		}
	}
	return best
}

// over is how much less a result misses than the baseline does with its capacity.
func (l *lab) over(r *wire.Result, by measure) (points float64, ok bool) {
	base := l.result(l.form.baseline, r.Capacity)
	if base == nil || base.Policy == r.Policy {
		return 0, false
	}
	return by(base) - by(r), true
}

// baselines are the policies of the experiment, and the one to compare with is one
// of them.
func (l *lab) baselines() []string {
	names := l.ran.settings.Policies
	if len(names) > 0 && !slices.Contains(names, l.form.baseline) {
		l.form.baseline = names[0]
	}
	return names
}

// policyName is what people call a policy.
func policyName(name string) string {
	for _, p := range policy.Infos() {
		if p.Name == name {
			return p.Title
		}
	}
	return name
}

// The plots of the lab.
const (
	plotObjects = "lab-objects"
	plotBytes   = "lab-bytes"
	plotTime    = "lab-time"
)

// labPlot is what a plot of the lab shows now.
func (l *lab) plot(id string) plot {
	switch id {
	case plotObjects:
		return l.missRatios(t("Objects missed"), objectMisses)
	case plotBytes:
		return l.missRatios(t("Bytes missed"), byteMisses)
	}
	return l.overTime()
}

// missRatios are the curves of all policies over the capacity.
func (l *lab) missRatios(title string, by measure) plot {
	p := plot{Title: title, Log: true, XText: func(v float64) string { return size(int64(v)) }, YText: percent, Lines: l.lines()}
	for i := range p.Lines {
		for _, c := range l.capacities() {
			if r := l.result(p.Lines[i].ID, c); r != nil {
				p.Lines[i].Points = append(p.Lines[i].Points, point{float64(c), by(r)})
				p.Top = max(p.Top, by(r))
			}
		}
	}
	if all := l.capacities(); len(all) > 0 {
		p.Left, p.Right = float64(all[0]), float64(all[len(all)-1])
	}
	p.Top = min(niceTop(p.Top), 1)
	return p
}

// overTime are the hit rates of the capacity that is looked at, over the trace.
func (l *lab) overTime() plot {
	p := plot{Title: t("Hit rate over the trace"), YText: percent, Top: 1, Lines: l.lines(), Steps: true}
	ends := l.ran.trace.Ends
	timed := l.ran.trace.Millis > 0
	p.XText = func(v float64) string { return short(v) }
	if timed {
		p.XText = spanText
	}
	at := func(i int) float64 {
		if timed {
			return float64(ends[i].Millis) / 1000
		}
		return float64(ends[i].Request)
	}
	for i := range p.Lines {
		r := l.result(p.Lines[i].ID, l.looked())
		if r == nil {
			continue
		}
		for k, span := range r.Spans {
			if span.Requests > 0 && k < len(ends) {
				p.Lines[i].Points = append(p.Lines[i].Points, point{at(k), float64(span.Hits) / float64(span.Requests)})
			}
		}
	}
	if len(ends) > 0 {
		p.Right = at(len(ends) - 1)
	}
	return p
}

// lines are those of all policies there are, which keep their colours; those that
// are not in the experiment have no points.
func (l *lab) lines() []plotLine {
	infos := policy.Infos()
	lines := make([]plotLine, len(infos))
	for i, p := range infos {
		lines[i] = plotLine{ID: p.Name, Name: p.Title, Class: policyClass(p.Name)}
	}
	return lines
}

// policyClass is the colour of a policy, see the style sheet.
func policyClass(name string) string { return "policy-" + name }

// spanText writes a time since the beginning of a trace, in seconds.
func spanText(s float64) string {
	switch {
	case s < 120:
		return tf("%s s", short(s))
	case s < 2*3600:
		return tf("%s min", short(roundRate(s/60)))
	case s < 48*3600:
		return tf("%s h", short(roundRate(s/3600)))
	}
	return tf("%s days", short(roundRate(s/86400)))
}
