//go:build !js && !race

package mrc_test

import (
	"flag"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"memcache/cache/mrc"
	"memcache/cache/policy"
	"memcache/cache/sim"
)

var long = flag.Bool("long", false, "compare the curves with simulations of every trace, instead of the shortest ones")

// sample is how many keys are sampled; the cache samples more when it has the time.
var sample = flag.Int("sample", 8192, "sample so many keys")

const seed = 42

// quarter is a capacity that holds a quarter of all objects, so that the curves go from
// 1/256 to more than all of them.
func quarter(requests []request) int64 { return workingSet(requests) / 4 }

// measure feeds the requests to curves of a cache.
func measure(t *testing.T, c mrc.Config, capacity int64, requests []request) (*mrc.Curves, mrc.Snapshot) {
	t.Helper()
	c.Capacity, c.Seed = capacity, seed
	curves := newCurves(t, c)
	for _, r := range requests {
		curves.Pass(mrc.Traffic{Requests: 1, HitBytes: r.size})
		curves.Add(mrc.Event{Op: mrc.Hit, Hash: sim.Hash(r.key), Size: uint32(r.size), Charge: uint32(r.size)})
	}
	return curves, curves.Snapshot(mrc.FiveMinutes)
}

// What is promised of 8,192 sampled keys: the error of a policy's curve, as a mean
// over the capacities, and then over the traces.
const (
	meanOfObjects = 0.008
	meanOfBytes   = 0.010
	worstTrace    = 0.015
)

// The curves from 8,192 keys keep the promise.
func TestSampledCurvesAreNearTheSimulation(t *testing.T) {
	var mu sync.Mutex
	errors := map[string]*deviations{}
	t.Run("traces", func(t *testing.T) {
		forEachTrace(t, func(t *testing.T, name string, requests []request) {
			curves, got := measure(t, mrc.Config{ExactKeys: *sample, SampleKeys: *sample}, quarter(requests), requests)
			if curves.Memory() > 16<<20 {
				t.Errorf("%d bytes are taken", curves.Memory())
			}
			for _, curve := range got.Curves {
				d := deviation(t, curve, requests)
				t.Logf("%-9s %.4f of the objects, %.4f of the bytes, at most %.4f; %.0f%% within the band", curve.Policy, d.objects, d.bytes, d.most, 100*d.within)
				if max(d.objects, d.bytes) > worstTrace {
					t.Errorf("%s: the mean error is %.4f of the objects and %.4f of the bytes", curve.Policy, d.objects, d.bytes)
				}
				mu.Lock()
				if errors[curve.Policy] == nil {
					errors[curve.Policy] = &deviations{}
				}
				errors[curve.Policy].add(d)
				mu.Unlock()
			}
			t.Logf("exact %v, rate %.4f, %d keys, %d KB", got.Exact, got.Rate, got.Keys, curves.Memory()>>10)
		})
	})
	for name, e := range errors {
		n := float64(e.n)
		t.Logf("%-9s %.4f of the objects, %.4f of the bytes; %.0f%% within the band", name, e.objects/n, e.bytes/n, 100*e.within/n)
		if e.objects/n > meanOfObjects || e.bytes/n > meanOfBytes {
			t.Errorf("%s: the mean error is %.4f of the objects and %.4f of the bytes", name, e.objects/n, e.bytes/n)
		}
	}
}

// deviations are sums of errors.
type deviations struct {
	n                            int
	objects, bytes, most, within float64
}

func (d *deviations) add(e deviations) {
	d.n++
	d.objects += e.objects
	d.bytes += e.bytes
	d.within += e.within
}

// deviation is how far a curve is from simulations of all requests, in the mean.
func deviation(t *testing.T, curve mrc.Curve, requests []request) (d deviations) {
	t.Helper()
	n := float64(len(curve.Points))
	for _, p := range curve.Points {
		want := replay(t, curve.Policy, p.Capacity, requests)
		o, b := math.Abs(p.Objects-want.ObjectMissRatio()), math.Abs(p.Bytes-want.ByteMissRatio())
		d.objects += o / n
		d.bytes += b / n
		d.most = max(d.most, o, b)
		for _, within := range []bool{o <= p.ObjectsBand+1e-9, b <= p.BytesBand+1e-9} {
			if within {
				d.within += 1 / (2 * n)
			}
		}
	}
	return d
}

