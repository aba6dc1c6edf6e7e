package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/cache/policy"
	"memcache/frontend-wasm/lab/wire"
)

// Render draws the page.
func (p *labPage) Render() app.UI {
	return node("div", "page-lab", "page",
		node("div", "", "page-head", words("h1", "", "", t("Lab")), words("p", "", "muted lab-lead",
			t("Replay a trace over every policy and capacity, in this browser, with the code that the server runs. Nothing is sent anywhere."))),
		app.Form().ID("lab-form").Attr("novalidate", "").OnSubmit(p.onRun).Body(p.trace(), p.what()),
		p.progress(),
		p.outcome(),
	)
}

// trace is where the trace is chosen.
func (p *labPage) trace() app.UI {
	l := &p.s.lab
	var body app.UI
	switch l.form.source {
	case sourceFile:
		body = p.imported()
	case sourceRecorded:
		body = p.recorded()
	default:
		body = p.made()
	}
	tabs := []app.UI{}
	for _, x := range [][2]string{{sourceMade, t("Generate")}, {sourceFile, t("Import")}, {sourceRecorded, t("Recording")}} {
		tabs = append(tabs, segment("lab-source-"+x[0], x[1], l.form.source == x[0], !l.running(), func() { p.onSource(x[0]) }))
	}
	return panel("lab-trace", t("Trace"), node("div", "", "segments", tabs...).Attr("role", "group").Aria("labelledby", "lab-trace-title"), body, p.preview())
}

// made is the form of a workload.
func (p *labPage) made() app.UI {
	f := &p.s.lab.form
	names := map[string]string{
		"requests": t("Requests"), "keys": t("Keys"), "exponent": t("Exponent of Zipf's law"), "period": t("Requests between two scans"),
		"length": t("Keys in a scan"), "size": t("Sizes in bytes"), "seed": t("Seed"),
	}
	if f.kind == "shifting" {
		names["period"] = t("Requests between two shifts")
	}
	fields := []app.UI{selection("lab-kind", t("Kind of requests"), f.kind, p.onKind,
		[2]string{"zipf", t("Zipf: some keys are popular")}, [2]string{"shifting", t("Shifting: popularity fades, as with news")},
		[2]string{"scan", t("Scans break in")}, [2]string{"loop", t("Loop: key after key, again and again")},
		[2]string{"photographs", t("Photographs: thumbnails to originals")})}
	for _, name := range workloadFields {
		if _, ok := f.values[name]; !ok {
			continue
		}
		kind := "number"
		if name == "size" {
			kind = "text"
		}
		fields = append(fields, field("lab-"+name, names[name], kind, p.onValue(name)))
	}
	return node("div", "lab-made", "", node("div", "", "lab-fields", fields...),
		words("p", "", "muted", t("Sizes: a number for all, a range as 1024-65536, or photographs. The seed makes the same requests everywhere.")))
}

// imported is where a file comes in.
func (p *labPage) imported() app.UI {
	return node("div", "lab-drop", "drop lab-drop",
		icon("upload"),
		node("p", "", "drop-text",
			words("span", "", "only-wide", t("Drop a trace anywhere on this page")),
			words("span", "", "only-narrow", t("Open a trace"))),
		node("div", "", "buttons", node("span", "", "",
			app.Input().ID("lab-file").Class("unseen").Type("file").Accept(".csv,.txt,.gz,.zst,.json,text/csv").OnChange(p.onFiles),
			app.Label().Class("button button-primary").For("lab-file").Text(t("Choose a file")))),
		words("p", "", "muted drop-note", t("CSV with the columns time,key,size, also as .gz or .zst; or an experiment that was saved here (.json).")),
	)
}

// preview says how the trace was understood.
func (p *labPage) preview() app.UI {
	l := &p.s.lab
	if l.form.source == sourceMade {
		return nil
	}
	body := []app.UI{}
	if want := l.repeats; want.SHA256 != "" && l.trace == nil {
		body = append(body, words("p", "lab-wanted", "", tf("This experiment is of the trace %s with the SHA-256 %s: choose that file.", quoted(want.File), want.SHA256)))
	}
	if l.strange() {
		body = append(body, words("p", "lab-strange", "bad", tf("This is another trace than that of the experiment, which has the SHA-256 %s: the numbers will differ.", l.repeats.SHA256)))
	}
	if tr := l.trace; tr != nil {
		body = append(body, understood(l.named, tr)...)
	} else if l.opening() {
		body = append(body, words("p", "", "muted", tf("Reading %s …", quoted(l.named))))
	}
	return node("div", "lab-preview", "", body...).Aria("live", "polite")
}

// understood describes a trace that was read.
func understood(name string, tr *wire.Trace) []app.UI {
	kind := map[string]string{"gzip": t("CSV in gzip"), "zstd": t("CSV in zstd")}[tr.Format]
	if kind == "" {
		kind = t("CSV")
	}
	columns := tf("columns %s", tr.Header)
	if tr.Header == "" {
		columns = t("no header, so the columns are time,key,size")
	}
	parts := []app.UI{
		node("p", "lab-understood", "", words("strong", "", "", name).Attr("dir", "auto"), app.Text(": "+kind+", "+columns+". "+traceText(tr))),
		words("p", "", "muted lab-hash", "SHA-256 "+tr.SHA256),
		figures("lab-first", t("The first requests"), []string{t("Time"), t("Key"), t("Size"), t("Operation")}, understoodRows(tr)),
	}
	if tr.BadCount > 0 {
		rows := make([][]string, 0, len(tr.Bad))
		for _, b := range tr.Bad {
			rows = append(rows, []string{count(int64(b.Number)), b.Why, b.Text})
		}
		parts = append(parts,
			words("p", "lab-bad", "bad", tn(int64(tr.BadCount), "%s line was left out, because it could not be read:", "%s lines were left out, because they could not be read:")),
			figures("lab-bad-lines", t("Lines that were left out"), []string{t("Line"), t("Why"), t("Text")}, rows))
		if more := tr.BadCount - len(tr.Bad); more > 0 {
			parts = append(parts, words("p", "", "muted", tn(int64(more), "and %s more", "and %s more")))
		}
	}
	return parts
}

