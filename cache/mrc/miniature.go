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
	keys     *keys
	policy   policy.Few // nil when roomy
	admitter policy.Admitter
	sampled  policy.Sampled
	summing  policy.Summing
	rate     float64 // of the sample
	capacity int64   // bytes of the real cache: what is larger bypasses it
	room     int64   // bytes of the miniature
	used     int64
	partial  bool // something live did not fit
	slots    *slots
	most     int // keys at a time, before it got these slots
}

func newMiniature(name string, seed uint64, k *keys, capacity int64) *miniature {
	m := &miniature{name: name, seed: seed, keys: k, capacity: capacity, room: capacity, rate: 1}
	m.empty()
	return m
}

// empty makes it a cache that holds nothing.
func (m *miniature) empty() {
	s := newSlots(true)
	p, err := policy.NewFew(m.name, m.seed, func(slot uint32) policy.Object { return m.keys.object(s.owner(slot)) })
	if err != nil {
		panic(err) // New checked the name
	}
	m.policy, m.slots = p, &s
	m.admitter, _ = p.(policy.Admitter)
	m.sampled, _ = p.(policy.Sampled)
	m.summing, _ = p.(policy.Summing)
	m.setRate(m.rate)
	m.used, m.partial, m.most = 0, false, 0
}

// setRate tells which part of the keys the sample is.
func (m *miniature) setRate(rate float64) {
	if m.rate = rate; m.sampled != nil {
		m.sampled.SetRate(rate)
	}
}

// forgo frees what it keeps: it is roomy, and so it needs nothing.
func (m *miniature) forgo() {
	m.slots.each(func(id uint16) { m.keys.all[id].holders-- })
	m.policy, m.admitter, m.sampled, m.summing, m.slots, m.used = nil, nil, nil, nil, &slots{}, 0
}

func (m *miniature) roomy() bool { return m.policy == nil }

// needs are what the policies take, in bytes: in any case, for each slot up to the
// last one, for each of the keys that there were at a time since they got these slots,
// and for each of those that there were at a time ever.
var needs = map[string]struct{ fixed, slot, key, ever int64 }{
	"wtinylfu": {4 << 10, 5, 0, 4},
	"lfuda":    {16 << 10, 8, 0, 0}, // a list for each priority
	"s3fifo":   {4 << 10, 5, 0, 4},
	"sieve":    {0, 5, 0, 0},
	"gdsf":     {0, 2, 10, 0},
	"lru":      {0, 4, 0, 0},
	"fifo":     {0, 4, 0, 0},
	"random":   {0, 2, 2, 0},
}

// policyPage is how many slots a policy takes memory for at a time.
const policyPage = 512

func inPages(n int) int64 { return int64(n+policyPage-1) / policyPage * policyPage }

// memory returns about how many bytes it takes.
func (m *miniature) memory() int64 {
	if m.roomy() {
		return 0
	}
	need := needs[m.name]
	slots, most, ever := inPages(m.slots.end()), inPages(m.slots.most), inPages(max(m.most, m.slots.most))
	return 1<<10 + need.fixed + need.slot*slots + need.key*most + need.ever*ever + m.slots.memory()
}

// request asks for a key, stores it if it is missing, and tells whether it hit.
func (m *miniature) request(id uint16, wasLive bool) bool {
	if m.roomy() {
		return wasLive && int64(m.keys.all[id].charge) <= m.capacity
	}
	if slot, ok := m.slots.find(id); ok {
		if m.sampled == nil || !m.sampled.Gone(slot) {
			m.policy.Access(slot)
			return true
		}
		m.take(id)
	}
	m.store(id, 0)
	return false
}

// put stores a key that it does not hold, and that was asked for so often before.
func (m *miniature) put(id uint16, uses uint8) {
	if !m.roomy() {
		m.store(id, uses)
	}
}

// take removes the key, if it is there, and tells how often it was asked for.
func (m *miniature) take(id uint16) (uses uint8) {
	if m.roomy() {
		return 0
	}
	if slot, ok := m.slots.find(id); ok {
		uses = policy.Uses(m.policy, slot)
		m.policy.Remove(slot)
		m.forget(slot)
	}
	return uses
}

func (m *miniature) store(id uint16, uses uint8) {
	at := &m.keys.all[id]
	charge := int64(at.scaled)
	if int64(at.charge) > m.capacity {
		return
	}
	if charge > m.room {
		m.partial = true
		return
	}
	o := m.keys.object(id)
	o.Uses = uses
	if room := m.used + charge - m.room; room > 0 {
		m.partial = true
		if m.admitter != nil && !m.admitter.Admit(o, room) {
			return
		}
		m.fit(charge)
	}
	m.policy.Add(m.slots.insert(id), o)
	m.used += charge
	at.holders++
}

// fit evicts until charge more bytes fit.
func (m *miniature) fit(charge int64) {
	for m.used+charge > m.room {
		slot, ok := m.policy.Evict()
		if !ok {
			return
		}
		m.partial = true
		m.forget(slot)
	}
}

// forget takes out a key that the policy has forgotten already.
func (m *miniature) forget(slot uint32) {
	at := &m.keys.all[m.slots.owner(slot)]
	m.used -= int64(at.scaled)
	at.holders--
	m.slots.remove(slot)
}

// renumber gives the keys other slots when those take a tenth less memory, or when
// half of the keys are gone that had one.
func (m *miniature) renumber() {
	if m.roomy() {
		return
	}
	const index = 9 // half bytes for each key
	slot := 2 * needs[m.name].slot
	direct := (slot + 1) * int64(len(m.keys.all))
	indexed := (slot + index) * inPages(m.slots.n)
	switch {
	case m.slots.direct && indexed < direct*9/10:
		m.setSlots(newSlots(false))
	case !m.slots.direct && direct < indexed*9/10:
		m.setSlots(newSlots(true))
	case m.slots.most > policyPage && m.slots.n < m.slots.most/2:
		m.setSlots(newSlots(m.slots.direct))
	}
}

// setSlots gives every key another slot.
func (m *miniature) setSlots(s slots) {
	m.slots.each(func(id uint16) { s.insert(id) })
	m.most = max(m.most, m.slots.most)
	old := *m.slots
	*m.slots = s
	m.policy.Renumber(func(slot uint32) uint32 {
		to, _ := s.find(old.owner(slot))
		return to
	})
}