// Curves that say they are exact equal the simulation, request for request.
func TestExactCurvesEqualTheSimulation(t *testing.T) {
	forEachTrace(t, func(t *testing.T, name string, requests []request) {
		curves, got := measure(t, mrc.Config{}, quarter(requests), requests)
		t.Logf("%s: exact %v, rate %.4f, %d keys, %d KB", name, got.Exact, got.Rate, got.Keys, curves.Memory()>>10)
		if !got.Exact {
			return
		}
		equalSimulation(t, got, requests)
	})
}

func equalSimulation(t *testing.T, got mrc.Snapshot, requests []request) {
	t.Helper()
	for _, curve := range got.Curves {
		for _, p := range curve.Points {
			r := replay(t, curve.Policy, p.Capacity, requests)
			want := fmt.Sprintf("%.9f %.9f", r.ObjectMissRatio(), r.ByteMissRatio())
			if is := fmt.Sprintf("%.9f %.9f", p.Objects, p.Bytes); is != want {
				t.Errorf("%s, capacity %d: missed %s, want %s", curve.Policy, p.Capacity, is, want)
			}
		}
	}
}

func replay(t *testing.T, name string, capacity int64, requests []request) sim.Result {
	t.Helper()
	p, err := policy.New(name, seed)
	if err != nil {
		t.Fatal(err)
	}
	return sim.Replay(p, capacity, func(yield func(uint64, int64) bool) {
		for _, r := range requests {
			if !yield(r.key, r.size) {
				return
			}
		}
	})
}

// With photographs, GDSF and W-TinyLFU keep nearly all keys in half of the bytes, so
// that the miniatures hold the most. All keys that there may be are exact even so, and
// within 16 MiB, wherever the capacities lie.
func TestExactUpTo64kKeys(t *testing.T) {
	const keys, most = 1<<16 - 1, 16 << 20
	var requests []request
	for key := range uint64(keys) {
		requests = append(requests, request{key, sim.Photograph(key)})
	}
	for key := range sim.Zipf(6, 60_000, keys) {
		requests = append(requests, request{key, sim.Photograph(key)})
	}
	for _, part := range []int64{97, 75, 55} { // so many percent of all bytes is the largest capacity that overflows
		before := heap()
		curves, got := measure(t, mrc.Config{}, workingSet(requests)*part/400, requests)
		taken := heap() - before
		t.Logf("%d %%: exact %v, %d keys, %d KB of the heap, %d KB by its own count", part, got.Exact, got.Keys, taken>>10, curves.Memory()>>10)
		if !got.Exact || got.Keys != keys || taken > most {
			t.Errorf("%d %%: exact is %v, with %d keys in %d bytes", part, got.Exact, got.Keys, taken)
		}
		runtime.KeepAlive(curves)
		if part == 75 {
			equalSimulation(t, got, requests)
		}
	}
}

// The heap grows by no more than 16 MiB, whatever the keys.
func TestMemory(t *testing.T) {
	for name, capacity := range map[string]int64{"all in the smallest": 1 << 40, "none in the largest": 16 * page, "half in the present": 32_000 * page} {
		before := heap()
		c := newCurves(t, mrc.Config{Capacity: capacity})
		most := uint64(0)
		for key := range uint64(120_000) {
			c.Add(hit(key))
			if key%20_000 == 0 {
				most = max(most, heap()-before)
			}
		}
		s := c.Snapshot(mrc.Hour)
		most = max(most, heap()-before)
		t.Logf("%s: %d keys at rate %.3f; %d KB of the heap, %d KB by its own count", name, s.Keys, s.Rate, most>>10, c.Memory()>>10)
		if most > 16<<20 {
			t.Errorf("%s: %d bytes of the heap are taken", name, most)
		}
		runtime.KeepAlive(c)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
