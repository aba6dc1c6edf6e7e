package ui

import (
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/lab/wire"
)

// outcome is what came out so far.
func (p *labPage) outcome() app.UI {
	l := &p.s.lab
	if len(l.results) == 0 {
		return node("div", "lab-outcome", "")
	}
	view := func(id, title, unit string, pick func(float64)) app.UI {
		return &plotView{s: p.s, id: id, title: title, unit: unit, lines: l.lines(), on: changeLab, plot: func() plot { return p.s.lab.plot(id) }, pick: pick}
	}
	return node("div", "lab-outcome", "lab-outcome",
		p.findings(),
		p.legend(),
		node("div", "", "charts",
			view(plotObjects, t("Objects missed"), t("% of requests, by capacity"), p.pickCapacity),
			view(plotBytes, t("Bytes missed"), t("% of bytes, by capacity"), p.pickCapacity),
		),
		view(plotTime, t("Hit rate over the trace"), t("% of requests, with the capacity chosen above"), nil),
		p.table(),
		p.again(),
	)
}

// findings are what is best with the capacity that is looked at.
func (p *labPage) findings() app.UI {
	l := &p.s.lab
	look := [][2]string{}
	for i, c := range l.capacities() {
		look = append(look, [2]string{strconv.Itoa(i), size(c) + " (" + percent(float64(c)/float64(max(l.ran.trace.Bytes, 1))) + ")"})
	}
	base := [][2]string{}
	for _, name := range l.baselines() {
		base = append(base, [2]string{name, policyName(name)})
	}
	objects, bytes := l.best(l.looked(), objectMisses), l.best(l.looked(), byteMisses)
	return panel("lab-findings", t("Results"), words("p", "", "muted", l.ran.named+": "+traceText(&l.ran.trace)).Attr("dir", "auto"),
		node("div", "", "lab-fields",
			selection("lab-look", t("With the capacity"), strconv.Itoa(l.form.at), p.onLook, look...),
			selection("lab-baseline", t("Compared with"), l.form.baseline, p.onBaseline, base...)),
		node("dl", "", "tiles lab-tiles",
			p.finding("lab-best-hits", t("Most hits"), objects, objectMisses, t("%s of requests from memory")),
			p.finding("lab-best-bytes", t("Least bytes from disk"), bytes, byteMisses, t("%s of bytes from memory"))),
		p.repeated(),
	)
}

// finding is the best policy by a measure, with how much it is better.
func (p *labPage) finding(id, name string, r *wire.Result, by measure, format string) app.UI {
	value, note := "–", "\u00a0"
	if r != nil {
		value = policyName(r.Policy)
		note = strings.Replace(format, "%s", percent(1-by(r)), 1)
		if points, ok := p.s.lab.over(r, by); ok {
			note += ", " + tf("%s points over %s", signed(points), policyName(p.s.lab.form.baseline))
		}
	}
	return node("div", "", "tile", words("dt", "", "", name), words("dd", id, "tile-value", value), words("dd", "", "tile-note", note))
}

// repeated tells whether an experiment from a file came out as it did before.
func (p *labPage) repeated() app.UI {
	equal, all := p.s.lab.same()
	if all == 0 {
		return nil
	}
	class, text := "bad", tf("%s of %s lines of the table are those of the file.", count(int64(equal)), count(int64(all)))
	if equal == all {
		class, text = "good", tf("Repeated: all %s lines of the table are those of the file, to the last digit.", count(int64(all)))
	}
	return words("p", "lab-repeated", class, text).Attr("role", "status")
}

// legend names the lines of all plots.
func (p *labPage) legend() app.UI {
	items := []app.UI{}
	for _, name := range p.s.lab.ran.settings.Policies {
		items = append(items, node("span", "", "check", policyMark(name), app.Text(policyName(name))))
	}
	return node("div", "lab-legend", "checks lab-legend", items...)
}