func understoodRows(tr *wire.Trace) (rows [][]string) {
	for _, r := range tr.First {
		rows = append(rows, []string{strconv.FormatFloat(float64(r.Millis)/1000, 'f', -1, 64), strconv.FormatUint(r.Key, 10), count(r.Size), r.Op})
	}
	return rows
}

// traceText is a trace in a sentence.
func traceText(tr *wire.Trace) string {
	text := tf("%s for %s with %s", tn(int64(tr.Requests), "%s request", "%s requests"), tn(int64(tr.Keys), "%s key", "%s keys"), size(tr.Bytes))
	if tr.Millis > 0 {
		text += ", " + tf("in %s", spanText(float64(tr.Millis)/1000))
	}
	return text + "."
}

// figures is a table of text.
func figures(id, name string, head []string, rows [][]string) app.UI {
	lines := make([]app.UI, 0, len(rows))
	for _, row := range rows {
		cells := make([]app.UI, 0, len(row))
		for _, c := range row {
			cells = append(cells, words("td", "", "", c).Attr("dir", "auto"))
		}
		lines = append(lines, node("tr", "", "", cells...))
	}
	return table(id, "figures lab-text-table", name, head, lines...)
}

// what is what the trace is replayed over.
func (p *labPage) what() app.UI {
	l := &p.s.lab
	checks := []app.UI{}
	for _, x := range policy.Infos() {
		id := "lab-policy-" + x.Name
		checks = append(checks, app.Label().Class("check").For(id).Title(told(x.About)).Body(
			app.Input().ID(id).Type("checkbox").Checked(l.form.policies[x.Name]).OnChange(p.onPolicy(x.Name), x.Name),
			policyMark(x.Name), app.Text(x.Title)))
	}
	_, problem := l.form.settings()
	run := app.Button().ID("lab-run").Class("button button-primary").Type("submit").Text(t("Run"))
	if problem != "" || l.running() || l.form.source != sourceMade && l.crew.source.File == nil {
		run = run.Disabled(true)
	}
	var cancel app.UI
	if l.running() {
		cancel = push("lab-cancel", "button", "", t("Cancel"), true, p.onCancel)
	}
	if problem == "" {
		problem = l.err
	}
	return panel("lab-what", t("Policies and capacities"), nil,
		node("fieldset", "", "checks", append([]app.UI{words("legend", "", "unseen", t("Policies"))}, checks...)...),
		p.capacityFields(),
		words("p", "lab-problem", "bad", problem).Attr("role", "alert"),
		node("div", "", "buttons", run, cancel),
	)
}

// policyMark is the line by which a policy is known in the plots.
func policyMark(name string) app.UI {
	return node("span", "", "policy-mark "+policyClass(name)).Aria("hidden", "true")
}

func (p *labPage) capacityFields() app.UI {
	f := &p.s.lab.form
	unit := selection("lab-unit", t("Capacities as"), f.unit, p.onUnit,
		[2]string{unitPart, t("% of the working set")}, [2]string{unitMB, t("MB")}, [2]string{unitList, t("A list")})
	chance := field("lab-chance", t("Seed of policies"), "number", onText(&f.seed))
	if f.unit == unitList {
		return node("div", "", "lab-fields", unit, field("lab-list", t("Capacities, as 64m, 1g, 10% or 1m..1g/12"), "text", onText(&f.list)), chance)
	}
	return node("div", "", "lab-fields", unit,
		field("lab-from", t("From"), "number", onText(&f.from)),
		field("lab-to", t("To"), "number", onText(&f.to)),
		field("lab-steps", t("Steps"), "number", onText(&f.steps)),
		chance)
}

// progress is what the workers are at.
func (p *labPage) progress() app.UI {
	l := &p.s.lab
	text := "\u00a0"
	switch {
	case l.opening():
		text = t("Opening the trace …")
	case l.running():
		text = tf("%s of %s done", count(int64(l.finished())), count(int64(len(l.results))))
	case l.stopped:
		text = tf("Cancelled after %s of %s", count(int64(l.finished())), count(int64(len(l.results))))
	case len(l.results) > 0:
		text = tf("Done: %s cells in %s", count(int64(len(l.results))), millis(l.took))
	}
	class := "lab-progress"
	if !l.running() && !l.opening() {
		class += " lab-still"
	}
	return node("div", "lab-state", class,
		words("p", "lab-status", "", text).Attr("role", "status"),
		app.Progress().ID("lab-progress").Class("use-bar").Max(1).Aria("label", t("Progress")),
		node("p", "lab-left", "muted").Aria("hidden", "true"),
	).DataSet("state", l.state()).DataSet("run", l.runs)
}

// policies are the names of all there are.
func policies() map[string]string {
	all := map[string]string{}
	for _, x := range policy.Infos() {
		all[x.Name] = x.Title
	}
	return all
}
