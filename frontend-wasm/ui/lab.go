package ui

import (
	"memcache/cache/sim"
	"memcache/frontend-wasm/lab/wire"
)

// lab is an experiment: which trace, over which policies and capacities, and what
// came out so far. The session keeps it, so that it goes on while other pages are
// shown. Only the UI goroutine uses it.
type lab struct {
	crew  crew
	form  labForm
	cores int
	clock func() float64 // milliseconds

	trace *wire.Trace // of the source; nil while it is not known
	err   string      // why the trace could not be opened, or the experiment ended
	named string      // what the trace is called: a workload as text, or a file's name

	wanted  bool // the experiment begins when the trace is known
	stopped bool // it was cancelled
	ran     labRun
	results []*wire.Result // by cell of ran; nil where there is none yet
	runs    int            // how many experiments have begun
	began   float64        // when, in milliseconds of [now]
	took    float64        // milliseconds, once it is done
	repeats labFile        // the experiment that was opened from a file
}

func newLab() lab { return lab{form: newLabForm(), cores: 1, clock: func() float64 { return 0 }} }

// labRun is the experiment that the results are of; the form may have changed since.
type labRun struct {
	settings labSettings
	trace    wire.Trace
	named    string
	cells    []sim.Cell
}

// maxTraceMemory bounds what the copies of a trace take together, in bytes.
const maxTraceMemory = 1 << 30

// requestMemory is what a request takes in a worker, with what replaying it needs.
const requestMemory = 100

// workers is how many may have a copy of a trace.
func workers(cores, requests int) int {
	return max(1, min(cores, maxTraceMemory/(requestMemory*max(requests, 1))))
}

// choose takes another source, and has it opened if it is a file.
func (l *lab) choose(source labSource) {
	if source.File == nil && source.Workload != "" && source.Workload == l.crew.source.Workload && (l.trace != nil || l.opening()) {
		return // it is there; files are read again, for they may have changed
	}
	l.crew.take(source)
	l.trace, l.err, l.wanted = nil, "", false
	l.named = source.Name
	if source.File == nil {
		l.named = source.Workload
	} else {
		l.crew.open()
	}
}

// begin runs the experiment of the form, if it is possible; its trace is opened first.
func (l *lab) begin() {
	settings, problem := l.form.settings()
	if problem != "" || l.running() {
		return
	}
	if l.form.source == sourceMade {
		l.choose(labSource{Workload: settings.Trace})
	}
	if l.form.source != sourceMade && l.crew.source.File == nil {
		return
	}
	l.err, l.stopped = "", false
	if l.trace == nil {
		l.wanted = true
		l.crew.open()
		return
	}
	l.runOver(settings)
}

// runOver replays the trace over what the settings name: all policies with the
// smallest capacity first, so that all curves grow together.
func (l *lab) runOver(settings labSettings) {
	capacities, err := sim.ParseCapacities(settings.Capacities, l.trace.Bytes)
	if err != nil {
		l.err = err.Error()
		return
	}
	settings.SHA256, settings.File = l.trace.SHA256, l.crew.source.Name
	var cells []sim.Cell
	for _, c := range capacities {
		cells = append(cells, sim.Cells(settings.Policies, []int64{c}, settings.Seed)...)
	}
	l.ran = labRun{settings, *l.trace, l.named, cells}
	l.results = make([]*wire.Result, len(cells))
	l.form.at = len(capacities) / 2
	l.runs++
	l.began = l.clock()
	l.crew.run(cells, workers(l.cores, l.trace.Requests))
}

// cancel ends the experiment with what there is.
func (l *lab) cancel() {
	l.wanted, l.stopped = false, l.crew.working()
	l.crew.stop()
}

func (l *lab) running() bool { return l.wanted || l.crew.working() }

// opening tells whether the trace is being opened for the first time.
func (l *lab) opening() bool {
	if l.trace != nil {
		return false
	}
	for _, m := range l.crew.members {
		if m.opening || !m.ready {
			return true
		}
	}
	return false
}

// opened is the part of the trace that was read so far.
func (l *lab) opened() float64 {
	part := 0.0
	for _, m := range l.crew.members {
		if m.opening {
			part = max(part, m.part)
		}
	}
	return part
}

// finished is how many results there are.
func (l *lab) finished() (n int) {
	for _, r := range l.results {
		if r != nil {
			n++
		}
	}
	return n
}

// hear takes what workers have told. changed tells whether more than progress came.
func (l *lab) hear(words []labWord) (changed bool) {
	for _, w := range words {
		m := l.crew.member(w.worker)
		if m == nil {
			continue // it was let go meanwhile
		}
		if w.tell.Done > 0 {
			m.part = w.tell.Done
			continue
		}
		changed = true
		l.take(m, w.tell)
	}
	return changed
}

func (l *lab) take(m *labMember, t wire.Tell) {
	switch {
	case t.Ready:
		m.ready = true
	case t.Trace != nil:
		m.opening = false
		if l.trace == nil {
			l.known(*t.Trace)
		}
	case t.Result != nil:
		if m.cell >= 0 && m.cell < len(l.results) {
			l.results[m.cell] = t.Result
		}
		m.cell = -1
		if l.took = l.clock() - l.began; l.finished() == len(l.results) {
			l.crew.cells, l.crew.next = nil, 0
		}
	default:
		l.fail(t.Error + t.Dead)
		return
	}
	m.goOn(&l.crew)
}

// known takes the first description of the trace.
func (l *lab) known(trace wire.Trace) {
	l.trace = &trace
	if l.wanted {
		l.wanted = false
		if settings, problem := l.form.settings(); problem == "" {
			l.runOver(settings)
		}
	}
}

func (l *lab) fail(why string) {
	l.err, l.wanted = why, false
	l.stopped = l.crew.working()
	l.crew.stop()
}

// state is what the experiment is at, in a word.
func (l *lab) state() string {
	switch {
	case l.opening():
		return "opening"
	case l.running():
		return "running"
	case l.stopped:
		return "stopped"
	case len(l.results) > 0:
		return "done"
	}
	return "idle"
}

// left says how much longer the experiment may take.
func (l *lab) left() string {
	const enough = 0.03 // below, it is a guess
	part := l.crew.done()
	if !l.crew.working() || part < enough {
		return "\u00a0"
	}
	seconds := (l.clock() - l.began) / 1000 * (1 - part) / part
	return tf("about %s s left", count(int64(seconds)+1))
}
