package mrc_test

import (
	"math"
	"testing"

	"memcache/cache/mrc"
	"memcache/cache/policy"
	"memcache/cache/sim"
)

const page = 4096

func newCurves(t *testing.T, c mrc.Config) *mrc.Curves {
	t.Helper()
	curves, err := mrc.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return curves
}

func hit(key uint64) mrc.Event {
	return mrc.Event{Op: mrc.Hit, Hash: sim.Hash(key), Size: page, Charge: page}
}

func event(op mrc.Op, key uint64) mrc.Event {
	e := hit(key)
	e.Op = op
	return e
}

// missed returns how many of the requests the largest cache of each policy missed,
// which must be the same for all.
func missed(t *testing.T, c *mrc.Curves) int {
	t.Helper()
	s := c.Snapshot(mrc.FiveMinutes)
	first := -1
	for _, curve := range s.Curves {
		n := int(math.Round(curve.Points[len(curve.Points)-1].Objects * float64(s.Requests)))
		if first >= 0 && n != first {
			t.Errorf("%s missed %d requests, %s %d", curve.Policy, n, s.Curves[0].Policy, first)
		}
		first = n
	}
	return first
}

func TestWhatIsGoneForAnotherReasonThanRoomIsMissedInEveryMiniature(t *testing.T) {
	for name, drop := range map[string]func(c *mrc.Curves){
		"deleted": func(c *mrc.Curves) { c.Add(event(mrc.Delete, 1)) },
		"cleared": func(c *mrc.Curves) { c.Clear() },
		"expired": func(c *mrc.Curves) {
			c.Add(mrc.Event{Op: mrc.Touch, Hash: sim.Hash(1), Expire: 20})
			c.Advance(20)
		},
	} {
		c := newCurves(t, mrc.Config{Capacity: 100 * page})
		c.Pass(mrc.Traffic{Requests: 3})
		c.Add(hit(1))
		c.Add(hit(1))
		drop(c)
		c.Add(hit(1))
		if n := missed(t, c); n != 2 {
			t.Errorf("%s: %d of 3 requests missed, want the first and the last", name, n)
		}
	}
}

func TestAValueThatHasNotExpiredIsStillThere(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 100 * page})
	c.Pass(mrc.Traffic{Requests: 1})
	set := event(mrc.Set, 1)
	set.Expire = 20
	c.Add(set)
	c.Advance(19)
	c.Add(hit(1))
	if n := missed(t, c); n != 0 {
		t.Errorf("%d requests missed before the expiry", n)
	}
}

// A value that is put there unasked is found, and is no request by itself.
func TestPutsReachTheMiniatures(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 100 * page})
	c.Pass(mrc.Traffic{Requests: 2})
	c.Add(event(mrc.Set, 1))
	c.Add(hit(1))
	grown := event(mrc.Set, 1)
	grown.Size, grown.Charge = 2*page, 2*page
	c.Add(grown)
	grown.Op = mrc.Hit
	c.Add(grown)
	if n := missed(t, c); n != 0 {
		t.Errorf("%d of 2 requests missed", n)
	}
}

// What the cache itself misses is a request whose size the fill tells. Asked for
// twice before it comes, it misses twice.
func TestAMissIsCountedWhenItsValueComes(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 100 * page})
	c.Pass(mrc.Traffic{Requests: 4, Hits: 1, HitBytes: page})
	c.Add(event(mrc.Miss, 1))
	c.Add(event(mrc.Miss, 1))
	c.Add(event(mrc.Set, 1))
	c.Add(hit(1))
	c.Add(event(mrc.Miss, 1)) // the cache has evicted it; a larger one would not have
	c.Add(event(mrc.Set, 1))
	s := c.Snapshot(mrc.FiveMinutes)
	for _, curve := range s.Curves {
		if p := curve.Points[len(curve.Points)-1]; p.Objects != 0.5 || p.Bytes != 0.5 {
			t.Errorf("%s missed %.3f of the objects and %.3f of the bytes, want the first two of four requests", curve.Policy, p.Objects, p.Bytes)
		}
	}
}

