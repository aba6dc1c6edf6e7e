package mrc

import "strconv"

// Check looks for a contradiction, and tells of the first.
func (c *Curves) Check() string {
	c.flush()
	holders := make([]uint8, len(c.keys.all))
	for i, m := range c.caches {
		used, n := int64(0), 0
		m.slots.each(func(id uint16) {
			holders[id]++
			used += int64(c.keys.all[id].scaled)
			n++
		})
		switch {
		case m.roomy():
		case used != m.used || n != m.slots.n || n != m.policy.Len():
			return m.name + " " + strconv.Itoa(i) + " holds other keys than it says"
		case used > m.room:
			return m.name + " " + strconv.Itoa(i) + " holds more than it may"
		}
	}
	charge := int64(0)
	for id, k := range c.keys.all {
		if k.holders != holders[id] {
			return "key " + strconv.Itoa(id) + " has another number of holders"
		}
		if k.is(used) && !c.gate.takes(k.hash, int64(k.size)) {
			return "key " + strconv.Itoa(id) + " should not be in the sample"
		}
		if k.is(live) {
			charge += int64(k.scaled)
		}
	}
	switch {
	case charge != c.keys.live:
		return "the live keys charge something else"
	case c.keys.n > c.limit():
		return "there are " + strconv.Itoa(c.keys.n) + " keys"
	case c.Memory() > c.config.Memory:
		return strconv.FormatInt(c.Memory(), 10) + " bytes are taken"
	}
	return ""
}
