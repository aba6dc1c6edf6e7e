package sim_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"memcache/cache/sim"
)

func workload(t *testing.T, text string) sim.Workload {
	t.Helper()
	w, err := sim.ParseWorkload(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func generate(t *testing.T, text string) []sim.Request {
	t.Helper()
	requests, err := workload(t, text).Generate()
	if err != nil {
		t.Fatal(err)
	}
	return requests
}

func TestTheTextOfAWorkloadSaysAll(t *testing.T) {
	for _, w := range sim.Workloads() {
		if got := workload(t, w.Kind); got != w {
			t.Errorf("%s alone is %+v, want %+v", w.Kind, got, w)
		}
		if got := workload(t, w.String()); got != w {
			t.Errorf("%s is read as %+v, want %+v", w, got, w)
		}
	}
	w := workload(t, "scan, requests=7, keys=3, exponent=0.75, period=2, length=9, size=10-2000, seed=18446744073709551615")
	if want := "scan,requests=7,keys=3,exponent=0.75,period=2,length=9,size=10-2000,seed=18446744073709551615"; w.String() != want {
		t.Errorf("got %s, want %s", w, want)
	}
}

func TestAnImpossibleWorkloadIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "no kind"},
		{"zipfian", "zipf, shifting, scan, loop and photographs"},
		{"zipf,requests=0", "1 to 50000000"},
		{"zipf,keys=1e9", "1 to 10000000"},
		{"zipf,keys=99999999", "1 to 10000000"},
		{"zipf,exponent=-1", "0 to 4"},
		{"zipf,exponent=NaN", "0 to 4"},
		{"zipf,seed=-1", "from 0 on"},
		{"zipf,size=0", "1024-4096"},
		{"zipf,size=9-8", "1024-4096"},
		{"zipf,size=1-x", "1024-4096"},
		{"zipf,period=5", `"period" is nothing`},
		{"loop,exponent=1", `"exponent" is nothing`},
		{"loop,what", `"what" is nothing`},
	} {
		if _, err := sim.ParseWorkload(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q gives %v, want %q in it", c.text, err, c.want)
		}
	}
	if _, err := (sim.Workload{Kind: "loop", Requests: 1, Keys: 1}).Generate(); err == nil {
		t.Error("requests without sizes were made")
	}
}

// A workload asks for what the generator of its kind does.
func TestWorkloadsAreThoseOfTheGenerators(t *testing.T) {
	for text, keys := range map[string][]uint64{
		"zipf,requests=5000,keys=300,exponent=1,seed=9":             slices.Collect(sim.Zipf(9, 5000, 300)),
		"photographs,requests=5000,keys=300,seed=9":                 slices.Collect(sim.Zipf(9, 5000, 300)),
		"shifting,requests=5000,keys=300,period=7,seed=9":           slices.Collect(sim.Shifting(9, 5000, 300, 7)),
		"loop,requests=5000,keys=300":                               slices.Collect(sim.Loop(5000, 300)),
		"scan,requests=5000,keys=300,period=1000,length=50,seed=10": slices.Collect(sim.Scans(sim.Zipf(10, 5000, 300), 1000, 50))[:5000],
	} {
		requests := generate(t, text)
		if len(requests) != len(keys) {
			t.Fatalf("%s makes %d requests, want %d", text, len(requests), len(keys))
		}
		for i, r := range requests {
			if r.Key != keys[i] || r.Op != sim.Get {
				t.Fatalf("%s: request %d is %+v, want key %d", text, i, r, keys[i])
			}
		}
	}
}

