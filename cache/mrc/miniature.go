package mrc

import (
	"memcache/cache/policy"
)

// miniature is a cache of keys without values: what package sim has, in a few
// bytes a key. One that has never been full holds every key that is live, under
// any policy; to save memory it may have none, and keep nothing: it is roomy.
type miniature struct {
	name     string
	seed     uint64
	policy   policy.Policy // nil when roomy
	admitter policy.Admitter
	sampled  policy.Sampled
	rate     float64 // of the sample
	capacity int64   // bytes of the real cache: what is larger bypasses it
	room     int64   // bytes of the miniature
	used     int64
	partial  bool     // something live did not fit
	index    []uint16 // slots + 1 by id: a hash table with linear probing
	owners   []uint16 // by slot: id, or of a free slot the next free one
	free     int      // first free slot, or -1
	n        int
}

func newMiniature(name string, seed uint64, capacity int64) *miniature {
	m := &miniature{name: name, seed: seed, capacity: capacity, room: capacity, rate: 1}
	m.empty()
	return m
}

// empty makes it a cache that holds nothing.
func (m *miniature) empty() {
	p, err := policy.NewFew(m.name, m.seed)
	if err != nil {
		panic(err) // New checked the name
	}
	m.policy = p
	m.admitter, _ = p.(policy.Admitter)
	m.sampled, _ = p.(policy.Sampled)
	m.setRate(m.rate)
	m.used, m.n, m.partial = 0, 0, false
	m.index, m.owners, m.free = make([]uint16, leastIndex), nil, -1
}

// setRate tells which part of the keys the sample is.
func (m *miniature) setRate(rate float64) {
	if m.rate = rate; m.sampled != nil {
		m.sampled.SetRate(rate)
	}
}

// forgo frees what it keeps: it is roomy, and so it needs nothing.
func (m *miniature) forgo(k *keys) {
	m.each(func(id uint16) { k.all[id].holders-- })
	m.policy, m.admitter, m.sampled, m.index, m.owners, m.n, m.used, m.free = nil, nil, nil, nil, nil, 0, 0, -1
}

// each calls f with every key that it holds.
func (m *miniature) each(f func(id uint16)) {
	for _, cell := range m.index {
		if cell != 0 {
			f(m.owners[cell-1])
		}
	}
}

func (m *miniature) roomy() bool { return m.policy == nil }

// needs are what the policies take, in bytes: in any case, and for each slot.
var needs = map[string]struct{ fixed, slot int64 }{
	"wtinylfu": {4 << 10, 16},
	"lfuda":    {32 << 10, 8}, // a list for each priority
	"s3fifo":   {4 << 10, 17},
	"sieve":    {0, 5},
	"gdsf":     {0, 18},
	"lru":      {0, 5},
	"fifo":     {0, 5},
	"random":   {0, 5},
}

// policyPage is how many slots a policy takes memory for at a time.
const policyPage = 512

// memory returns about how many bytes it takes.
func (m *miniature) memory() int64 {
	if m.roomy() {
		return 0
	}
	need := needs[m.name]
	slots := int64(len(m.owners)+policyPage-1) / policyPage * policyPage
	return 1<<10 + need.fixed + slots*need.slot + 2*int64(cap(m.index)+cap(m.owners))
}

// request asks for a key, stores it if it is missing, and tells whether it hit.
func (m *miniature) request(k *keys, id uint16, wasLive bool) bool {
	if m.roomy() {
		return wasLive && int64(k.all[id].charge) <= m.capacity
	}
	if slot, ok := m.find(id); ok {
		if m.sampled == nil || !m.sampled.Gone(uint32(slot)) {
			m.policy.Access(uint32(slot))
			return true
		}
		m.take(k, id)
	}
	m.store(k, id, 0)
	return false
}

// put stores a key that it does not hold, and that was asked for so often before.
func (m *miniature) put(k *keys, id uint16, uses uint8) {
	if !m.roomy() {
		m.store(k, id, uses)
	}
}

// take removes the key, if it is there, and tells how often it was asked for.
func (m *miniature) take(k *keys, id uint16) (uses uint8) {
	if m.roomy() {
		return 0
	}
	if slot, ok := m.find(id); ok {
		uses = policy.Uses(m.policy, uint32(slot))
		m.policy.Remove(uint32(slot))
		m.forget(k, slot)
	}
	return uses
}