// table has a line for each capacity and a column for each policy.
func (p *labPage) table() app.UI {
	l := &p.s.lab
	by := measure(objectMisses)
	if l.form.bytes {
		by = byteMisses
	}
	head := []string{t("Capacity")}
	for _, name := range l.ran.settings.Policies {
		head = append(head, policyName(name))
	}
	rows := []app.UI{}
	for _, c := range l.capacities() {
		rows = append(rows, p.row(c, by))
	}
	return panel("lab-ratios", t("Miss ratios"), node("div", "", "segments",
		segment("lab-of-objects", t("Objects"), !l.form.bytes, true, func() { p.onMeasure(false) }),
		segment("lab-of-bytes", t("Bytes"), l.form.bytes, true, func() { p.onMeasure(true) }),
	).Attr("role", "group").Aria("labelledby", "lab-ratios-title"),
		words("p", "", "muted", tf("In brackets, how many points less is missed than with %s; the best of a line is bold.", policyName(l.form.baseline))),
		node("div", "lab-done", "", table("lab-table", "figures", t("Miss ratios"), head, rows...)).DataSet("done", l.finished()),
	)
}

func (p *labPage) row(capacity int64, by measure) app.UI {
	l := &p.s.lab
	best := l.best(capacity, by)
	cells := []app.UI{words("th", "", "", size(capacity)).Attr("scope", "row")}
	for _, name := range l.ran.settings.Policies {
		r := l.result(name, capacity)
		if r == nil {
			cells = append(cells, words("td", "", "", "…"))
			continue
		}
		tag, more := "span", ""
		if by(r) == by(best) {
			tag = "strong"
		}
		if points, ok := l.over(r, by); ok {
			more = " (" + signed(points) + ")"
		}
		cells = append(cells, node("td", "", "", words(tag, "", "", percent(by(r))), words("span", "", "muted", more)).
			DataSet("cell", name+"/"+strconv.FormatInt(capacity, 10)))
	}
	class := ""
	if capacity == l.looked() {
		class = "looked"
	}
	return node("tr", "", class, cells...)
}

// signed writes a difference of ratios in points: "+3.1".
func signed(points float64) string {
	text := strconv.FormatFloat(points*100, 'f', 1, 64)
	switch {
	case text == "-0.0" || text == "0.0":
		return "±" + written("0.0")
	case points > 0:
		return "+" + written(text)
	}
	return "−" + written(text[1:])
}

// again is how the experiment is kept, and repeated elsewhere.
func (p *labPage) again() app.UI {
	l := &p.s.lab
	save := func(id, image, text string, do app.EventHandler) app.UI {
		return push(id, "button", image, text, true, do)
	}
	drawing := func(id string) app.EventHandler { return func(app.Context, app.Event) { p.onSVG(id) } }
	var link app.UI
	how := t("The trace is not in the saved experiment, but its SHA-256 is: who has the trace can open both, and gets the same numbers.")
	if l.ran.settings.Trace != "" {
		link = save("lab-copy-link", "copy", t("Copy the link"), p.onCopyLink)
		how = t("The address of this page names the experiment: whoever opens it and runs it gets the same numbers.")
	}
	return panel("lab-again", t("Keep and repeat"), nil,
		node("div", "", "buttons",
			save("lab-csv", "download", t("Table (CSV)"), p.onCSV),
			save("lab-svg-objects", "download", t("Objects (SVG)"), drawing(plotObjects)),
			save("lab-svg-bytes", "download", t("Bytes (SVG)"), drawing(plotBytes)),
			save("lab-svg-time", "download", t("Time (SVG)"), drawing(plotTime)),
			save("lab-save", "download", t("Experiment"), p.onSave),
			link),
		words("p", "", "muted", how),
		words("p", "", "", t("This command of the server prints the same table, to the last digit:")),
		node("div", "", "lab-command", words("code", "lab-command", "", l.ran.command()).Attr("dir", "ltr"),
			save("lab-copy-command", "copy", t("Copy"), p.onCopyCommand)),
	)
}

// policyInks are the colours of the policies in files, those of the style sheet for
// light pages.
func policyInks() map[string]ink {
	return map[string]ink{
		policyClass("wtinylfu"): {"#3056d3", ""}, policyClass("lfuda"): {"#c2570c", ""}, policyClass("s3fifo"): {"#14713d", ""},
		policyClass("sieve"): {"#8b2fb8", ""}, policyClass("gdsf"): {"#0b7a86", "7 4"}, policyClass("lru"): {"#b3261e", "7 4"},
		policyClass("fifo"): {"#7a6a00", "2 4"}, policyClass("random"): {"#697287", "2 4"},
	}
}