// What nobody has, every cache misses.
func TestRequestsForWhatDoesNotExistMissEverywhere(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 100 * page})
	c.Pass(mrc.Traffic{Requests: 10, Hits: 9})
	c.Add(event(mrc.Miss, 1))
	for range 9 {
		c.Add(hit(2))
	}
	c.Advance(301)
	c.Advance(601)
	if n := missed(t, c); n != 2 {
		t.Errorf("%d requests missed, want the one for nothing and the first of the other", n)
	}
}

func TestAnotherCapacityMovesTheCurvesAndKeepsTheirContents(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 64 * page})
	for key := range uint64(1000) {
		c.Add(hit(key))
	}
	c.SetCapacity(128 * page)
	s := c.Snapshot(mrc.FiveMinutes)
	if s.Exact || s.Requests != 0 || s.Capacity != 128*page {
		t.Errorf("after a change of the capacity: exact %v, %d requests, capacity %d", s.Exact, s.Requests, s.Capacity)
	}
	for i, p := range s.Curves[0].Points {
		if want := int64(2*page) << i; p.Capacity != want {
			t.Errorf("point %d is for %d bytes, want %d", i, p.Capacity, want)
		}
	}
	c.Pass(mrc.Traffic{Requests: 100})
	for key := range uint64(100) {
		c.Add(hit(900 + key))
	}
	if n := missed(t, c); n != 0 {
		t.Errorf("%d of the last 100 keys were missed in the largest cache", n)
	}
}

// Five minutes after the traffic has become another, nothing of the old is in the
// curves of five minutes: they equal simulations of what came since.
func TestDrift(t *testing.T) {
	for _, exact := range []int{0, 4096} { // the second samples
		d := newDrift(t, mrc.Config{Capacity: 256 * page, Seed: 7, ExactKeys: exact, SampleKeys: 4096})
		d.replay(1, 0, 900, 1000)
		d.replay(2, 1<<20, 300, 6000)
		s, hour := d.curves.Snapshot(mrc.FiveMinutes), d.curves.Snapshot(mrc.Hour)
		for name, model := range d.models {
			got, want := at(t, s, name, 256*page), missedSince(model.Result(), d.before[name])
			t.Logf("rate %.2f, %s: missed %.4f, the simulation %.4f", s.Rate, name, got, want)
			if most := map[bool]float64{true: 0.0005, false: 0.01}[s.Exact]; math.Abs(got-want) > most {
				t.Errorf("rate %.2f, %s: five minutes after the change, the curve says %.4f, the simulation %.4f", s.Rate, name, got, want)
			}
			if old := at(t, hour, name, 256*page); math.Abs(old-want) < 0.05 {
				t.Errorf("%s: the curve of the hour, %.4f, forgot what was before", name, old)
			}
		}
	}
}

// drift is curves, and a cache of each policy that serves the same requests.
type drift struct {
	t      *testing.T
	curves *mrc.Curves
	models map[string]*sim.Cache
	before map[string]sim.Result // when the window of five minutes begins at the end of the last replay
	now    uint32
}

func newDrift(t *testing.T, c mrc.Config) *drift {
	d := &drift{t: t, curves: newCurves(t, c), models: map[string]*sim.Cache{}, before: map[string]sim.Result{}}
	for _, info := range policy.Infos() {
		p, err := policy.New(info.Name, c.Seed)
		if err != nil {
			t.Fatal(err)
		}
		d.models[info.Name] = sim.New(p, c.Capacity)
	}
	return d
}

