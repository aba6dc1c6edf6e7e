package ui

import (
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// labPage is the lab: an experiment with a trace, and what came out.
type labPage struct {
	app.Compo

	s   *session
	ctx app.Context // nil until mounted

	recording *api.Recording // of the server, as far as it is known
	recErr    string
	recBusy   bool
	seconds   string // how long a new recording is to be, as typed
}

// OnMount shows the experiment that the address names, else the one that is there.
func (p *labPage) OnMount(ctx app.Context) {
	p.ctx = ctx
	ctx.Page().SetTitle(t("Lab") + " – MemCache")
	p.s.watch(p)
	p.s.openTrace = p.openFile
	p.adoptAddress()
	app.Window().Call("scrollTo", 0, 0)
}

// OnNav follows the address.
func (p *labPage) OnNav(app.Context) {
	if p.ctx != nil {
		p.adoptAddress()
	}
}

// OnDismount leaves the experiment to the session.
func (p *labPage) OnDismount() {
	p.s.unwatch(p)
	p.s.openTrace = nil
}

func (p *labPage) adoptAddress() {
	if settings, ok := labSettingsOf(pageQuery(p.ctx)); ok && !p.s.lab.running() {
		p.s.lab.form.adopt(settings)
	}
	p.fillLater()
}

func (p *labPage) sessionChanged(c change, n *news) {
	l := &p.s.lab
	switch {
	case c&changeLab != 0:
		p.drawProgress()
		if n == nil || n.labChanged {
			p.Update()
		}
	case c&changeConn != 0:
		p.Update()
		p.loadRecording()
	case c&changeClock != 0 && l.form.source == sourceRecorded && p.recording != nil && p.recording.State == api.RecordingRunning:
		p.loadRecording()
	}
}

// drawProgress sets the bar, which go-app leaves alone.
func (p *labPage) drawProgress() {
	l := &p.s.lab
	part := l.crew.done()
	if l.opening() {
		part = l.opened()
	}
	setAttr("lab-progress", "value", strconv.FormatFloat(part, 'f', 3, 64))
	setText("lab-left", l.left())
}

// redraw draws everything anew after the form or the results have changed.
func (p *labPage) redraw() {
	p.s.notify(changeLab, nil)
	p.fillLater()
}

func (p *labPage) fillLater() { p.ctx.Defer(func(app.Context) { p.fill() }) }

// fill puts what the form holds into the fields.
func (p *labPage) fill() {
	f := &p.s.lab.form
	setValue("lab-kind", f.kind)
	for name, value := range f.values {
		setValue("lab-"+name, value)
	}
	for id, value := range map[string]string{
		"lab-from": f.from, "lab-to": f.to, "lab-steps": f.steps, "lab-unit": f.unit, "lab-list": f.list, "lab-chance": f.seed,
		"lab-baseline": f.baseline, "lab-look": strconv.Itoa(f.at), "lab-seconds": p.recordSeconds(),
	} {
		setValue(id, value)
	}
	for name := range policies() {
		if e := byID("lab-policy-" + name); e.Truthy() {
			e.Set("checked", f.policies[name])
		}
	}
}

func (p *labPage) onSource(source string) {
	l := &p.s.lab
	if l.form.source == source || l.running() {
		return
	}
	l.form.source = source
	l.choose(labSource{})
	p.redraw()
	p.loadRecording()
}

func (p *labPage) onKind(ctx app.Context, _ app.Event) {
	p.s.lab.form.setKind(fieldValue(ctx))
	p.redraw()
}

func (p *labPage) onValue(name string) app.EventHandler {
	return func(ctx app.Context, _ app.Event) { p.s.lab.form.values[name] = fieldValue(ctx) }
}

func (p *labPage) onPolicy(name string) app.EventHandler {
	return func(ctx app.Context, _ app.Event) { p.s.lab.form.policies[name] = ctx.JSSrc().Get("checked").Bool() }
}

// onText puts what is typed into a field of the form.
func onText(into *string) app.EventHandler {
	return func(ctx app.Context, _ app.Event) { *into = fieldValue(ctx) }
}

func (p *labPage) onUnit(ctx app.Context, _ app.Event) {
	f := &p.s.lab.form
	if f.list == "" || f.unit != unitList {
		f.list = f.capacities()
	}
	f.unit = fieldValue(ctx)
	p.fillLater()
}

func (p *labPage) onRun(_ app.Context, e app.Event) {
	e.PreventDefault()
	l := &p.s.lab
	settings, problem := l.form.settings()
	if problem != "" || l.running() {
		return
	}
	if settings.Trace != "" {
		u := *p.ctx.Page().URL()
		u.RawQuery = settings.query()
		p.ctx.Page().ReplaceURL(&u)
	}
	l.begin()
	p.s.say(t("The experiment runs."))
	p.redraw()
}

func (p *labPage) onCancel(app.Context, app.Event) {
	p.s.lab.cancel()
	p.s.say(t("The experiment was cancelled."))
	p.redraw()
}

func (p *labPage) onFiles(ctx app.Context, _ app.Event) {
	input := ctx.JSSrc()
	files := input.Get("files")
	if files.Get("length").Int() > 0 {
		p.openFile(files.Index(0))
	}
	input.Set("value", "") // the same one can be chosen again
}

// openFile opens a trace, or an experiment that was saved.
func (p *labPage) openFile(file app.Value) {
	l := &p.s.lab
	if l.running() {
		p.s.complain(t("Cancel the experiment first: it runs."))
		return
	}
	name := file.Get("name").String()
	if strings.HasSuffix(strings.ToLower(name), ".json") {
		go p.openExperiment(file)
		return
	}
	l.form.source = sourceFile
	l.choose(labSource{File: file, Name: name})
	p.redraw()
}

func (p *labPage) openExperiment(file app.Value) {
	const most = 4 << 20 // bytes
	text, err := reply{blob: file}.bytes(p.ctx, most)
	p.ctx.Dispatch(func(app.Context) {
		var f labFile
		if err == nil {
			f, err = readLabFile(string(text))
		}
		if err != nil {
			p.s.complain(err.Error())
			return
		}
		l := &p.s.lab
		source := l.form.source
		l.repeat(f)
		if l.form.source == sourceMade || source == sourceMade {
			l.choose(labSource{})
		}
		p.redraw()
	})
}

func (p *labPage) onBaseline(ctx app.Context, _ app.Event) {
	p.s.lab.form.baseline = fieldValue(ctx)
	p.redraw()
}

func (p *labPage) onLook(ctx app.Context, _ app.Event) {
	if i, err := strconv.Atoi(fieldValue(ctx)); err == nil {
		p.look(i)
	}
}

// look chooses the capacity that is looked at.
func (p *labPage) look(i int) {
	p.s.lab.form.at = i
	p.redraw()
}

// pickCapacity looks at a capacity of a curve.
func (p *labPage) pickCapacity(x float64) {
	for i, c := range p.s.lab.capacities() {
		if float64(c) == x {
			p.look(i)
		}
	}
}

func (p *labPage) onMeasure(bytes bool) {
	p.s.lab.form.bytes = bytes
	p.redraw()
}

func (p *labPage) onCSV(app.Context, app.Event) {
	saveFile("memcache-lab.csv", "text/csv", p.s.lab.csv())
}

func (p *labPage) onSave(app.Context, app.Event) {
	saveFile("memcache-lab.json", "application/json", p.s.lab.file())
}

func (p *labPage) onSVG(id string) {
	plot := p.s.lab.plot(id)
	saveFile("memcache-"+id+".svg", "image/svg+xml", plot.svgFile(policyInks()))
}

func (p *labPage) onCopyCommand(app.Context, app.Event) {
	p.s.copyText(p.s.lab.ran.command(), t("The command is copied."))
}

func (p *labPage) onCopyLink(app.Context, app.Event) {
	p.s.copyText(origin()+pathLab+"?"+p.s.lab.ran.settings.query(), t("The link is copied."))
}
