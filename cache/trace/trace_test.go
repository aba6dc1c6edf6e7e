package trace_test

import (
	"slices"
	"strings"
	"testing"

	"memcache/cache/sim"
	"memcache/cache/trace"
)

func read(t *testing.T, text string) trace.Trace {
	t.Helper()
	tr, err := trace.Read(strings.NewReader(text), sim.MaxRequests)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestColumnsMayStandInAnyOrderAndTheHeaderMayBeMissing(t *testing.T) {
	want := []sim.Request{{Time: 500, Key: 7, Size: 4096}, {Time: 1500, Key: 8, Size: 1}}
	for _, text := range []string{
		"time,key,size\n0.5,7,4096\n1.5,8,1\n",
		"0.5,7,4096\r\n1.5,8,1",
		"\ufeffSize,Extra,Key,Time\n4096,x,7,0.5\n\n# a remark\n1,,8,1.5\n",
	} {
		if got := read(t, text); !slices.Equal(got.Requests, want) || got.BadCount != 0 {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestKeysMayBeText(t *testing.T) {
	r := read(t, "time,key,size\n0,photos/1.jpg,10\n1,photos/2.jpg,10\n2,photos/1.jpg,10\n").Requests
	if r[0].Key != r[2].Key || r[0].Key == r[1].Key {
		t.Errorf("keys are %d, %d, %d", r[0].Key, r[1].Key, r[2].Key)
	}
}

func TestBadLinesAreLeftOutAndToldOf(t *testing.T) {
	got := read(t, "time,key,size\n0,1,10\nx,1,10\n0,,10\n0,1,-5\n0,1\n0,2,20\n0,1,1e9\n")
	if len(got.Requests) != 2 || got.BadCount != 5 || got.Lines != 7 {
		t.Errorf("%+v", got)
	}
	var lines []int
	for _, b := range got.Bad {
		lines = append(lines, b.Number)
		if b.Why == "" {
			t.Errorf("line %d has no reason", b.Number)
		}
	}
	if want := []int{3, 4, 5, 6, 8}; !slices.Equal(lines, want) {
		t.Errorf("bad lines %v, want %v", lines, want)
	}
}

func TestOnlyTheFirstBadLinesAreKept(t *testing.T) {
	got := read(t, "0,1,10\n"+strings.Repeat("0,1,"+strings.Repeat("x", 1000)+"\n", 1000))
	if got.BadCount != 1000 || len(got.Bad) > 20 || len(got.Bad[0].Text) > 80 {
		t.Errorf("%d bad lines, of which %d are told with %d bytes", got.BadCount, len(got.Bad), len(got.Bad[0].Text))
	}
}

func TestWhatIsNoTraceIsRefused(t *testing.T) {
	for _, text := range []string{"", "time,key,size\n", "<html>\n<body>\n", strings.Repeat("x", 1<<20)} {
		if got, err := trace.Read(strings.NewReader(text), sim.MaxRequests); err == nil {
			t.Errorf("%.20q was read as %d requests", text, len(got.Requests))
		}
	}
}

// In a recording, a miss is a request for the value that is stored next.
func TestMissesGetTheSizeOfTheirFill(t *testing.T) {
	got := read(t, `time,key,size,op
0,1,,miss
1,1,,miss
2,1,10,set
3,1,10,hit
4,1,,miss
5,1,10,set
6,1,20,set
7,1,,delete
8,1,,miss
9,1,30,set
10,2,5,set
11,3,,miss
`).Requests
	want := []sim.Request{
		{Time: 0, Key: 1, Size: 10},
		{Time: 1000, Key: 1, Size: 10},
		{Time: 3000, Key: 1, Size: 10},
		{Time: 4000, Key: 1, Size: 10},
		{Time: 6000, Key: 1, Size: 20, Op: sim.Put},
		{Time: 7000, Key: 1, Op: sim.Delete},
		{Time: 8000, Key: 1, Size: 30},
		{Time: 10_000, Key: 2, Size: 5, Op: sim.Put},
		{Time: 11_000, Key: 3},
	}
	if !slices.Equal(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
}

func TestATraceThatIsTooLongIsRefused(t *testing.T) {
	text := strings.Repeat("0,1,10\n", 5)
	if _, err := trace.Read(strings.NewReader(text), 5); err != nil {
		t.Error(err)
	}
	if _, err := trace.Read(strings.NewReader(text), 4); err == nil || !strings.Contains(err.Error(), "more than 4 requests") {
		t.Errorf("a trace of 5 requests, where 4 may be, gives %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("time,key,size,op\n0,1,,miss\n1,1,5,set\n")
	f.Add("0,1,2\n,,\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := trace.Read(strings.NewReader(text), sim.MaxRequests)
		if err == nil && len(tr.Requests) == 0 {
			t.Error("a trace without requests was read without an error")
		}
		for _, r := range tr.Requests {
			if r.Size < 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}
