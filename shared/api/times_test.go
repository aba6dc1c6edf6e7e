package api

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTimesFindTheirBucket(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-time.Second: 0, 0: 0, 10 * time.Microsecond: 0, 10*time.Microsecond + 1: 1, 16 * time.Microsecond: 1, time.Millisecond: 10,
		10 * time.Second: 30, 10*time.Second + 1: 31, time.Hour: 31,
	} {
		if got := TimeBucket(d); got != want {
			t.Errorf("%v is in bucket %d, want %d", d, got, want)
		}
	}
	if bounds := TimeBounds(); len(bounds) != len(Times{})-1 || !slices.IsSorted(bounds) || bounds[0] != 10e-6 || bounds[30] != 10 {
		t.Errorf("the bounds are %v", bounds)
	}
}

// TestQuantilesAreNearTheTruth, also of histograms that were added up.
func TestQuantilesAreNearTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var all []float64
	var sum Times
	for range 10 {
		var some Times
		for range 1000 {
			seconds := 200e-6 * math.Exp(random.NormFloat64()*1.5)
			all = append(all, seconds)
			some[TimeBucket(time.Duration(seconds*1e9))]++
		}
		sum.Add(some)
	}
	slices.Sort(all)
	for _, q := range []float64{0.25, 0.5, 0.95, 0.99, 0.999} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		if got, ok := sum.Quantile(q); !ok || got > want*1.25 || got < want/1.25 {
			t.Errorf("the quantile %v is %v, want about %v", q, got, want)
		}
	}
	if p := sum.Percentiles(); p.Count != 10_000 || p.P50 >= p.P95 || p.P95 >= p.P99 {
		t.Errorf("the percentiles are %+v", p)
	}
}

func TestQuantilesOfNothingAndOfWhatIsBeyond(t *testing.T) {
	var none Times
	if got, ok := none.Quantile(0.5); ok || none.Percentiles() != (Percentiles{}) {
		t.Errorf("nothing has the median %v", got)
	}
	var slow Times
	slow[len(slow)-1] = 3
	if got, ok := slow.Quantile(0.5); !ok || got != 10 {
		t.Errorf("what took longer than the last bound has the median %v, want this bound", got)
	}
}

func TestTimesAsJSON(t *testing.T) {
	s := Sample{Time: 1}
	if text, err := json.Marshal(s); err != nil || strings.Contains(string(text), "reads") {
		t.Errorf("without reads: %s, %v", text, err)
	}
	s.Reads.Hits[2], s.Reads.Seconds = 7, 5
	text, err := json.Marshal(s)
	if err != nil || !strings.Contains(string(text), `"reads":{"s":5,"memoryBytes":0,"diskBytes":0,"hits":[0,0,7]}`) {
		t.Errorf("got %s, %v", text, err)
	}
	var back Sample
	if err := json.Unmarshal(text, &back); err != nil || back != s {
		t.Errorf("%+v came back as %+v, %v", s, back, err)
	}
	if err := json.Unmarshal([]byte("["+strings.Repeat("1,", len(Times{}))+"1]"), new(Times)); err == nil {
		t.Error("a histogram that is too long was taken")
	}
}

func TestSamplesAreJoined(t *testing.T) {
	a := Sample{Time: 1, Seconds: 1, Items: 5, Bytes: 50, Capacity: 99, Requests: 2, Hits: 1, Misses: 1, Reads: Reads{Seconds: 1, MemoryBytes: 3}}
	down := Sample{Time: 2, Reads: Reads{Seconds: 1, DiskBytes: 4}}
	down.Reads.Misses[3] = 1
	got := a
	got.Join(down)
	want := a
	want.Time, want.Reads = 2, Reads{Seconds: 2, MemoryBytes: 3, DiskBytes: 4, Misses: down.Reads.Misses}
	if got != want {
		t.Errorf("a second without a cache joined to one with it is\n%+v, want\n%+v", got, want)
	}
	got.Join(Sample{Time: 3, Seconds: 1, Items: 6, Requests: 1})
	if got.Items != 6 || got.Seconds != 2 || got.Requests != 3 || got.Time != 3 {
		t.Errorf("joined to a third second: %+v", got)
	}
}
