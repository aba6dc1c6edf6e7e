package tap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"memcache/cache/internal/store"
	"memcache/cache/internal/tap"
	"memcache/cache/mrc"
	"memcache/cache/sim"
	"memcache/cache/trace"
	"memcache/cache/trace/unpack"
)

// cache is a store with a tap and a clock that only the test moves.
type cache struct {
	t      *testing.T
	store  *store.Store
	reader *store.Reader
	tap    *tap.Tap
	now    time.Time
}

func newCache(t *testing.T, capacity int64, policy string) *cache {
	t.Helper()
	c := &cache{t: t, now: time.Unix(1_000_000, 0)}
	var err error
	if c.tap, err = tap.New(tap.Config{Capacity: capacity, Seed: 1, Patient: true}); err != nil {
		t.Fatal(err)
	}
	c.store, err = store.New(store.Config{
		Capacity: capacity, ItemLimit: 1 << 20, Policy: policy, Seed: 1, Tap: c.tap,
		Now: func() time.Time { return c.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.reader.Rest() // or Close would wait for it
		if err := c.store.Close(); err != nil {
			t.Error(err)
		}
	})
	c.reader = c.store.NewReader()
	return c
}

func name(key uint64) []byte { return binary.BigEndian.AppendUint64(nil, key) }

// get asks for a key and fills the cache with it when it is missing, as a client does.
func (c *cache) get(key uint64, size int64) (hit bool) {
	c.t.Helper()
	c.reader.Tick()
	_, hit, err := c.reader.Get(name(key), store.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.reader.Flush()
	if !hit {
		c.set(key, size, 0)
	}
	return hit
}

func (c *cache) set(key uint64, size, exptime int64) {
	c.t.Helper()
	var w store.Writer
	if err := c.store.Begin(&w, name(key), int(size)); err != nil {
		c.t.Fatal(err)
	}
	for {
		b, err := w.Next()
		if err != nil {
			c.t.Fatal(err)
		}
		if b == nil {
			break
		}
	}
	if _, _, err := w.Commit(store.SetOptions{Exptime: exptime}); err != nil {
		c.t.Fatal(err)
	}
}

// replay asks for the keys, 100 of them a second, and returns the part that hit of
// those after the first.
func (c *cache) replay(seed uint64, n, after int) float64 {
	c.t.Helper()
	hits, i := 0, 0
	for key, size := range sim.Sized(sim.Zipf(seed, n, 20_000), sim.Photograph) {
		if c.get(key, size/64) && i >= after {
			hits++
		}
		if i++; i%100 == 0 {
			c.now = c.now.Add(time.Second)
			c.tap.Step(c.store)
		}
	}
	return float64(hits) / float64(n-after)
}

// step lets a second pass.
func (c *cache) step() {
	c.now = c.now.Add(time.Second)
	c.tap.Step(c.store)
}

// What makes a value go, for another reason than room, makes it go in the
// miniatures: the next request for it misses in each of them.
func TestWhatHappensInTheStoreReachesTheCurves(t *testing.T) {
	for what, do := range map[string]struct {
		happen func(c *cache)
		misses int64 // of three requests
	}{
		"nothing":           {func(*cache) {}, 1},
		"delete":            {func(c *cache) { c.store.Delete(name(1), store.DeleteOptions{}) }, 2},
		"invalidation":      {func(c *cache) { c.store.Delete(name(1), store.DeleteOptions{Invalidate: true}) }, 2},
		"drop":              {func(c *cache) { c.store.Drop(name(1), false, 0) }, 2},
		"flush":             {func(c *cache) { _ = c.store.FlushAll(0) }, 2},
		"an expiry":         {func(c *cache) { c.set(1, 100, 1); c.step(); c.step() }, 2},
		"a touch":           {func(c *cache) { c.store.Touch(name(1), 1); c.step(); c.step() }, 2},
		"a put":             {func(c *cache) { c.set(1, 200, 0) }, 1},
		"an eviction alone": {func(c *cache) { c.evictAll() }, 1},
	} {
		c := newCache(t, 1<<20, "fifo")
		c.get(1, 100)
		c.get(1, 100)
		do.happen(c)
		c.step()
		c.get(1, 100)
		c.step()
		s, _ := c.tap.Curves(mrc.FiveMinutes)
		if s.Requests != 3 {
			t.Fatalf("%s: %d requests were counted", what, s.Requests)
		}
		for _, curve := range s.Curves {
			if got := int64(math.Round(curve.Points[len(curve.Points)-1].Objects * 3)); got != do.misses {
				t.Errorf("%s: the largest %s would have missed %d of 3 requests, want %d", what, curve.Policy, got, do.misses)
			}
		}
	}
}

// evictAll pushes everything out of the store, but not of a larger cache.
func (c *cache) evictAll() {
	for key := range uint64(20) {
		c.set(1000+key, 100<<10, 0)
	}
}

// A recording is a trace: what is replayed from it hits as often as the cache did.
// It has no key in it, and no two recordings call a key the same.
func TestRecording(t *testing.T) {
	const capacity = 4 << 20
	var texts [2]string
	for i := range texts {
		c := newCache(t, capacity, "lru")
		if err := c.tap.StartRecording(tap.MinRecording, time.Hour); err != nil {
			t.Fatal(err)
		}
		hits := c.replay(1, 5_000, 0)
		c.store.Delete(name(0), store.DeleteOptions{})
		c.step()
		if _, err := c.tap.ReadRecording(make([]byte, 1), 0); !errors.Is(err, tap.ErrRecording) {
			t.Errorf("a recording under way was read: %v", err)
		}
		if err := c.tap.StopRecording(); err != nil {
			t.Fatal(err)
		}
		texts[i] = readRecording(t, c.tap)
		got, err := trace.Read(strings.NewReader(texts[i]), sim.MaxRequests)
		if err != nil || got.BadCount > 0 {
			t.Fatalf("%v, bad lines %v", err, got.Bad)
		}
		if len(got.Requests) != 5_001 {
			t.Errorf("%d requests were recorded", len(got.Requests))
		}
		r, err := sim.Cell{Policy: "lru", Capacity: capacity}.Run(got.Requests, nil)
		if err != nil {
			t.Fatal(err)
		}
		if again := 1 - r.ObjectMissRatio(); math.Abs(again-hits) > 0.02 { // the cache charges more than the sizes, which are small here
			t.Errorf("the cache had %.4f hits, the replay of its recording %.4f", hits, again)
		}
	}
	if texts[0] == texts[1] {
		t.Error("two recordings call the keys the same")
	}
}

func readRecording(t *testing.T, from *tap.Tap) string {
	t.Helper()
	var packed bytes.Buffer
	for b := make([]byte, 1000); ; {
		n, err := from.ReadRecording(b, int64(packed.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		packed.Write(b[:n])
	}
	if r, ok := from.Recording(); !ok || r.Bytes != int64(packed.Len()) || r.Running {
		t.Errorf("%d bytes were read of the recording %+v", packed.Len(), r)
	}
	r, err := unpack.Reader(&packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestARecordingEndsByItself(t *testing.T) {
	c := newCache(t, 1<<20, "lru")
	if err := c.tap.StartRecording(tap.MinRecording, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		c.get(1, 10)
		c.step()
	}
	if r, ok := c.tap.Recording(); !ok || r.Running || r.Seconds > 10 || r.Events == 0 {
		t.Errorf("after its time: %+v", r)
	}
	if err := c.tap.StartRecording(tap.MinRecording, time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := uint64(0); ; i++ {
		if r, _ := c.tap.Recording(); !r.Running {
			if r.Bytes > tap.MinRecording {
				t.Errorf("%d bytes were recorded, of at most %d", r.Bytes, tap.MinRecording)
			}
			break
		}
		c.reader.Tick()
		if _, _, err := c.reader.Get(name(i), store.GetOptions{}); err != nil {
			t.Fatal(err)
		}
		c.reader.Rest()
		if i%1000 == 0 {
			c.tap.Step(c.store)
		}
	}
}

func TestRecordingsThatAreNotPossible(t *testing.T) {
	c := newCache(t, 1<<20, "lru")
	for _, err := range []error{
		c.tap.StartRecording(tap.MinRecording-1, time.Minute), c.tap.StartRecording(tap.MaxRecording+1, time.Minute),
		c.tap.StartRecording(tap.MinRecording, 0), c.tap.StartRecording(tap.MinRecording, 25*time.Hour), c.tap.StopRecording(),
	} {
		if err == nil {
			t.Error("an impossible recording was begun or stopped")
		}
	}
	if err := c.tap.StartRecording(tap.MinRecording, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := c.tap.StartRecording(tap.MinRecording, time.Minute); !errors.Is(err, tap.ErrRecording) {
		t.Errorf("a second recording: %v", err)
	}
	if err := c.tap.StopRecording(); err != nil {
		t.Error(err)
	}
}
