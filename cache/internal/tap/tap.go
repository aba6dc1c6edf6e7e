// Package tap takes samples of what happens in the store, for the miss-ratio
// curves, and records the traffic when somebody asks for it.
//
// The store tells a Tap of each lookup and each change; for all but the sampled
// keys that is a comparison. The rest goes through a ring, which loses what it has
// no room for, to one worker, which has a bounded part of the processors' time.
package tap

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"memcache/cache/mrc"
)

const (
	// poll is how often the worker looks into the ring: seldom, because each time its
	// curves take the place of the loops' data in the processor's cache. While there is
	// a recording, which wants everything, the ring would be full by then.
	poll          = 100 * time.Millisecond
	pollRecording = 20 * time.Millisecond
	// share is the part of the process's CPU time that the worker may take, and spare
	// the part of what the process leaves of one processor: a busy cache notices the
	// worker, an idle one does not.
	share = 0.01
	spare = 0.02
	// tick is the unit of mrc's time.
	tick = 100 * time.Millisecond
)

// Source is what the worker asks of the store.
type Source interface {
	// Traffic is what was asked for since the start, or since the statistics were reset.
	Traffic() mrc.Traffic
	Capacity() int64
	// Elapsed is the time since the start.
	Elapsed() time.Duration
}

// Config is how a Tap begins.
type Config struct {
	Capacity int64  // bytes, of the store
	Seed     uint64 // for policies that use chance
	Patient  bool   // take the time that it takes, and lose nothing to save it
}

// Tap is told of what happens. A nil Tap takes nothing.
type Tap struct {
	patient bool
	gate    atomic.Pointer[gate]
	ring    *ring
	flushed atomic.Bool // and there was no room to say so in the ring

	second time.Duration // when the present second began

	mu       sync.Mutex // what follows
	curves   *mrc.Curves
	recorder *recorder // nil when nothing is being recorded
	last     *Recording
	passed   mrc.Traffic
	taken    int64 // events, in this second
	lost     int64 // in all
	spent    time.Duration
	cpu      time.Duration // of the process, at the beginning of this second
}

// gate is what is taken: what the curves need, or everything for a recording.
type gate struct {
	mrc.Gate
	all bool
}

// New returns a Tap. Run serves it.
func New(c Config) (*Tap, error) {
	curves, err := mrc.New(mrc.Config{Capacity: c.Capacity, Seed: c.Seed})
	if err != nil {
		return nil, fmt.Errorf("make the curves: %w", err)
	}
	t := &Tap{patient: c.Patient, curves: curves, ring: newRing()}
	t.setGate()
	return t, nil
}

func (t *Tap) setGate() {
	g := &gate{t.curves.Gate(), t.recorder != nil}
	if old := t.gate.Load(); old == nil || *old != *g {
		t.gate.Store(g)
	}
}

// Takes tells whether an event is wanted, of a key with the hash and a value of
// size bytes.
func (t *Tap) Takes(hash uint64, size int) bool {
	if t == nil {
		return false
	}
	g := t.gate.Load()
	return g.Takes(hash, int64(size)) || g.all
}

// MayTake tells whether an event is wanted, of a key whose size is not known.
func (t *Tap) MayTake(hash uint64) bool {
	if t == nil {
		return false
	}
	g := t.gate.Load()
	return g.MayTake(hash) || g.all
}

// Tell hands an event over that is wanted. It never waits.
func (t *Tap) Tell(e mrc.Event) { t.ring.push(e) }

// Flush tells that everything is gone. That is never lost.
func (t *Tap) Flush() {
	if t != nil && !t.ring.push(mrc.Event{Op: mrc.Flush}) {
		t.flushed.Store(true)
	}
}

// Run works until ctx ends.
func (t *Tap) Run(ctx context.Context, source Source) {
	wake := time.NewTimer(poll)
	defer wake.Stop()
	defer t.end()
	t.cpu = cpuTime()
	runtime.LockOSThread() // whose time is its own, however busy the machine is
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake.C:
			t.Step(source)
			wake.Reset(t.pause())
		}
	}
}

