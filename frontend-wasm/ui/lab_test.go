package ui

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/frontend-wasm/lab/bench"
	"memcache/frontend-wasm/lab/wire"
	"memcache/shared/api"
)

// labHall has workers that do what those of the browser do, when the test lets them.
type labHall struct {
	t     *testing.T
	lab   *lab
	text  string // of the file that there is
	words []labWord
	ended map[int]bool
	begun int
}

type hallWorker struct {
	hall  *labHall
	id    int
	bench bench.Bench
}

func newHall(t *testing.T) *labHall {
	t.Helper()
	l := newLab()
	h := &labHall{t: t, lab: &l, ended: map[int]bool{}}
	l.cores = 2
	l.crew.start = func(id int) labWorker {
		h.begun++
		w := &hallWorker{hall: h, id: id}
		w.bench.Tell = func(t wire.Tell) { h.words = append(h.words, labWord{id, t}) }
		w.bench.Tell(wire.Tell{Ready: true})
		return w
	}
	return h
}

func (w *hallWorker) ask(a wire.Ask, file app.Value) {
	var r io.Reader
	if file != nil {
		r = strings.NewReader(w.hall.text)
	}
	w.bench.Answer(a, r, int64(len(w.hall.text)))
}

func (w *hallWorker) end() { w.hall.ended[w.id] = true }

// step hands on what the workers have said; it tells whether there was anything.
func (h *labHall) step() bool {
	words := h.words
	h.words = nil
	h.lab.hear(words)
	return len(words) > 0
}

func (h *labHall) finish() {
	for h.step() {
	}
}

// file stands for a File of the browser.
func (h *labHall) file(text string) app.Value {
	h.text = text
	return app.Window() // any value will do natively
}

func small(l *lab) {
	l.form.setKind("photographs")
	l.form.values["requests"], l.form.values["keys"] = "3000", "400"
	l.form.from, l.form.to, l.form.steps = "1", "100", "4"
}

