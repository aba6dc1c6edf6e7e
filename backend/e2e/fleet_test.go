package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

var fleetFor = flag.Duration("fleet", 0, "let something happen to every part of a fleet in each way, and go on with any for so long, instead of with one of each kind")

// The ways in which a part fails.
const (
	killed    = "killed"
	hangs     = "hangs"
	restarted = "restarted"
)

// bound is what users may notice of a trouble: README, "Scaling out".
type bound struct {
	lasts    time.Duration            // the trouble
	inFlight bool                     // requests under way when it begins may fail
	fail     []string                 // the kinds of requests that may fail until it is over
	wait     map[string]time.Duration // how much longer than usual requests may take, by kind
}

// untilOver is the wait for a trouble to be over.
const untilOver = time.Duration(-1)

// Each backend hears within a second that the cache is shut; a write waits for that.
var (
	deadNode = map[string]time.Duration{write: time.Second}
	hungNode = map[string]time.Duration{readHot: 200 * time.Millisecond, read: 200 * time.Millisecond, write: 1400 * time.Millisecond}
	allWait  = map[string]time.Duration{readHot: untilOver, read: untilOver, write: untilOver}
)

// bounds has one for each kind of part and way.
var bounds = map[string]map[string]bound{
	"cache node": {
		killed:    {lasts: 1500 * time.Millisecond, wait: deadNode},
		hangs:     {lasts: time.Second, wait: hungNode},
		restarted: {wait: deadNode},
	},
	"backend": {
		killed:    {lasts: 1500 * time.Millisecond, inFlight: true, wait: deadNode}, // the new one may not know how old the nodes are
		hangs:     {lasts: 2 * time.Second, wait: allWait},
		restarted: {wait: deadNode},
	},
	"MariaDB": {
		killed:    {lasts: time.Second, fail: []string{read, write}, wait: map[string]time.Duration{write: 3 * time.Second}},
		hangs:     {lasts: 2500 * time.Millisecond, fail: []string{read, write}, wait: map[string]time.Duration{readHot: 3 * time.Second, read: untilOver, write: untilOver}},
		restarted: {fail: []string{read, write}, wait: map[string]time.Duration{write: 3 * time.Second}},
	},
	"S3": {
		killed:    {lasts: time.Second, fail: []string{read, write}, wait: map[string]time.Duration{read: 9 * time.Second, write: 9 * time.Second}},
		hangs:     {lasts: time.Second, wait: map[string]time.Duration{read: untilOver, write: untilOver}},
		restarted: {fail: []string{read, write}, wait: map[string]time.Duration{read: 9 * time.Second, write: 9 * time.Second}},
	},
	"haproxy": {
		killed:    {lasts: 500 * time.Millisecond, fail: []string{readHot, read, write}},
		hangs:     {lasts: 500 * time.Millisecond, wait: allWait},
		restarted: {},
	},
}

const (
	// usual is how long a request may take where nothing happens, on a busy machine.
	usual = 2 * time.Second
	// fleetWell is how long after a trouble a fleet may take to be well again: the cache
	// that a backend had shut which is gone is opened by another ten seconds later.
	fleetWell = 15 * time.Second
	// calm is how long nothing happens between two troubles.
	calm = 200 * time.Millisecond
)

// trouble is what happened to a part, and when.
type trouble struct {
	bound
	name string
	// Since the users began: before and after it happened, when it was over, and when all
	// was well.
	begin, begun, end, well time.Duration
}

// TestFleet: whatever of a fleet is killed, hangs or is restarted, users notice no more
// than is promised, read nothing old, and all is well again by itself.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := startFleet(t)
	u := &users{f: f, stalls: stalls{began: time.Now()}}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	asking.Go(func() { u.watch(ctx) })
	for n := range hotKeys {
		if r := u.ask(request{kind: write, key: hotKey(n), value: n + 1}); r.err != nil {
			t.Fatal(r)
		}
	}
	f.awaitWell(u)
	asking.Go(func() { u.run(ctx) })
	var troubles []trouble
	for part, way := range f.plan() {
		troubles = append(troubles, f.trouble(u, part, way))
	}
	cancel()
	asking.Wait()
	for round := range len(troubles) + 1 { // what was acknowledged is there
		for n := range busyKeys {
			if r := u.ask(request{kind: read, key: fmt.Sprintf("round-%d-key-%d", round, n)}); r.err != nil {
				t.Error(r)
			}
		}
	}
	u.judge(t, troubles)
	u.check(t)
}