// Step is one turn of Run.
func (t *Tap) Step(source Source) {
	now := source.Elapsed()
	t.work(now)
	if length := now - t.second; length >= time.Second {
		t.second = now
		t.account(source, length)
	}
}

func (t *Tap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recorder != nil {
		_ = t.stop()
	}
	t.forget()
}

// work takes what is in the ring, as far as there is time for it: what is left
// then waits, and what finds the ring full is lost.
func (t *Tap) work(now time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	started, used := time.Now(), threadTime()
	t.curves.Advance(uint32(now/tick) + 1)
	if t.flushed.Swap(false) {
		t.curves.Clear()
	}
	slice := t.slice()
	for n := 0; ; n++ {
		if n%64 == 63 && time.Since(started) > slice {
			break
		}
		e, ok := t.ring.pop()
		if !ok {
			break
		}
		t.take(e, now)
	}
	t.setGate()
	t.spent += max(0, threadTime()-used)
}

// slice is how long the worker may work at a time. A recording is worth more.
func (t *Tap) slice() time.Duration {
	if t.patient {
		return time.Hour
	}
	if t.recorder != nil {
		return pollRecording / 2
	}
	return poll / 10
}

// pause is how long the worker waits after a turn.
func (t *Tap) pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recorder != nil {
		return pollRecording
	}
	return poll
}

func (t *Tap) take(e mrc.Event, now time.Duration) {
	t.taken++
	if t.recorder != nil {
		t.record(e, now)
	}
	g := t.curves.Gate()
	if sized := e.Op == mrc.Hit || e.Op == mrc.Set; sized && g.Takes(e.Hash, int64(e.Size)) || !sized && g.MayTake(e.Hash) || e.Op == mrc.Flush {
		t.curves.Add(e)
	}
}

// account ends a second: the curves learn what passed in all, and sample less when
// the worker took more than its share.
func (t *Tap) account(source Source, length time.Duration) {
	traffic, capacity, cpu := source.Traffic(), source.Capacity(), cpuTime()
	t.mu.Lock()
	defer t.mu.Unlock()
	lost := t.ring.lost.Swap(0)
	t.lost += lost
	if t.recorder != nil {
		t.recorder.Lost += lost
	}
	kept := 1.0
	if lost > 0 {
		kept = float64(t.taken) / float64(t.taken+lost)
	}
	t.curves.Pass(since(t.passed, traffic, kept))
	t.passed = traffic
	t.curves.SetCapacity(capacity)
	busy := (cpu - t.cpu).Seconds()
	allowed := share*busy + spare*max(0, length.Seconds()-busy)
	needed := t.spent.Seconds() / kept
	t.curves.Hold(needed > allowed/4)
	switch {
	case t.patient, t.recorder != nil: // which takes what it takes
	case needed > allowed:
		t.curves.Thin(0.8 * allowed / needed)
	case lost > 0:
		t.curves.Thin(kept)
	}
	t.cpu, t.spent, t.taken = cpu, 0, 0
	t.setGate()
}

// since is the part of the traffic between two moments whose events arrived.
func since(before, now mrc.Traffic, kept float64) mrc.Traffic {
	if now.Requests < before.Requests { // the statistics were reset
		before = mrc.Traffic{}
	}
	part := func(a, b int64) int64 { return int64(float64(b-a) * kept) }
	return mrc.Traffic{
		Requests: part(before.Requests, now.Requests),
		Hits:     part(before.Hits, now.Hits),
		HitBytes: part(before.HitBytes, now.HitBytes),
	}
}

// cpuTime is what the process has used, threadTime what this thread has.
func cpuTime() time.Duration    { return clock(unix.CLOCK_PROCESS_CPUTIME_ID) }
func threadTime() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

func clock(id int32) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(id, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

// Curves returns the curves of a window, and how many events were lost since the
// start for want of time.
func (t *Tap) Curves(of mrc.Window) (s mrc.Snapshot, lost int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.curves.Snapshot(of), t.lost
}
