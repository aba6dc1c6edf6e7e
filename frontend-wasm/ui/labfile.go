package ui

import (
	"encoding/json"
	"errors"
	"strings"

	"memcache/cache/sim"
	"memcache/frontend-wasm/lab/wire"
)

// labFile is an experiment as a file: what it depends on, and what came out. The trace
// itself is not in it; its hash is.
type labFile struct {
	Version int `json:"memcacheLab"` // labFileVersion
	labSettings
	Requests int    `json:"requests"`
	Keys     int    `json:"keys"`
	Bytes    int64  `json:"bytes"`   // of the working set
	Results  string `json:"results"` // the table that the command sim prints
}

const labFileVersion = 1

// file is the experiment that the results are of.
func (l *lab) file() string {
	f := labFile{labFileVersion, l.ran.settings, l.ran.trace.Requests, l.ran.trace.Keys, l.ran.trace.Bytes, l.csv()}
	text, err := json.Marshal(f)
	if err != nil {
		return "" // it has nothing that JSON does not know
	}
	return string(text) + "\n"
}

// readLabFile reads what file has written.
func readLabFile(text string) (labFile, error) {
	var f labFile
	if err := json.Unmarshal([]byte(text), &f); err != nil || f.Version == 0 {
		return f, errors.New(t("This is not an experiment of the lab."))
	}
	if f.Version > labFileVersion {
		return f, errors.New(t("This experiment was saved by a newer version."))
	}
	if _, err := sim.ParseWorkload(f.Trace); err != nil && f.SHA256 == "" {
		return f, errors.New(t("The experiment does not say which trace it is of."))
	}
	return f, nil
}

// repeat takes an experiment over. One of a file waits for that file.
func (l *lab) repeat(f labFile) {
	l.form.adopt(f.labSettings)
	l.repeats = f
}

// strange tells whether the trace is another one than that of the experiment to be
// repeated.
func (l *lab) strange() bool {
	return l.repeats.SHA256 != "" && l.trace != nil && l.form.source != sourceMade && l.trace.SHA256 != l.repeats.SHA256
}

// same compares what came out with what is in the file of the experiment: how many
// lines are equal, and how many it has. Nothing is compared when it was another one.
func (l *lab) same() (equal, all int) {
	if l.repeats.Results == "" || l.finished() < len(l.results) || len(l.results) == 0 {
		return 0, 0
	}
	had, has := l.repeats.labSettings, l.ran.settings
	had.Baseline = has.Baseline // no number depends on it
	if had.query() != has.query() || had.SHA256 != has.SHA256 {
		return 0, 0
	}
	lines := strings.Split(strings.TrimSpace(l.repeats.Results), "\n")
	for i, line := range strings.Split(strings.TrimSpace(l.csv()), "\n") {
		if i < len(lines) && strings.TrimSpace(line) == strings.TrimSpace(lines[i]) {
			equal++
		}
	}
	return equal - 1, len(lines) - 1 // without the header
}

// csv is the table that the command sim prints, of what is done so far.
func (l *lab) csv() string {
	var b strings.Builder
	b.WriteString(sim.Header + "\n")
	for _, name := range l.ran.settings.Policies {
		for i, cell := range l.ran.cells {
			if r := l.results[i]; r != nil && cell.Policy == name {
				b.WriteString(cell.Row(counted(r)) + "\n")
			}
		}
	}
	return b.String()
}

func counted(r *wire.Result) sim.Result {
	return sim.Result{Requests: r.Requests, Hits: r.Hits, Bytes: r.Bytes, HitBytes: r.HitBytes, Evictions: r.Evictions}
}