func (m *miniature) store(k *keys, id uint16, uses uint8) {
	at := &k.all[id]
	charge := int64(at.scaled)
	if int64(at.charge) > m.capacity {
		return
	}
	if charge > m.room {
		m.partial = true
		return
	}
	o := policy.Object{Hash: at.hash, Size: int64(at.size), Charge: charge, Uses: uses}
	if room := m.used + charge - m.room; room > 0 {
		m.partial = true
		if m.admitter != nil && !m.admitter.Admit(o, room) {
			return
		}
		m.fit(k, charge)
	}
	m.policy.Add(uint32(m.insert(id)), o)
	m.used += charge
	at.holders++
}

// fit evicts until charge more bytes fit.
func (m *miniature) fit(k *keys, charge int64) {
	for m.used+charge > m.room {
		slot, ok := m.policy.Evict()
		if !ok {
			return
		}
		m.partial = true
		m.forget(k, uint16(slot))
	}
}

// forget takes out a key that the policy has forgotten already.
func (m *miniature) forget(k *keys, slot uint16) {
	id := m.owners[slot]
	m.used -= int64(k.all[id].scaled)
	k.all[id].holders--
	m.delete(id)
	m.owners[slot] = uint16(m.free + 1)
	m.free = int(slot)
}

// insert gives the key a slot.
func (m *miniature) insert(id uint16) (slot uint16) {
	if m.free >= 0 {
		slot = uint16(m.free)
		m.free = int(m.owners[slot]) - 1
		m.owners[slot] = id
	} else {
		slot = uint16(len(m.owners))
		m.owners = append(tightly(m.owners), id)
	}
	if m.n++; m.n*5 > len(m.index)*4 {
		m.grow()
	}
	m.index[m.vacant(id)] = slot + 1
	return slot
}

// leastIndex is how many cells the index begins with.
const leastIndex = 64

// grow makes the index by a fifth longer: that costs time now and then, and a longer
// one would cost memory all the time.
func (m *miniature) grow() {
	old := m.index
	m.index = make([]uint16, len(old)*6/5)
	for _, cell := range old {
		if cell != 0 {
			m.index[m.vacant(m.owners[cell-1])] = cell
		}
	}
}

// home is where the search for a key begins.
func (m *miniature) home(id uint16) int {
	return int(uint64(uint32(id)*0x9e3779b1) * uint64(len(m.index)) >> 32)
}

// after is the cell after i.
func (m *miniature) after(i int) int {
	if i++; i < len(m.index) {
		return i
	}
	return 0
}

// distance is how many cells after from to is.
func (m *miniature) distance(from, to int) int {
	if to >= from {
		return to - from
	}
	return to - from + len(m.index)
}

func (m *miniature) vacant(id uint16) int {
	i := m.home(id)
	for m.index[i] != 0 {
		i = m.after(i)
	}
	return i
}

func (m *miniature) find(id uint16) (slot uint16, ok bool) {
	for i := m.home(id); ; i = m.after(i) {
		cell := m.index[i]
		if cell == 0 {
			return 0, false
		}
		if m.owners[cell-1] == id {
			return cell - 1, true
		}
	}
}

// delete takes a key, which is there, out of the index, and moves those behind it up.
func (m *miniature) delete(id uint16) {
	hole := m.home(id)
	for m.owners[m.index[hole]-1] != id {
		hole = m.after(hole)
	}
	for i := m.after(hole); m.index[i] != 0; i = m.after(i) {
		if m.distance(m.home(m.owners[m.index[i]-1]), i) >= m.distance(hole, i) {
			m.index[hole], hole = m.index[i], i
		}
	}
	m.index[hole] = 0
	m.n--
}

// compactAbove is above how many slots it is worth it to compact a miniature, which
// disturbs the policy.
const compactAbove = 4096

// compact gives the memory back of many keys that are gone: what is left moves
// to a new policy in the order in which the old one would have evicted it.
func (m *miniature) compact(k *keys) {
	if m.roomy() || len(m.owners) <= compactAbove || m.n > len(m.owners)/2 {
		return
	}
	old, owners := m.policy, m.owners
	used, partial := m.used, m.partial
	m.empty()
	m.used, m.partial = used, partial
	for {
		slot, ok := old.Evict()
		if !ok {
			return
		}
		id := owners[slot]
		at := &k.all[id]
		o := policy.Object{Hash: at.hash, Size: int64(at.size), Charge: int64(at.scaled), Uses: policy.Uses(old, slot)}
		m.policy.Add(uint32(m.insert(id)), o)
	}
}
