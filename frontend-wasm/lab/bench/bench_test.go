package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/frontend-wasm/lab/wire"
)

// listener remembers what a bench tells.
type listener struct{ told []wire.Tell }

func (l *listener) tell(t wire.Tell) { l.told = append(l.told, t) }

// ask returns the last word about what was asked for, as it comes over the wire.
func ask(t *testing.T, b *Bench, a wire.Ask, file io.Reader) wire.Tell {
	t.Helper()
	var l listener
	b.Tell = l.tell
	b.Answer(a, file, 1000)
	for _, word := range l.told[:len(l.told)-1] {
		if word.Done <= 0 || word.Done > 1 {
			t.Errorf("told %+v before the end", word)
		}
	}
	text, err := json.Marshal(l.told[len(l.told)-1])
	if err != nil {
		t.Fatal(err)
	}
	var last wire.Tell
	if err := json.Unmarshal(text, &last); err != nil {
		t.Fatal(err)
	}
	return last
}

func packed(t *testing.T, kind, text string) io.Reader {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	default:
		return strings.NewReader(text)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

// A file is understood in the same way however it is compressed, and says what was
// wrong in it.
func TestAFileIsRead(t *testing.T) {
	const text = "time,key,size\n0,18446744073709551615,10\n0.5,b,ten\n1,b,20\n60,a,30\nx\n"
	const sum = "a49abbd589383ee63a9ef49bcab8f71e1d879f1dc092caf41f69a3bc3953087b" // as sha256sum says
	for _, kind := range []string{"", "gzip", "zstd"} {
		got := ask(t, &Bench{}, wire.Ask{Read: true}, iotest.HalfReader(packed(t, kind, text))).Trace
		if got == nil {
			t.Fatalf("%q was not read", kind)
		}
		if got.Requests != 3 || got.Gets != 3 || got.Keys != 3 || got.Bytes != 60 || got.Millis != 60_000 || got.Lines != 5 || got.BadCount != 2 ||
			got.Header != "time,key,size" || got.Format != kind || got.SHA256 != sum {
			t.Errorf("%q is understood as %+v", kind, got)
		}
		if b := got.Bad[0]; b.Number != 3 || b.Text != "0.5,b,ten" || !strings.Contains(b.Why, `"ten"`) {
			t.Errorf("the bad line is %+v", b)
		}
		if r := got.First[0]; r.Key != 1<<64-1 || r.Size != 10 || r.Op != "get" {
			t.Errorf("the first request is %+v", r)
		}
		if end := got.Ends[len(got.Ends)-1]; end.Request != 3 || end.Millis != 60_000 {
			t.Errorf("the last span ends at %+v", end)
		}
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	for _, c := range []struct {
		ask  wire.Ask
		file io.Reader
		want string
	}{
		{wire.Ask{}, nil, "nothing that a worker can do"},
		{wire.Ask{Read: true}, nil, "nothing that a worker can do"},
		{wire.Ask{Read: true}, strings.NewReader("<html>"), "no line is a request"},
		{wire.Ask{Read: true}, strings.NewReader("\x1f\x8bnothing"), "gzip"},
		{wire.Ask{Read: true}, strings.NewReader("\x28\xb5\x2f\xfdnothing"), ""},
		{wire.Ask{Read: true}, iotest.ErrReader(errors.New("it was removed")), "it was removed"},
		{wire.Ask{Generate: "best"}, nil, "no kind of requests"},
		{wire.Ask{Generate: "loop,requests=6000000"}, nil, "at most 5000000"},
		{wire.Ask{Run: &wire.Run{Policy: "lru", Capacity: 1}}, nil, "no trace"},
	} {
		if got := ask(t, &Bench{}, c.ask, c.file); got.Error == "" || !strings.Contains(got.Error, c.want) || got.Trace != nil || got.Result != nil {
			t.Errorf("%+v is answered by %+v, want an error with %q", c.ask, got, c.want)
		}
	}
	b := &Bench{}
	ask(t, b, wire.Ask{Generate: "loop,requests=10,keys=5"}, nil)
	if got := ask(t, b, wire.Ask{Run: &wire.Run{Policy: "best", Capacity: 1}}, nil); !strings.Contains(got.Error, "unknown policy") {
		t.Errorf("a policy that nobody knows is answered by %+v", got)
	}
}

// What comes over the wire is, digit for digit, what the command sim prints.
func TestResultsAreThoseOfTheCommand(t *testing.T) {
	const text = "scan,requests=200000,keys=3000,exponent=0.8,period=5000,length=500,size=512-65536,seed=3"
	w, err := sim.ParseWorkload(text)
	if err != nil {
		t.Fatal(err)
	}
	requests, err := w.Generate()
	if err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&csv, ",%d,%d\n", r.Key, r.Size)
	}
	made, read := &Bench{}, &Bench{}
	a, b := ask(t, made, wire.Ask{Generate: text}, nil).Trace, ask(t, read, wire.Ask{Read: true}, strings.NewReader(csv.String())).Trace
	if a == nil || b == nil || a.Requests != b.Requests || a.Keys != b.Keys || a.Bytes != b.Bytes || a.Gets != 200_000 {
		t.Fatalf("made %+v, read %+v", a, b)
	}
	for _, info := range policy.Infos() {
		cell := sim.Cell{Policy: info.Name, Capacity: a.Bytes / 20, Seed: 7}
		want, err := cell.Run(requests, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, bench := range []*Bench{made, read} {
			got := ask(t, bench, wire.Ask{Run: &wire.Run{Policy: cell.Policy, Capacity: cell.Capacity, Seed: cell.Seed}}, nil).Result
			if got == nil {
				t.Fatalf("%s gave nothing", info.Name)
			}
			row := cell.Row(sim.Result{Requests: got.Requests, Hits: got.Hits, Bytes: got.Bytes, HitBytes: got.HitBytes, Evictions: got.Evictions})
			if row != cell.Row(want) {
				t.Errorf("got\n%s\nwant\n%s", row, cell.Row(want))
			}
			var sum wire.Count
			for _, s := range got.Spans {
				sum.Requests, sum.Hits = sum.Requests+s.Requests, sum.Hits+s.Hits
			}
			if sum.Requests != got.Requests || sum.Hits != got.Hits || len(got.Spans) != len(a.Ends) {
				t.Errorf("%s: %d spans add up to %+v", info.Name, len(got.Spans), sum)
			}
		}
	}
}

// BenchmarkExperiment is a million requests over 8 policies and 12 capacities, one
// after the other: what the workers of the page share among them.
//
//	GOOS=js GOARCH=wasm go test -exec="$(go env GOROOT)/lib/wasm/go_js_wasm_exec" -run '^$' -bench Experiment -benchtime 1x ./frontend-wasm/lab/bench
func BenchmarkExperiment(b *testing.B) {
	var l listener
	bench := &Bench{Tell: l.tell}
	bench.Answer(wire.Ask{Generate: "photographs,requests=1000000,keys=100000"}, nil, 0)
	trace := l.told[len(l.told)-1].Trace
	capacities, err := sim.ParseCapacities("0.1%..100%/12", trace.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, info := range policy.Infos() {
			for _, capacity := range capacities {
				bench.Answer(wire.Ask{Run: &wire.Run{Policy: info.Name, Capacity: capacity, Seed: 1}}, nil, 0)
			}
		}
	}
}
