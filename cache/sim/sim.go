// Package sim replays requests over a replacement policy and a capacity and
// counts what hits and what misses. It drives the very policies that the cache
// server uses, in the same way: room is made first, then the object is added,
// and an object larger than the capacity bypasses the cache.
//
// It compiles to WebAssembly and imports only the pure part of the standard
// library.
package sim

import (
	"iter"

	"memcache/cache/policy"
)

// Result counts requests and their bytes.
type Result struct {
	Requests, Hits  int64
	Bytes, HitBytes int64 // of the objects asked for
	Evictions       int64
}

// ObjectMissRatio is the part of the requests that missed, from 0 to 1.
func (r Result) ObjectMissRatio() float64 { return missRatio(r.Hits, r.Requests) }

// ByteMissRatio is the part of the requested bytes that missed, from 0 to 1.
func (r Result) ByteMissRatio() float64 { return missRatio(r.HitBytes, r.Bytes) }

func missRatio(hits, all int64) float64 {
	if all == 0 {
		return 0
	}
	return 1 - float64(hits)/float64(all)
}

// Cache is a cache of keys without values.
type Cache struct {
	policy   policy.Policy
	capacity int64 // bytes
	used     int64
	slots    map[uint64]uint32
	objects  []object // by slot
	free     []uint32 // slots to use again, last one first
	result   Result
}

type object struct {
	key  uint64
	size int64
}

// New returns an empty cache of capacity bytes. The policy must be empty and
// is the cache's own from then on.
func New(p policy.Policy, capacity int64) *Cache {
	return &Cache{policy: p, capacity: capacity, slots: make(map[uint64]uint32)}
}

// Replay asks a new cache for every key of requests, in order; the second
// value is the object's size in bytes.
func Replay(p policy.Policy, capacity int64, requests iter.Seq2[uint64, int64]) Result {
	c := New(p, capacity)
	for key, size := range requests {
		c.Request(key, size)
	}
	return c.Result()
}

// SetCapacity changes the capacity, and evicts what is too much.
func (c *Cache) SetCapacity(bytes int64) {
	c.capacity = bytes
	c.fit(0)
}

// Result returns what was counted so far.
func (c *Cache) Result() Result { return c.result }

// Used returns the bytes of the objects in the cache.
func (c *Cache) Used() int64 { return c.used }

// Request asks for an object, stores it if it was missing, and tells whether
// it hit. An object that is found with another size than it was stored with
// has changed: that is a miss, and it is stored anew.
func (c *Cache) Request(key uint64, size int64) (hit bool) {
	c.result.Requests++
	c.result.Bytes += size
	if slot, ok := c.slots[key]; ok {
		if c.objects[slot].size == size {
			c.policy.Access(slot)
			c.result.Hits++
			c.result.HitBytes += size
			return true
		}
		c.policy.Remove(slot)
		c.forget(slot)
	}
	c.store(key, size)
	return false
}

func (c *Cache) store(key uint64, size int64) {
	if size > c.capacity {
		return
	}
	o := policy.Object{Hash: Hash(key), Size: size, Charge: size}
	room := c.used + size - c.capacity
	if a, ok := c.policy.(policy.Admitter); ok && room > 0 && !a.Admit(o, room) {
		return
	}
	if !c.fit(size) {
		return
	}
	slot := c.takeSlot()
	c.slots[key], c.objects[slot] = slot, object{key, size}
	c.used += size
	c.policy.Add(slot, o)
}

// fit evicts until size more bytes fit, and tells whether they do.
func (c *Cache) fit(size int64) bool {
	for c.used+size > c.capacity {
		slot, ok := c.policy.Evict()
		if !ok {
			return false
		}
		c.result.Evictions++
		c.forget(slot)
	}
	return true
}

func (c *Cache) forget(slot uint32) {
	o := c.objects[slot]
	c.used -= o.size
	delete(c.slots, o.key)
	c.free = append(c.free, slot)
}

func (c *Cache) takeSlot() uint32 {
	if n := len(c.free); n > 0 {
		slot := c.free[n-1]
		c.free = c.free[:n-1]
		return slot
	}
	c.objects = append(c.objects, object{})
	return uint32(len(c.objects) - 1)
}

// Hash spreads dense keys over 64 bits, as a hash of a real key would be.
func Hash(z uint64) uint64 {
	z = (z ^ z>>33) * 0xff51afd7ed558ccd
	z = (z ^ z>>33) * 0xc4ceb9fe1a85ec53
	return z ^ z>>33
}
