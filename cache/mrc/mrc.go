// Package mrc tells, from the traffic of a cache, what its hit rates would be
// with other capacities and other replacement policies: miss-ratio curves, live.
//
// For every policy and a range of capacities it keeps a miniature cache, which is
// fed with the requests for a sample of the keys and holds no values. Up to
// 65,535 keys the sample is all of them, and the curves are exact. Beyond, keys
// are sampled by size: see gate. The method, its references and its limits are in
// the README.md of the cache.
//
// The package has no clock and no goroutine, compiles to WebAssembly and imports
// only the pure part of the standard library; a test holds that.
package mrc

import (
	"memcache/cache/policy"
)

// Config is how curves begin. What is 0 has a default.
type Config struct {
	Capacity   int64    // bytes: the present capacity of the cache
	Policies   []string // names of policy.Infos; nil is all
	Seed       uint64   // for policies that use chance
	ExactKeys  int      // so many keys at most without sampling: 65,535, and at most that
	SampleKeys int      // beyond, sample so many: 32,768, as far as Memory allows
	Memory     int64    // bytes that all of it may take: 15.75 MiB
}

const (
	maxKeys       = 1<<16 - 1
	defaultSample = 1 << 15
	defaultMemory = 63 << 18
	batchSize     = 1024
	pendings      = 4096
)

// smallest to largest are the capacities of the curves: the present one, times
// two to the power of these.
const (
	smallest = -6
	largest  = 4
	points   = largest - smallest + 1
)

// Op is what happened to a key.
type Op uint8

// The operations.
const (
	Hit    Op = iota // it was asked for and found; Size, Charge
	Miss             // it was asked for and not found, so that nobody knows its size
	Set              // it was stored; Size, Charge, Expire
	Delete           // it is gone, for another reason than room
	Touch            // its expiry is another: Expire
	Flush            // everything is gone, of all keys
)

// Event is something that happened to a key of the cache.
type Event struct {
	Hash   uint64 // of the key: 64 well mixed bits
	Size   uint32 // bytes of the value
	Charge uint32 // bytes that it takes in the cache
	Expire uint32 // the tick at which it expires; 0 for never
	Op     Op
}

// Traffic is what passed the cache in all, sampled or not.
type Traffic struct {
	Requests, Hits int64
	HitBytes       int64 // of the values that were found
}

// Curves are the curves of one cache. They are for one goroutine.
type Curves struct {
	config  Config
	gate    gate
	keys    keys
	caches  []*miniature // of the first policy by capacity, then of the next
	batch   []step
	pending []pending
	windows windows
	now     uint32 // tick
	exact   bool   // whether the miniatures saw everything since they were empty
	warming gate   // while it is below gate: see raise
	warm    uint32 // tick until which it is
	held    bool   // the rate is not raised
}

// New returns curves of an empty cache. The error lists the policies that are known.
func New(c Config) (*Curves, error) {
	if len(c.Policies) == 0 {
		for _, info := range policy.Infos() {
			c.Policies = append(c.Policies, info.Name)
		}
	}
	for _, name := range c.Policies {
		if _, err := policy.New(name, c.Seed); err != nil {
			return nil, err
		}
	}
	c.ExactKeys = min(orDefault(c.ExactKeys, maxKeys), maxKeys)
	c.SampleKeys = min(orDefault(c.SampleKeys, defaultSample), c.ExactKeys)
	c.Memory = int64(orDefault(int(c.Memory), defaultMemory))
	curves := &Curves{config: c, pending: make([]pending, pendings), batch: make([]step, 0, batchSize)}
	curves.windows = newWindows(len(c.Policies) * points)
	curves.Clear()
	return curves, nil
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// Clear tells that the cache was emptied. What was counted stays.
func (c *Curves) Clear() {
	c.flush()
	clear(c.pending)
	c.keys = newKeys()
	c.gate, c.warming, c.exact = everything, everything, true
	c.caches = nil
	for _, name := range c.config.Policies {
		for i := range points {
			c.caches = append(c.caches, newMiniature(name, c.config.Seed, &c.keys, c.capacity(i)))
		}
	}
}

// capacity returns the capacity of a point.
func (c *Curves) capacity(point int) int64 {
	return c.config.Capacity << point >> -smallest
}

// Gate tells which events are to be handed to Add. It changes with Add and Advance.
func (c *Curves) Gate() Gate { return Gate{c.gate, c.keys.largest} }

// Pass tells what passed the cache since the last Pass.
func (c *Curves) Pass(t Traffic) { c.windows.pass(t) }

// Advance tells the time, in ticks of 100 ms since the beginning.
func (c *Curves) Advance(now uint32) {
	c.now = now
	for c.windows.due(now) {
		c.flush()
		c.settle()
		c.windows.turn(c.keys.requests)
		c.raise()
	}
}
