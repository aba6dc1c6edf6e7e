package mrc

// step is what the miniatures are told of a key.
type step struct {
	kind           kind
	wasLive        bool // there was a value before
	group          uint8
	id             uint16
	objects, bytes float64 // what a miss counts
}

type kind uint8

const (
	ask kind = iota
	put
	gone
)

// pending is a key that was missed and whose size is not known yet.
type pending struct {
	hash  uint64
	times int
	old   bool
}

// Add tells of an event. It does nothing with one that the gate does not take.
func (c *Curves) Add(e Event) {
	if e.Op == Flush {
		c.Clear()
		return
	}
	id, known := c.keys.find(e.Hash)
	if known && c.keys.all[id].expired(c.now) {
		c.remove(id)
	}
	switch e.Op {
	case Hit:
		if id, ok := c.keep(id, known, e); ok {
			c.ask(id, 1, false)
		}
	case Miss:
		if known && c.keys.all[id].is(live) {
			c.keys.all[id].marks |= awaited
			c.ask(id, 1, true)
		} else {
			c.postpone(e.Hash)
		}
	case Set:
		c.set(id, known, e)
	case Delete:
		if known {
			c.remove(id)
		}
	case Touch:
		if known {
			c.keys.all[id].expire = e.Expire
		}
	}
	if len(c.batch) >= batchSize {
		c.flush()
	}
}

// set is a fill, when the key was missed before: then that was a request for a
// value of this size, and the miniatures that miss it have stored it. Else it is a
// value that somebody puts there unasked.
func (c *Curves) set(id uint16, known bool, e Event) {
	missed := c.takePending(e.Hash)
	fill := known && c.keys.all[id].is(awaited) && c.keys.all[id].size == e.Size
	id, ok := c.keep(id, known, e)
	if !ok {
		return
	}
	at := &c.keys.all[id]
	at.marks &^= awaited
	switch {
	case missed > 0:
		c.ask(id, missed, true)
	case !fill:
		c.tell(put, id)
	}
	at.expire = e.Expire
}

// keep makes the key one of the sample, with the size of e, if the gate takes it.
func (c *Curves) keep(id uint16, known bool, e Event) (uint16, bool) {
	if known && c.keys.all[id].size == e.Size && c.keys.all[id].charge == e.Charge {
		return id, true
	}
	if !c.gate.takes(e.Hash, int64(e.Size)) {
		if known {
			c.drop(id)
		}
		return 0, false
	}
	if known {
		c.resize(id, e)
		return id, true
	}
	if c.keys.n >= c.limit() {
		c.makeRoom()
		if !c.gate.takes(e.Hash, int64(e.Size)) {
			return 0, false
		}
	}
	id = c.keys.add(e.Hash)
	c.keys.resize(id, e.Size, e.Charge, c.gate)
	return id, true
}

// resize gives a key another size, everywhere.
func (c *Curves) resize(id uint16, e Event) {
	c.flush()
	uses := make([]uint8, len(c.caches))
	for i, m := range c.caches {
		uses[i] = m.take(id)
	}
	c.keys.resize(id, e.Size, e.Charge, c.gate)
	if !c.keys.all[id].is(live) {
		return
	}
	for i, m := range c.caches {
		m.put(id, uses[i])
	}
}

// ask is a request, made so many times before there was a value.
func (c *Curves) ask(id uint16, times int, missed bool) {
	at := &c.keys.all[id]
	weight := float64(times) / c.gate.probability(at.size)
	if missed {
		c.windows.current.missedBytes += weight * float64(at.size)
	}
	s := step{kind: ask, id: id, group: groupOf(at.hash, c.windows.current.groups), objects: weight, bytes: weight * float64(at.size)}
	if s.wasLive = c.keys.enliven(id); !s.wasLive && c.isWarming(at) {
		s.objects, s.bytes = 0, 0
	}
	c.windows.current.asked[s.group].add(tally{s.objects, s.bytes})
	c.batch = append(c.batch, s)
}

func (c *Curves) tell(k kind, id uint16) {
	if k == put {
		c.keys.enliven(id)
	}
	c.batch = append(c.batch, step{kind: k, id: id})
}

// remove takes the value out of every miniature; the key stays, for its size.
func (c *Curves) remove(id uint16) {
	c.keys.kill(id)
	c.tell(gone, id)
}

// drop takes the key out of the sample.
func (c *Curves) drop(id uint16) {
	c.flush()
	for _, m := range c.caches {
		m.take(id)
	}
	c.keys.remove(id)
}

// flush tells the miniatures of the batch, one after the other: each stays in the
// processor's cache meanwhile.
func (c *Curves) flush() {
	if len(c.batch) == 0 {
		return
	}
	for i, m := range c.caches {
		m.run(c.batch, c.windows.current.missesOf(i))
	}
	c.batch = c.batch[:0]
	for _, m := range c.caches {
		if m.roomy() && c.keys.live > m.room {
			c.rebuild(m)
		}
		m.renumber()
	}
	c.saveMemory()
}

// run carries out the steps, and counts what misses.
func (m *miniature) run(batch []step, misses []tally) {
	for i := range batch {
		s := &batch[i]
		switch s.kind {
		case ask:
			if !m.request(s.id, s.wasLive) {
				t := &misses[s.group]
				t.objects += s.objects
				t.bytes += s.bytes
			}
		case put:
			m.put(s.id, m.take(s.id))
		default:
			m.take(s.id)
		}
	}
}

// postpone remembers a miss until the value comes.
func (c *Curves) postpone(hash uint64) {
	p := &c.pending[hash>>32%pendings]
	if p.times > 0 && p.hash != hash {
		c.settleOne(p)
	}
	p.hash, p.old = hash, false
	p.times++
}

func (c *Curves) takePending(hash uint64) (times int) {
	p := &c.pending[hash>>32%pendings]
	if p.hash != hash {
		return 0
	}
	times = p.times
	*p = pending{}
	return times
}

// settle counts the misses of what nobody has stored in all the time: there is no
// such value, and no cache would have it.
func (c *Curves) settle() {
	for i := range c.pending {
		if p := &c.pending[i]; p.times > 0 && p.old {
			c.settleOne(p)
		} else {
			p.old = true
		}
	}
}

func (c *Curves) settleOne(p *pending) {
	if c.gate.takes(p.hash, 0) {
		c.windows.current.nowhere[groupOf(p.hash, c.windows.current.groups)] += float64(p.times) / c.gate.rate()
	}
	*p = pending{}
}
