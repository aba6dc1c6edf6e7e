//go:build !race

package tap_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"memcache/cache/mrc"
	"memcache/cache/sim"
	"memcache/cache/trace"
	"memcache/cache/trace/unpack"
)

// There is nothing to race here, and the race detector would take minutes.

var long = flag.Bool("long", false, "replay ten times as much")

func predicted(t *testing.T, s mrc.Snapshot, policy string, capacity int64) float64 {
	t.Helper()
	for _, curve := range s.Curves {
		for _, p := range curve.Points {
			if curve.Policy == policy && p.Capacity == capacity {
				return 1 - p.Objects
			}
		}
	}
	t.Fatalf("no point for %s with %d bytes", policy, capacity)
	return 0
}

// What the curves promise of another capacity, of another policy and of both is
// what then happens, to within 0.01. So is what they say of the present.
func TestPredictionAgainstOutcome(t *testing.T) {
	const (
		capacity = 8 << 20
		warm     = 120_000 // requests: the miniatures and the cache need as many to settle
	)
	n := 30_000 // five minutes
	if *long {
		n = 300_000
	}
	for _, to := range []struct {
		policy   string
		capacity int64
	}{{"lru", 2 * capacity}, {"wtinylfu", capacity}, {"s3fifo", 4 * capacity}, {"gdsf", capacity / 2}} {
		c := newCache(t, capacity, "lru")
		c.replay(1, warm, 0)
		is := c.replay(2, n, 0)
		s, lost := c.tap.Curves(mrc.FiveMinutes)
		if *long {
			s, _ = c.tap.Curves(mrc.Hour)
		}
		if lost > 0 {
			t.Fatalf("%d events were lost", lost)
		}
		if says := predicted(t, s, "lru", capacity); math.Abs(says-is) > 0.01 && !*long {
			t.Errorf("the present: %.4f hits are measured, %.4f predicted", is, says)
		}
		promise := predicted(t, s, to.policy, to.capacity)
		if err := c.store.SetCapacity(to.capacity); err != nil {
			t.Fatal(err)
		}
		if err := c.store.SetPolicy(to.policy); err != nil {
			t.Fatal(err)
		}
		outcome := c.replay(3, warm+n, warm)
		t.Logf("%s with %d MB: %.4f promised, %.4f happened (exact %v, rate %.3f, %d keys)", to.policy, to.capacity>>20, promise, outcome, s.Exact, s.Rate, s.Keys)
		if math.Abs(promise-outcome) > 0.01 {
			t.Errorf("%s with %d MB: %.4f hits were promised, %.4f happened", to.policy, to.capacity>>20, promise, outcome)
		}
	}
}

// warmReplays are the replays of a trace that come before the one that counts. Again
// and again the same is a loop, in which it takes SIEVE, S3-FIFO and W-TinyLFU some
// turns until what was there in the beginning has no effect any more: in a cache that
// was switched to them, in one that has had them all the time, and in a miniature.
const warmReplays = 4

// With -long, the same on the real traces that may lie beside the repository: what
// the curves say of a replay, with LRU and an eighth of the memory, is what a later
// one with another policy and capacity has.
func TestPredictionOnTraces(t *testing.T) {
	if !*long {
		t.Skip("without -long")
	}
	files, err := filepath.Glob("../../../../shared/traces/*.csv.zst")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		requests := readTrace(t, file)
		_, all := sim.WorkingSet(requests)
		capacity := max(1<<20, all/8)
		for _, to := range []struct {
			policy   string
			capacity int64
		}{{"lru", 2 * capacity}, {"wtinylfu", 2 * capacity}, {"s3fifo", capacity}, {"sieve", 4 * capacity}, {"lfuda", capacity / 2}, {"gdsf", capacity / 2}} {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".csv.zst")+" "+to.policy, func(t *testing.T) {
				t.Parallel()
				c := newCache(t, capacity, "lru")
				for range warmReplays {
					c.replayAll(requests)
				}
				before := c.missed(to.policy, to.capacity)
				c.replayAll(requests)
				promise := 1 - (c.missed(to.policy, to.capacity)-before)/float64(len(requests))
				if err := errors.Join(c.store.SetCapacity(to.capacity), c.store.SetPolicy(to.policy)); err != nil {
					t.Fatal(err)
				}
				for range warmReplays {
					c.replayAll(requests)
				}
				outcome := c.replayAll(requests)
				t.Logf("%.4f promised, %.4f happened", promise, outcome)
				if math.Abs(promise-outcome) > 0.01 {
					t.Errorf("%.4f hits were promised, %.4f happened", promise, outcome)
				}
			})
		}
	}
}

func readTrace(t *testing.T, file string) []sim.Request {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := unpack.Reader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := trace.Read(r, sim.MaxRequests)
	if err != nil {
		t.Fatal(err)
	}
	return all.Requests
}

// replayAll asks for all in ten minutes, so that the curves' last hour has five of
// them, and returns the part that hit.
func (c *cache) replayAll(requests []sim.Request) float64 {
	c.t.Helper()
	const largest = 1<<20 - 1024 // what is larger, the store would not take
	perSecond, hits := max(1, len(requests)/600), 0
	for i, r := range requests {
		if c.get(r.Key, min(r.Size, largest)) {
			hits++
		}
		if i%perSecond == perSecond-1 {
			c.step()
		}
	}
	c.step()
	return float64(hits) / float64(len(requests))
}

// missed is how many requests of the last hour the curves say would have missed.
func (c *cache) missed(policy string, capacity int64) float64 {
	c.t.Helper()
	s, lost := c.tap.Curves(mrc.Hour)
	if lost > 0 {
		c.t.Fatalf("%d events were lost", lost)
	}
	return (1 - predicted(c.t, s, policy, capacity)) * float64(s.Requests)
}