// An experiment in the workers has the numbers of the command, and each of them once.
func TestLabRunsAnExperiment(t *testing.T) {
	h := newHall(t)
	l := h.lab
	small(l)
	l.begin()
	if !l.running() || l.state() != "opening" {
		t.Errorf("after it has begun, it is %s", l.state())
	}
	h.finish()
	if l.running() || l.state() != "done" || l.err != "" || l.finished() != 32 || h.begun != 2 {
		t.Fatalf("it is %s (%s) with %d results of %d workers", l.state(), l.err, l.finished(), h.begun)
	}
	want := commandTable(t, "photographs,requests=3000,keys=400", "1%..100%/4", 1)
	if got := l.csv(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	best := l.best(l.looked(), objectMisses)
	for _, name := range l.ran.settings.Policies {
		if r := l.result(name, l.looked()); objectMisses(r) < objectMisses(best) {
			t.Errorf("%s is said to be best, and %s misses less", best.Policy, name)
		}
	}
	if _, ok := l.over(l.result("lru", l.looked()), objectMisses); ok {
		t.Error("the baseline is compared with itself")
	}
	if points, ok := l.over(best, byteMisses); !ok || points != byteMisses(l.result("lru", l.looked()))-byteMisses(best) {
		t.Errorf("the best is %v better (%v)", points, ok)
	}
	l.begin()
	h.finish()
	if got := l.csv(); got != want || h.begun != 2 {
		t.Errorf("once more, with %d workers, the table is\n%s", h.begun, got)
	}
}

// commandTable is what the command sim prints.
func commandTable(t *testing.T, workload, capacities string, seed uint64) string {
	t.Helper()
	w, err := sim.ParseWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	requests, err := w.Generate()
	if err != nil {
		t.Fatal(err)
	}
	_, bytes := sim.WorkingSet(requests)
	all, err := sim.ParseCapacities(capacities, bytes)
	if err != nil {
		t.Fatal(err)
	}
	table := sim.Header + "\n"
	var names []string
	for _, p := range policy.Infos() {
		names = append(names, p.Name)
	}
	for _, cell := range sim.Cells(names, all, seed) {
		r, err := cell.Run(requests, nil)
		if err != nil {
			t.Fatal(err)
		}
		table += cell.Row(r) + "\n"
	}
	return table
}

func TestLabIsCancelledAndBegunAnew(t *testing.T) {
	h := newHall(t)
	l := h.lab
	small(l)
	l.begin()
	for l.finished() < 5 {
		if !h.step() {
			t.Fatal("the workers stand still")
		}
	}
	l.cancel()
	if l.running() || l.state() != "stopped" || len(h.ended) != h.begun {
		t.Errorf("it is %s, and %d of %d workers have ended", l.state(), len(h.ended), h.begun)
	}
	n := l.finished()
	h.finish()
	if l.finished() != n {
		t.Error("workers that were let go are still listened to")
	}
	if lines := strings.Count(l.csv(), "\n"); lines != n+1 {
		t.Errorf("the table of %d results has %d lines", n, lines)
	}
	l.begin()
	h.finish()
	if l.state() != "done" || l.finished() != 32 {
		t.Errorf("begun anew it is %s with %d results", l.state(), l.finished())
	}
	l.form.values["seed"] = "2"
	l.begin()
	l.cancel()
	if l.state() != "done" || l.running() {
		t.Errorf("cancelled while its trace is opened, it is %s, although the results of the one before are whole", l.state())
	}
}

func TestLabOpensFiles(t *testing.T) {
	h := newHall(t)
	l := h.lab
	small(l)
	l.form.source = sourceFile
	l.begin()
	if l.running() || h.begun != 0 {
		t.Error("an experiment without its file has begun")
	}
	l.choose(labSource{File: h.file("0,1,10\n0,1,ten\n0,2,20\n"), Name: "it's.csv"})
	h.finish()
	if l.trace == nil || l.trace.BadCount != 1 || l.trace.Requests != 2 || l.opening() {
		t.Fatalf("the file is understood as %+v (%s)", l.trace, l.err)
	}
	l.begin()
	h.finish()
	if l.state() != "done" || l.ran.settings.SHA256 == "" || !strings.Contains(l.ran.command(), `-trace 'it'\''s.csv'`) {
		t.Errorf("it is %s (%s), the command is %s", l.state(), l.err, l.ran.command())
	}
	l.choose(labSource{File: h.file("<html>"), Name: "page.html"})
	h.finish()
	if l.trace != nil || !strings.Contains(l.err, "no line is a request") || l.running() {
		t.Errorf("what is no trace is %+v (%s)", l.trace, l.err)
	}
	l.form.source = sourceMade
	l.begin()
	h.finish()
	if l.state() != "done" || l.finished() != 32 || l.err != "" {
		t.Errorf("after that, it is %s (%s)", l.state(), l.err)
	}
}

func TestLabSaysWhatFails(t *testing.T) {
	h := newHall(t)
	l := h.lab
	small(l)
	l.begin()
	l.hear([]labWord{{1, wire.Tell{Dead: "no memory"}}})
	if l.running() || l.err != "no memory" || !h.ended[1] {
		t.Errorf("it is %s (%s)", l.state(), l.err)
	}
	for _, c := range []struct {
		change func(f *labForm)
		want   string
	}{
		{func(f *labForm) { f.values["requests"] = "6000000" }, "at most 5,000,000"},
		{func(f *labForm) { f.values["size"] = "big" }, "size=big"},
		{func(f *labForm) { f.policies = nil }, "at least one policy"},
		{func(f *labForm) { f.from = "x" }, "is no capacity"},
		{func(f *labForm) { f.steps = "1" }, "is no range"},
		{func(f *labForm) { f.seed = "-1" }, `"-1"`},
	} {
		f := newLabForm()
		c.change(&f)
		if _, problem := f.settings(); !strings.Contains(problem, c.want) {
			t.Errorf("the problem is %q, want %q in it", problem, c.want)
		}
	}
}

func TestLabHasAsManyWorkersAsMemoryAllows(t *testing.T) {
	for _, c := range []struct{ cores, requests, want int }{{2, 1_000_000, 2}, {16, 1_000_000, 10}, {16, 5_000_000, 2}, {1, 0, 1}, {0, 5_000_000, 1}} {
		if got := workers(c.cores, c.requests); got != c.want {
			t.Errorf("%d cores and %d requests: %d workers, want %d", c.cores, c.requests, got, c.want)
		}
	}
}

// The address names the experiment, whatever it is.
func TestLabSettingsSurviveTheAddress(t *testing.T) {
	for _, s := range []labSettings{
		{Trace: "zipf,requests=9,keys=3,exponent=0.7,size=1-5,seed=4", Policies: []string{"wtinylfu", "lru"}, Capacities: "0.1%..100%/12", Seed: 1, Baseline: "lru"},
		{Trace: "loop,requests=9,keys=3,size=5,seed=4", Policies: []string{"random"}, Capacities: "1m..64m/7", Seed: 1<<64 - 1, Baseline: "random"},
		{Trace: "photographs,requests=9,keys=3,exponent=1,size=photographs,seed=4", Policies: []string{"sieve", "fifo"}, Capacities: "10%, 2g,1k..2k/3", Seed: 0, Baseline: "fifo"},
	} {
		q, err := url.ParseQuery(s.query())
		if err != nil {
			t.Fatal(err)
		}
		read, ok := labSettingsOf(q)
		f := newLabForm()
		f.adopt(read)
		if got, problem := f.settings(); !ok || problem != "" || !reflect.DeepEqual(got, s) {
			t.Errorf("%s\nis %+v (%s)\nwant %+v", s.query(), got, problem, s)
		}
	}
	for _, text := range []string{"", "policies=lru", "seed=1"} {
		q, _ := url.ParseQuery(text)
		if s, ok := labSettingsOf(q); ok {
			t.Errorf("%q is taken for %+v", text, s)
		}
	}
	q, _ := url.ParseQuery("trace=%3Cimg%3E&policies=best,lru&capacities=x&seed=y&baseline=%3Cimg%3E")
	s, _ := labSettingsOf(q)
	f := newLabForm()
	f.adopt(s)
	if _, problem := f.settings(); f.kind != "zipf" || problem == "" || len(s.Policies) != 1 {
		t.Errorf("nonsense is adopted as %+v (%s)", f, problem)
	}
}

func TestAnExperimentIsRepeatedFromItsFile(t *testing.T) {
	const trace = "time,key,size\n0,a,100\n1,b,200\n2,a,100\n3,c,50\n4,b,200\n"
	first := newHall(t)
	small(first.lab)
	first.lab.form.source = sourceFile
	first.lab.choose(labSource{File: first.file(trace), Name: "t.csv"})
	first.finish()
	first.lab.begin()
	first.finish()
	saved, err := readLabFile(first.lab.file())
	if err != nil {
		t.Fatal(err)
	}

	second := newHall(t)
	l := second.lab
	l.repeat(saved)
	if l.form.source != sourceFile || !strings.Contains(drawLab(t, l), `id="lab-wanted"`) {
		t.Error("the file of the experiment is not asked for")
	}
	l.choose(labSource{File: second.file(trace + "5,c,50\n"), Name: "other.csv"})
	second.finish()
	if !l.strange() || !strings.Contains(drawLab(t, l), `id="lab-strange"`) {
		t.Error("another trace is taken for that of the experiment")
	}
	l.choose(labSource{File: second.file(trace), Name: "mine.csv"})
	second.finish()
	l.form.baseline = "fifo"
	l.begin()
	second.finish()
	if equal, all := l.same(); equal != 32 || all != 32 {
		t.Errorf("%d of %d lines are the same", equal, all)
	}
	l.repeats.Results = strings.Replace(l.repeats.Results, "lru,", "lru,1", 1)
	if equal, all := l.same(); equal != 31 || all != 32 {
		t.Errorf("with another line, %d of %d lines are the same", equal, all)
	}
	l.form.seed = "2"
	l.begin()
	second.finish()
	if equal, all := l.same(); equal != 0 || all != 0 {
		t.Error("another experiment is compared with that of the file")
	}
	for text, want := range map[string]string{
		"": "not an experiment", "{}": "not an experiment", "[1]": "not an experiment", `{"memcacheLab":2}`: "newer version",
		`{"memcacheLab":1,"trace":"what"}`: "which trace",
	} {
		if _, err := readLabFile(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

func drawLab(t *testing.T, l *lab) string {
	t.Helper()
	s := newSession()
	s.lab = *l
	return draw(t, &labPage{s: s})
}

func TestLabPageStates(t *testing.T) {
	idle := newHall(t)
	opening := newHall(t)
	small(opening.lab)
	opening.lab.begin()
	running := newHall(t)
	small(running.lab)
	running.lab.begin()
	for running.lab.finished() < 9 {
		running.step()
	}
	some := fmt.Sprint(running.lab.finished())
	stopped := newHall(t)
	*stopped.lab = *running.lab
	stopped.lab.cancel()
	done := newHall(t)
	small(done.lab)
	done.lab.begin()
	done.finish()
	file := newHall(t)
	file.lab.form.source = sourceFile
	read := newHall(t)
	read.lab.form.source = sourceFile
	read.lab.choose(labSource{File: read.file("time,key,size\n0,1,10\n0,1," + evil + "\n" + strings.Repeat("x\n", 30)), Name: evil})
	read.finish()
	failed := newHall(t)
	failed.lab.form.source = sourceFile
	failed.lab.choose(labSource{File: failed.file(evil), Name: "x"})
	failed.finish()
	list := newHall(t)
	list.lab.form.unit = unitList
	wrong := newHall(t)
	wrong.lab.form.values["keys"] = "none"

	for name, c := range map[string]struct {
		lab  *lab
		want []string
		not  []string
	}{
		"idle":    {idle.lab, []string{`data-state="idle"`, `id="lab-run"`, `id="lab-exponent"`, `id="lab-policy-random"`}, []string{`id="lab-cancel"`, `id="lab-table"`, `id="lab-period"`}},
		"opening": {opening.lab, []string{`data-state="opening"`, `id="lab-cancel"`}, []string{`id="lab-table"`}},
		"running": {running.lab, []string{`data-state="running"`, `id="lab-cancel"`, some + " of 32 done", `data-done="` + some + `"`, ">…<"}, nil},
		"stopped": {stopped.lab, []string{`data-state="stopped"`, "Cancelled after " + some + " of 32", `id="lab-csv"`}, []string{`id="lab-cancel"`}},
		"done": {done.lab, []string{
			`data-state="done"`, `data-done="32"`, `id="lab-best-hits"`, `id="lab-objects-lru"`, `id="lab-time-plot"`, "points over LRU", "memcache-cache sim -generate photographs,",
			`id="lab-copy-link"`, "3,000 requests for",
		}, []string{">…<"}},
		"no file":  {file.lab, []string{`id="lab-file"`, `id="lab-drop"`, "disabled"}, []string{"lab-understood"}},
		"read":     {read.lab, []string{`id="lab-understood"`, "31 lines were left out", `&lt;img`, "is not a number of bytes", "and 11 more", "SHA-256"}, []string{"<img"}},
		"failed":   {failed.lab, []string{`role="alert"`, "no line is a request"}, []string{"<img", "lab-understood"}},
		"list":     {list.lab, []string{`id="lab-list"`}, []string{`id="lab-steps"`}},
		"mistaken": {wrong.lab, []string{"keys=none is not possible", "disabled"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			markup := drawLab(t, c.lab)
			for _, want := range c.want {
				if !strings.Contains(markup, want) {
					t.Errorf("there is no %q in %s", want, markup)
				}
			}
			for _, not := range c.not {
				if strings.Contains(markup, not) {
					t.Errorf("there is %q in %s", not, markup)
				}
			}
			if offAttribute.MatchString(markup) {
				t.Errorf("an attribute is off: %s", offAttribute.FindString(markup))
			}
		})
	}
}

func TestRecordingStates(t *testing.T) {
	s := newSession()
	s.lab.form.source = sourceRecorded
	if markup := draw(t, &labPage{s: s}); !strings.Contains(markup, "when it answers") || strings.Contains(markup, `id="lab-record"`) {
		t.Errorf("without a server there is %s", markup)
	}
	s.conn.Online = true
	for _, c := range []struct {
		recording *api.Recording
		want      string
		open      bool
	}{
		{nil, `id="lab-record"`, false},
		{&api.Recording{State: api.RecordingNone}, "There is no recording yet", false},
		{&api.Recording{State: api.RecordingRunning, Events: 12, Bytes: 2048}, "12 requests, 2.0 KB so far", false},
		{&api.Recording{State: api.RecordingDone, Started: 1, Events: 1200, Seconds: 60, Bytes: 2048, Lost: 3}, "3 more were not recorded", true},
	} {
		p := &labPage{s: s, recording: c.recording, recErr: evil}
		markup := draw(t, p)
		if !strings.Contains(markup, c.want) || !strings.Contains(markup, "&lt;img") || offAttribute.MatchString(markup) {
			t.Errorf("there is no %q in %s", c.want, markup)
		}
		at := strings.Index(markup, `id="lab-open-recording"`)
		button := markup[strings.LastIndex(markup[:at], "<"):]
		if button, _, _ = strings.Cut(button, ">"); strings.Contains(button, "disabled") == c.open {
			t.Errorf("%+v can be opened: %s", c.recording, button)
		}
	}
}

func TestOfProgressTheNewestIsKept(t *testing.T) {
	var n news
	for i := range 100 {
		n.addLab(labWord{1 + i%2, wire.Tell{Done: float64(i+1) / 100}})
	}
	n.addLab(labWord{1, wire.Tell{Result: &wire.Result{}}})
	n.addLab(labWord{1, wire.Tell{Ready: true}})
	if len(n.lab) != 4 || n.lab[0].tell.Done != 0.99 || n.lab[1].tell.Done != 1 {
		t.Errorf("kept %+v", n.lab)
	}
}
