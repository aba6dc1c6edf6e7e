package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/frontend-wasm/lab/wire"
)

// labSettings are what an experiment depends on, besides the requests of a file.
type labSettings struct {
	Trace      string   `json:"trace,omitempty"` // a workload as text; "" for a file
	File       string   `json:"file,omitempty"`  // its name
	SHA256     string   `json:"sha256,omitempty"`
	Policies   []string `json:"policies"`
	Capacities string   `json:"capacities"` // as sim.ParseCapacities reads them
	Seed       uint64   `json:"seed"`
	Baseline   string   `json:"baseline"` // the policy that the others are compared with
}

// The sources of a trace.
const (
	sourceMade     = "made"
	sourceFile     = "file"
	sourceRecorded = "recorded"
)

// The units of capacities.
const (
	unitPart = "%"
	unitList = "list"
)

// labForm is what stands in the fields of the lab.
type labForm struct {
	source   string
	kind     string            // of the workload
	values   map[string]string // of the workload, by name, as typed
	policies map[string]bool
	unit     string // of the capacities: unitPart, unitMB, or unitList for a text
	from, to string
	steps    string
	list     string
	seed     string // of policies that use chance
	baseline string
	at       int  // which capacity is looked at, of those of the results
	bytes    bool // the table shows bytes, not objects
}

// workloadFields are the values of a workload, in order.
var workloadFields = [...]string{"requests", "keys", "exponent", "period", "length", "size", "seed"}

func newLabForm() labForm {
	f := labForm{
		source: sourceMade, values: map[string]string{}, policies: map[string]bool{}, unit: unitPart,
		from: "0.1", to: "100", steps: "12", seed: "1", baseline: "lru",
	}
	for _, p := range policy.Infos() {
		f.policies[p.Name] = true
	}
	f.setKind("zipf")
	return f
}

// setKind takes the values of a kind of workload that the one before did not have.
func (f *labForm) setKind(kind string) {
	for _, w := range sim.Workloads() {
		if w.Kind == kind {
			before := f.values
			f.setWorkload(w)
			for name, value := range before {
				if _, ok := f.values[name]; ok && name != "size" && name != "period" {
					f.values[name] = value
				}
			}
		}
	}
}

func (f *labForm) setWorkload(w sim.Workload) {
	f.kind, f.values = w.Kind, map[string]string{}
	parts := strings.Split(w.String(), ",")
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(part, "=")
		f.values[name] = value
	}
}

// workload is the text of the workload.
func (f *labForm) workload() string {
	text := f.kind
	for _, name := range workloadFields {
		if value, ok := f.values[name]; ok {
			text += "," + name + "=" + strings.TrimSpace(value)
		}
	}
	return text
}

// capacities is the text of the capacities.
func (f *labForm) capacities() string {
	unit := map[string]string{unitPart: "%", unitMB: "m"}[f.unit]
	if f.unit == unitList {
		return f.list
	}
	return strings.TrimSpace(f.from) + unit + ".." + strings.TrimSpace(f.to) + unit + "/" + strings.TrimSpace(f.steps)
}

// settings are what the form says; problem tells what is wrong with it.
func (f *labForm) settings() (s labSettings, problem string) {
	for _, p := range policy.Infos() {
		if f.policies[p.Name] {
			s.Policies = append(s.Policies, p.Name)
		}
	}
	s.Capacities, s.Baseline = f.capacities(), f.baseline
	var err error
	if f.source == sourceMade {
		w, err := sim.ParseWorkload(f.workload())
		if err != nil {
			return s, err.Error()
		}
		if w.Requests > wire.MaxRequests {
			return s, tf("%s requests are too many for a browser: give at most %s.", count(int64(w.Requests)), count(wire.MaxRequests))
		}
		s.Trace = w.String()
	}
	if s.Seed, err = strconv.ParseUint(strings.TrimSpace(f.seed), 10, 64); err != nil {
		return s, tf("The seed %q is not a whole number from 0 on.", f.seed)
	}
	if len(s.Policies) == 0 {
		return s, t("Choose at least one policy.")
	}
	if _, err := sim.ParseCapacities(s.Capacities, 1<<30); err != nil {
		return s, err.Error()
	}
	if !slices.Contains(s.Policies, s.Baseline) {
		s.Baseline = s.Policies[0]
	}
	return s, ""
}

// adopt puts settings into the form, as far as they are possible.
func (f *labForm) adopt(s labSettings) {
	if w, err := sim.ParseWorkload(s.Trace); err == nil {
		f.source = sourceMade
		f.setWorkload(w)
	} else if s.SHA256 != "" {
		f.source = sourceFile
	}
	if len(s.Policies) > 0 {
		f.policies = map[string]bool{}
		for _, name := range s.Policies {
			f.policies[name] = true
		}
	}
	if s.Capacities != "" {
		f.adoptCapacities(s.Capacities)
	}
	f.seed = strconv.FormatUint(s.Seed, 10)
	if s.Baseline != "" {
		f.baseline = s.Baseline
	}
}

// adoptCapacities finds the fields that a text of capacities comes from.
func (f *labForm) adoptCapacities(text string) {
	for _, unit := range []string{unitPart, unitMB} {
		try := *f
		suffix := map[string]string{unitPart: "%", unitMB: "m"}[unit]
		from, rest, _ := strings.Cut(text, suffix+"..")
		to, steps, _ := strings.Cut(rest, suffix+"/")
		try.unit, try.from, try.to, try.steps = unit, from, to, steps
		if try.capacities() == text && !strings.Contains(text, ",") {
			*f = try
			return
		}
	}
	f.unit, f.list = unitList, text
}

// query is the settings as the query of an address.
func (s labSettings) query() string {
	q := [][2]string{
		{"trace", s.Trace},
		{"policies", strings.Join(s.Policies, ",")},
		{"capacities", s.Capacities},
		{"seed", strconv.FormatUint(s.Seed, 10)},
		{"baseline", s.Baseline},
	}
	var parts []string
	for _, x := range q {
		// Commas and slashes may stand in a query as they are, and read better so.
		value := strings.NewReplacer("%2C", ",", "%2F", "/", "%3D", "=").Replace(url.QueryEscape(x[1]))
		parts = append(parts, x[0]+"="+value)
	}
	return strings.Join(parts, "&")
}

// labSettingsOf reads the settings of an address; ok is false when it has none.
func labSettingsOf(q url.Values) (s labSettings, ok bool) {
	s = labSettings{Trace: q.Get("trace"), Capacities: q.Get("capacities"), Baseline: q.Get("baseline")}
	for name := range strings.SplitSeq(q.Get("policies"), ",") {
		if slices.ContainsFunc(policy.Infos(), func(p policy.Info) bool { return p.Name == name }) {
			s.Policies = append(s.Policies, name)
		}
	}
	if text := q.Get("seed"); text != "" {
		s.Seed, _ = strconv.ParseUint(text, 10, 64)
	} else {
		s.Seed = 1
	}
	return s, s.Trace != ""
}

// command is the command that prints the same numbers.
func (r *labRun) command() string {
	s := r.settings
	trace := "-generate " + s.Trace
	if s.Trace == "" {
		trace = "-trace " + shellWord(s.File)
	}
	return "memcache-cache sim " + trace + " -policies " + strings.Join(s.Policies, ",") + " -capacities " + shellWord(s.Capacities) +
		" -seed " + strconv.FormatUint(s.Seed, 10)
}