// plan says what happens, in turn: to one part of each kind in each way, or with -fleet
// to each part in each way, and then to any, to the end of its time.
func (f *fleet) plan() func(yield func(part, string) bool) {
	kinds := map[string][]part{}
	for _, p := range f.parts {
		kinds[p.kind] = append(kinds[p.kind], p)
	}
	ways := []string{killed, hangs, restarted}
	return func(yield func(part, string) bool) {
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			for i, way := range ways {
				parts := kinds[kind]
				if *fleetFor == 0 {
					parts = parts[i%len(parts):][:1]
				}
				for _, p := range parts {
					if !yield(p, way) {
						return
					}
				}
			}
		}
		for began := time.Now(); time.Since(began) < *fleetFor; {
			if !yield(f.parts[rand.IntN(len(f.parts))], ways[rand.IntN(len(ways))]) {
				return
			}
		}
	}
}

// trouble has something happen to a part, and waits until all is well again.
func (f *fleet) trouble(u *users, p part, way string) trouble {
	f.t.Helper()
	tr := trouble{name: p.name + " " + way, bound: bounds[p.kind][way]}
	if *fleetFor > 0 {
		tr.lasts *= time.Duration(1 + rand.IntN(5))
	}
	u.round.Add(1)
	time.Sleep(calm)
	tr.begin = time.Since(u.began)
	happen, over := ways(p, way)
	happen()
	tr.begun = time.Since(u.began)
	time.Sleep(tr.lasts)
	over()
	tr.end = time.Since(u.began)
	f.awaitWell(u)
	tr.well = time.Since(u.began)
	return tr
}

// ways is how something happens to a part, and is over.
func ways(p part, way string) (happen, over func()) {
	switch {
	case way == killed:
		return p.kill, p.start
	case way == hangs:
		return p.pause, p.goOn
	case p.restart != nil:
		return p.restart, func() {}
	}
	return p.stop, p.start
}

// awaitWell waits until every backend is ready, what is hot comes from the cache, and
// users get what they ask for.
func (f *fleet) awaitWell(u *users) {
	f.t.Helper()
	eventually(f.t, startLimit, "all is well", func() error {
		for _, b := range f.backends {
			answer, err := http.Get(b.ready[:len(b.ready)-len("/healthz")] + "/readyz")
			if err != nil {
				return err
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("%s is not ready", b.name)
			}
		}
		for n := range hotKeys {
			if r := u.ask(request{kind: readHot, key: hotKey(n)}); r.err != nil || !r.hit {
				return fmt.Errorf("%v: a hit: %t", r, r.hit)
			}
		}
		if r := u.ask(request{kind: write, key: "well", value: int(u.values.Add(1))}); r.err != nil {
			return errors.New(r.String())
		}
		return nil
	})
}

// judge holds what the users got against what is promised.
func (u *users) judge(t *testing.T, troubles []trouble) {
	t.Helper()
	left := slices.Clone(u.done)
	for _, tr := range troubles {
		var met []request
		left = slices.DeleteFunc(left, func(r request) bool {
			meets := r.begin <= tr.well && r.end >= tr.begin
			if meets {
				met = append(met, r)
			}
			return meets
		})
		u.judgeOne(t, tr, met)
	}
	u.judgeOne(t, trouble{name: "nothing"}, left)
}

func (u *users) judgeOne(t *testing.T, tr trouble, met []request) {
	t.Helper()
	failed := map[string]int{}
	hits := [2]int{}
	for _, r := range met {
		if r.kind == readHot {
			hits[1]++
			if r.hit {
				hits[0]++
			}
		}
		if r.err != nil {
			failed[r.kind]++
		}
		switch late := u.took(r) - tr.waits(r.kind); {
		case r.err != nil && (!passes(r) || !tr.mayFail(r) && !u.shook(r)):
			t.Errorf("%s: %v", tr.name, r)
		case late > usual:
			t.Errorf("%s: %v late: %v", tr.name, late, r)
		}
	}
	line := fmt.Sprintf("%-30s %5d ms, well %5d ms after; hits %d of %d; failed %v; longest:", tr.name, (tr.end - tr.begin).Milliseconds(), (tr.well - tr.end).Milliseconds(), hits[0], hits[1], failed)
	for _, kind := range []string{readHot, read, write} {
		line += fmt.Sprintf(" %s %d ms;", kind, u.longest(met, kind).Milliseconds())
	}
	t.Log(line)
	if took := tr.well - tr.end - u.in(tr.end, tr.well); took > fleetWell {
		t.Errorf("%s: all was well %v after", tr.name, took)
	}
}

// waits is how much longer than usual a request may take.
func (tr trouble) waits(kind string) time.Duration {
	if wait := tr.wait[kind]; wait != untilOver {
		return wait
	}
	return tr.end - tr.begin
}

// passes tells whether a request failed as those do that may be good a moment later.
func passes(r request) bool {
	return slices.Contains([]int{0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, r.status)
}

// mayFail tells whether a request may fail by what is promised.
func (tr trouble) mayFail(r request) bool {
	return slices.Contains(tr.fail, r.kind) || tr.inFlight && r.begin <= tr.begun
}
