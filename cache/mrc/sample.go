package mrc

import "slices"

const (
	ticksPerSecond = 10
	ticksPerMinute = 60 * ticksPerSecond
	warmTicks      = 5 * ticksPerMinute
	leastKeys      = 64 // fewer are no sample
)

// limit is how many keys there may be.
func (c *Curves) limit() int {
	if c.gate == everything {
		return c.config.ExactKeys
	}
	return c.config.SampleKeys
}

// makeRoom lets some keys go: those that no miniature holds, for nobody misses
// them; if they are few, those with the highest hashes, by lowering the rate.
func (c *Curves) makeRoom() {
	c.flush()
	before := c.keys.n
	roomy := slices.ContainsFunc(c.caches, (*miniature).roomy) // they hold what is live
	c.forget(func(at *key) bool { return at.holders == 0 && !(roomy && at.is(live)) })
	if c.keys.n > before-before/8 {
		c.lower(min(c.keys.n, c.config.SampleKeys) * 7 / 8)
	}
}

// forget lets keys go that are of no use.
func (c *Curves) forget(useless func(at *key) bool) {
	c.keys.each(func(id uint16, at *key) {
		if useless(at) {
			for _, m := range c.caches {
				if at.holders > 0 {
					m.take(id)
				}
			}
			c.keys.remove(id)
		}
	})
}

// Thin lowers the rate, because the work is too much: it keeps a part, from 0 to 1,
// of the keys.
func (c *Curves) Thin(part float64) { c.lower(int(part * float64(c.keys.n))) }

// Hold tells whether the rate may not be raised, for the same reason.
func (c *Curves) Hold(held bool) { c.held = held }

// lower lowers the rate until so many keys are left.
func (c *Curves) lower(want int) {
	c.flush()
	c.exact = false
	if c.keys.n < leastKeys {
		return
	}
	g := c.gate
	if g == everything {
		g.scale = c.meanSize()
	}
	var places []uint64
	c.keys.each(func(_ uint16, at *key) { places = append(places, g.place(at.hash, uint64(at.size))) })
	slices.Sort(places)
	g.threshold = max(1, min(g.threshold-1, places[max(want, leastKeys/2)]))
	c.forget(func(at *key) bool { return !g.takes(at.hash, int64(at.size)) })
	c.windows.divide()
	c.warming.scale = g.scale
	c.warming.threshold = min(c.warming.threshold, g.threshold)
	c.regate(g)
}

func (c *Curves) meanSize() uint64 {
	sum := uint64(0)
	c.keys.each(func(_ uint16, at *key) { sum += uint64(at.size) })
	return max(1, sum/uint64(max(1, c.keys.n)))
}

// raise doubles the rate when the sample has become small, after it has let keys
// go that nobody asked for in an hour. The keys that come with it are strangers to
// the miniatures, not to the cache: for a while, they do not count when they are
// seen for the first time.
func (c *Curves) raise() {
	if c.gate == everything {
		return
	}
	since := c.windows.hourAgo()
	c.forget(func(at *key) bool { return at.last < since })
	if c.held || c.now < c.warm || c.keys.n > c.config.SampleKeys/4 {
		return
	}
	g := c.gate
	c.warming, c.warm = g, c.now+warmTicks
	g.threshold = min(2*g.threshold, all)
	if g.threshold == all {
		g = everything
	}
	c.regate(g)
}

func (c *Curves) isWarming(at *key) bool {
	return c.now < c.warm && !c.warming.takes(at.hash, int64(at.size))
}

// regate changes the rate: the miniatures are as much smaller, and what the large
// values charge them is another part of them. Policies that remember charges go on
// with those of before: taking the values out and in again disturbs them more.
func (c *Curves) regate(g gate) {
	c.gate = g
	c.keys.each(func(id uint16, _ *key) { c.keys.rescale(id, g) })
	for _, m := range c.caches {
		m.setRate(g.rate())
		m.setRoom(g.room(m.capacity))
		m.renumber()
	}
}

// setRoom is for when the keys charge something else: it sums up what it holds, and
// evicts what is too much.
func (m *miniature) setRoom(room int64) {
	m.room = room
	if m.roomy() {
		return
	}
	m.used = 0
	m.slots.each(func(id uint16) { m.used += int64(m.keys.all[id].scaled) })
	if m.summing != nil {
		m.summing.Sum()
	}
	m.fit(0)
}

// rebuild fills a miniature with what was used last: about what it would hold.
func (c *Curves) rebuild(m *miniature) {
	m.forgo()
	m.empty()
	c.exact = false
	var ids []uint16
	c.keys.each(func(id uint16, at *key) {
		if at.is(live) {
			ids = append(ids, id)
		}
	})
	last := func(id uint16) int { return int(c.keys.all[id].last) }
	slices.SortFunc(ids, func(a, b uint16) int { return last(b) - last(a) })
	n, sum := 0, int64(0)
	for n < len(ids) && sum+int64(c.keys.all[ids[n]].scaled) <= m.room {
		sum += int64(c.keys.all[ids[n]].scaled)
		n++
	}
	for _, id := range slices.Backward(ids[:n]) {
		m.put(id, c.keys.all[id].uses)
	}
	m.partial = n < len(ids)
}

// SetCapacity tells that the cache has another capacity. The curves begin anew,
// with miniatures that hold about what they would.
func (c *Curves) SetCapacity(n int64) {
	if n == c.config.Capacity {
		return
	}
	c.flush()
	c.config.Capacity = n
	for i, m := range c.caches {
		m.capacity = c.capacity(i % points)
		m.room = c.gate.room(m.capacity)
		c.rebuild(m)
	}
	c.windows.reset(c.now)
	c.exact = c.keys.n == 0
	c.saveMemory()
}

// Memory returns about how many bytes it takes.
func (c *Curves) Memory() int64 {
	sum := c.windows.memory() + c.keys.memory()
	for _, m := range c.caches {
		sum += m.memory()
	}
	return sum
}

// saveMemory keeps within the memory: miniatures that have room for everything
// need not know what they hold; where that is not enough, the rate is lowered.
func (c *Curves) saveMemory() {
	for c.Memory() > c.config.Memory {
		if !c.forgoLargest() {
			if c.keys.n < leastKeys {
				return
			}
			c.lower(min(c.keys.n, c.config.SampleKeys) * 7 / 8)
		}
	}
}

// forgoLargest makes the largest miniatures roomy that never were full.
func (c *Curves) forgoLargest() bool {
	for point := points - 1; point >= 0; point-- {
		some := false
		for i := point; i < len(c.caches); i += points {
			if m := c.caches[i]; !m.roomy() && !m.partial {
				m.forgo()
				some = true
			}
		}
		if some {
			return true
		}
	}
	return false
}
