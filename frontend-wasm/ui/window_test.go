package ui

import (
	"testing"

	"memcache/shared/api"
)

func sample(at int64, requests, hits int64) api.Sample {
	return api.Sample{Time: at * 1000, Seconds: 1, Requests: requests, Hits: hits, Misses: requests - hits}
}

func tick(s api.Sample) api.Tick { return api.Tick{Sample: s, Up: true} }

func TestWindowSlides(t *testing.T) {
	w := newWindow(api.Stats{Now: 1000_000, Seconds: 10, Samples: []api.Sample{sample(985, 9, 9), sample(991, 4, 1), sample(1000, 6, 3)}})
	if sum := api.Summarize(w.Samples); len(w.Samples) != 2 || sum.Requests != 10 || sum.HitRate != 0.4 {
		t.Fatalf("the window holds %+v, want the last ten seconds", w.Samples)
	}
	for i := int64(1001); i <= 5000; i++ {
		w.add(tick(sample(i, 1, 1)))
		w.add(tick(sample(i, 1, 1))) // the same again
	}
	if sum := api.Summarize(w.Samples); len(w.Samples) != 10 || sum.Requests != 10 || sum.HitRate != 1 {
		t.Errorf("after an hour the window holds %d samples, %+v; want ten", len(w.Samples), sum)
	}
}

func TestWindowKeepsGaps(t *testing.T) {
	w := newWindow(api.Stats{Now: 1000_000, Seconds: 600})
	w.add(tick(sample(1001, 1, 1)))
	w.add(api.Tick{Sample: api.Sample{Time: 1002_000}})
	w.add(tick(sample(1003, 1, 1)))
	if len(w.Samples) != 2 || w.Now != 1003_000 {
		t.Errorf("the window holds %+v at %d, want nothing for the second without a cache", w.Samples, w.Now)
	}
}

func TestFault32_NoDoublePointsAfterReconnecting(t *testing.T) {
	w := newWindow(api.Stats{Now: 1000_000, Seconds: 600, Samples: []api.Sample{sample(995, 1, 1)}})
	w.add(tick(sample(996, 1, 1)))
	w.add(tick(sample(1008, 5, 5)))
	w.renew(api.Stats{Now: 1007_000, Seconds: 600, Samples: []api.Sample{sample(1005, 7, 7), sample(995, 1, 1), sample(1000, 2, 2)}})
	var times []int64
	for i, s := range w.Samples {
		times = append(times, s.Time/1000)
		if i > 0 && times[i] <= times[i-1] {
			t.Errorf("the samples are at %v, want each once and in order", times)
		}
	}
	if len(times) != 4 || w.Now != 1008_000 {
		t.Errorf("the samples are at %v, want the recorded three and the live one after them", times)
	}
}

func TestWindowFindsTheNearestSample(t *testing.T) {
	w := newWindow(api.Stats{Now: 600_000, Seconds: 600, Samples: []api.Sample{sample(300, 1, 1), sample(305, 2, 1)}})
	for x, want := range map[float64]int64{0.5: 300, 0.503: 300, 0.506: 305, 0.515: 305} {
		if i := w.at(x); i < 0 || w.Samples[i].Time != want*1000 {
			t.Errorf("at %v is sample %d, want the one of %d s", x, i, want)
		}
	}
	for _, x := range []float64{0, 0.4, 0.9, 1} {
		if i := w.at(x); i >= 0 {
			t.Errorf("at %v is sample %d, want none", x, i)
		}
	}
	var none window
	if none.at(0.5) != -1 {
		t.Error("a window without samples has one")
	}
}