func TestTheExponentIsThatOfZipfsLaw(t *testing.T) {
	const n = 400_000
	for text, exponent := range map[string]float64{"0": 0, "0.6": 0.6, "1": 1, "1.37": 1.37, "2": 2} {
		counts := map[uint64]int{}
		for _, r := range generate(t, "zipf,keys=1000,requests=400000,exponent="+text) {
			counts[r.Key]++
		}
		var sum float64
		for k := range 1000 {
			sum += math.Pow(float64(k+1), -exponent)
		}
		for _, k := range []uint64{0, 1, 2, 9} {
			want := n / sum * math.Pow(float64(k+1), -exponent)
			if got := float64(counts[k]); math.Abs(got-want) > 6*math.Sqrt(want) {
				t.Errorf("exponent %s: key %d is asked for %.0f times, want about %.0f", text, k, got, want)
			}
		}
	}
}

func TestSizesAreWithinTheirRange(t *testing.T) {
	least, most := int64(math.MaxInt64), int64(0)
	small := 0
	for _, r := range generate(t, "loop,requests=50000,keys=50000,size=1000-20000") {
		least, most = min(least, r.Size), max(most, r.Size)
		if r.Size < 2000 {
			small++
		}
	}
	if least < 1000 || least > 1100 || most > 20_000 || most < 19_000 || small < 8_000 || small > 12_000 {
		t.Errorf("sizes from %d to %d, of which %d are below 2000, want 1000 to 20000 and about 10000", least, most, small)
	}
}

func TestCapacities(t *testing.T) {
	for text, want := range map[string][]int64{
		"1k, 2m,3g":           {1 << 10, 2 << 20, 3 << 30},
		"10%,1%,1%,500":       {500, 1000, 10_000},
		"0.0001%":             {1},
		"1%..100%/3":          {1000, 10_000, 100_000},
		"1..8/4":              {1, 2, 4, 8},
		"1k..1k/2":            {1024},
		"7,1%..2%/2, 100%":    {7, 1000, 2000, 100_000},
		"100..100000/2,50000": {100, 50_000, 100_000},
	} {
		if got, err := sim.ParseCapacities(text, 100_000); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ",", "0", "-1", "1q", "-5%", "0%", "1..2", "2..1/2", "1..2/1", "1..x/3", "1..2/999", "1..1g/200,1..2g/199", "NaN%"} {
		if got, err := sim.ParseCapacities(text, 100_000); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestSpans(t *testing.T) {
	timed := func(times ...int64) (requests []sim.Request) {
		for _, at := range times {
			requests = append(requests, sim.Request{Time: at})
		}
		return requests
	}
	for _, c := range []struct {
		name     string
		requests []sim.Request
		want     []sim.Span
		byTime   bool
	}{
		{"none", nil, nil, false},
		{"equal times", timed(5, 5, 5, 5), []sim.Span{{End: 1}, {End: 2}, {End: 4}}, false},
		{"backwards", timed(1, 3, 2), []sim.Span{{End: 1}, {End: 2}, {End: 3}}, false},
		{"by time", timed(10, 11, 12, 100), []sim.Span{{3, 30}, {3, 60}, {4, 90}}, true},
		{"fewer requests", timed(0, 1), []sim.Span{{1, 0}, {2, 1}}, true},
		{"far apart", timed(-1e18, 1e18), []sim.Span{{1, 1e18}, {2, 2e18}}, true},
	} {
		got, byTime := sim.Spans(c.requests, 3)
		if !slices.Equal(got, c.want) || byTime != c.byTime {
			t.Errorf("%s: %v, by time %v, want %v, %v", c.name, got, byTime, c.want, c.byTime)
		}
	}
}

// What is counted by spans is what is counted without them.
func TestSpansAddUp(t *testing.T) {
	requests := mixed(5_000)
	cell := sim.Cell{Policy: "s3fifo", Capacity: 50 << 20, Seed: 1}
	whole, err := cell.Run(requests, nil)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{100, 100, 3_000, len(requests)}
	spans, err := cell.RunSpans(requests, ends, nil)
	if err != nil || len(spans) != len(ends) || spans[3] != whole || spans[1] != spans[0] || spans[0].Requests < 50 || spans[2].Hits <= spans[1].Hits {
		t.Errorf("spans are %+v (%v), want the last to be %+v", spans, err, whole)
	}
}