// replay asks for so many keys from first on, by Zipf's law, 100 times a second.
func (d *drift) replay(seed, first uint64, seconds, keys int) {
	const (
		perSecond = 100
		window    = 270 // seconds: nine rows, and a new one
	)
	i := 0
	for key := range sim.Zipf(seed, seconds*perSecond, keys) {
		if i++; i%perSecond == 0 {
			d.now += 10
			d.curves.Advance(d.now)
		}
		for name, model := range d.models {
			if i == (seconds-window)*perSecond {
				d.before[name] = model.Result()
			}
			model.Request(first+key, page)
		}
		d.curves.Pass(mrc.Traffic{Requests: 1, HitBytes: page})
		d.curves.Add(hit(first + key))
	}
}

func missedSince(now, before sim.Result) float64 {
	return 1 - float64(now.Hits-before.Hits)/float64(now.Requests-before.Requests)
}

// A window says how long it is: as long as the curves are known, and as its name says.
func TestWindowsSayHowLongTheyAre(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 100 * page})
	check := func(five, hour int) {
		t.Helper()
		if a, b := c.Snapshot(mrc.FiveMinutes).Seconds, c.Snapshot(mrc.Hour).Seconds; a != five || b != hour {
			t.Errorf("the windows are of %d and %d seconds, want %d and %d", a, b, five, hour)
		}
	}
	check(0, 0)
	c.Advance(400)
	check(40, 40)
	c.Advance(6000)
	check(270, 600) // nine rows and a new one
	c.Advance(6290)
	check(299, 629)
	c.Advance(36_000)
	check(270, 3600)
	c.Advance(36_300)
	check(270, 3330) // eleven times five minutes, and a new row
	c.SetCapacity(200 * page)
	check(0, 0)
	c.Advance(36_450)
	check(15, 15)
}

func at(t *testing.T, s mrc.Snapshot, policy string, capacity int64) float64 {
	t.Helper()
	for _, curve := range s.Curves {
		for _, p := range curve.Points {
			if curve.Policy == policy && p.Capacity == capacity {
				return p.Objects
			}
		}
	}
	t.Fatalf("no point for %s at %d", policy, capacity)
	return 0
}

// Whatever comes, the sample and the memory stay within their bounds, and every
// miniature holds what it says.
func TestBounds(t *testing.T) {
	c := newCurves(t, mrc.Config{Capacity: 4 << 20, ExactKeys: 5000, SampleKeys: 1000})
	i := uint64(0)
	for key := range sim.Zipf(1, 60_000, 20_000) {
		i++
		size := uint32(sim.Photograph(key*7 + i/30_000))
		e := mrc.Event{Op: mrc.Op(sim.Hash(i) % 16), Hash: sim.Hash(key), Size: size, Charge: size}
		switch {
		case e.Op > mrc.Touch:
			e.Op = mrc.Hit
		case e.Op == mrc.Touch:
			e.Expire = uint32(i/100) + 50
		}
		c.Pass(mrc.Traffic{Requests: 1, HitBytes: int64(size)})
		c.Add(e)
		switch {
		case i%25_000 == 0:
			c.Clear()
		case i%7_000 == 0:
			c.SetCapacity(int64(1+i%11) << 20)
		case i%100 == 0:
			c.Advance(uint32(i / 10))
		}
		if i%5_000 == 0 {
			if err := c.Check(); err != "" {
				t.Fatalf("after %d events: %s", i, err)
			}
		}
	}
	for _, curve := range c.Snapshot(mrc.Hour).Curves {
		for _, p := range curve.Points {
			if !(p.Objects >= 0 && p.Objects <= 1 && p.Bytes >= 0 && p.Bytes <= 1 && p.ObjectsBand >= 0 && p.BytesBand >= 0) {
				t.Errorf("%s: %+v", curve.Policy, p)
			}
		}
	}
}

func TestAnUnknownPolicyIsRefused(t *testing.T) {
	if _, err := mrc.New(mrc.Config{Capacity: 1 << 20, Policies: []string{"lru", "best"}}); err == nil {
		t.Error("curves were made of a policy that nobody knows")
	}
}
