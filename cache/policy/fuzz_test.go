package policy_test

import (
	"maps"
	"slices"
	"testing"

	"memcache/cache/policy"
)

// Whatever happens to a policy, what is present is exactly what was added and
// not yet taken out, and a switch to any other policy drops nothing of it.
func FuzzPolicies(f *testing.F) {
	for i := range policy.Infos() {
		ops := make([]byte, 3000)
		for j := range ops {
			ops[j] = byte(j * (j + i) / 7)
		}
		f.Add(uint8(i), uint8(i+1), ops)
	}
	f.Fuzz(func(t *testing.T, from, to uint8, ops []byte) {
		n := len(policy.Infos())
		m := &model{t: t, policy: newPolicy(t, int(from)%n), present: map[uint32]policy.Object{}}
		for op := range slices.Chunk(ops, 3) {
			if len(op) == 3 && !t.Failed() {
				m.step(op[0], op[1], op[2])
			}
		}
		m.switchTo(newPolicy(t, int(to)%n))
		m.empty()
	})
}

// Every pair of policies, with more slots than a page has, in no order.
func TestASwitchBetweenAnyTwoPoliciesDropsNothing(t *testing.T) {
	for from := range policy.Infos() {
		for to := range policy.Infos() {
			m := &model{t: t, policy: newPolicy(t, from), present: map[uint32]policy.Object{}}
			for i := range uint32(4_500) {
				m.add(i*40_503%1_000_003, byte(i))
			}
			for i := range uint32(1_000) {
				if slot := i * i % 4_500 * 40_503 % 1_000_003; m.holds(slot) {
					m.policy.Access(slot)
				}
			}
			m.switchTo(newPolicy(t, to))
			m.empty()
		}
	}
}

func newPolicy(t *testing.T, i int) policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Infos()[i].Name, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// model knows what must be present in a policy.
type model struct {
	t       *testing.T
	policy  policy.Policy
	present map[uint32]policy.Object
}

func (m *model) holds(slot uint32) bool {
	_, ok := m.present[slot]
	return ok
}

// step does one thing to a slot.
func (m *model) step(op, a, b byte) {
	slot := uint32(a) * 37
	switch {
	case !m.holds(slot):
		m.add(slot, b)
	case op%8 == 0:
		m.policy.Remove(slot)
		delete(m.present, slot)
	case op%8 == 1:
		m.evict()
	default:
		m.policy.Access(slot)
	}
	if m.policy.Len() != len(m.present) {
		m.t.Errorf("%d slots are present, want %d", m.policy.Len(), len(m.present))
	}
}

// add adds an object of a size from nothing to what no memory holds.
func (m *model) add(slot uint32, b byte) {
	o := policy.Object{Hash: uint64(slot) * 0x9e3779b97f4a7c15, Size: 1 << (b % 64) >> 1, Charge: 1 << (b / 4 % 64) >> 1}
	if a, ok := m.policy.(policy.Admitter); ok && !a.Admit(o, int64(b)) {
		return
	}
	m.policy.Add(slot, o)
	m.present[slot] = o
}

func (m *model) evict() bool {
	slot, ok := m.policy.Evict()
	if ok != (len(m.present) > 0) || ok && !m.holds(slot) {
		m.t.Errorf("evicted slot %d (%v), which is not one of the %d that are present", slot, ok, len(m.present))
	}
	delete(m.present, slot)
	return ok
}

func (m *model) switchTo(p policy.Policy) {
	for policy.MoveSome(m.policy, p, 7, func(slot uint32) policy.Object { return m.present[slot] }) {
		if m.policy.Len()+p.Len() != len(m.present) {
			m.t.Fatalf("%d and %d slots are present, want %d", m.policy.Len(), p.Len(), len(m.present))
		}
	}
	if m.policy.Len() != 0 || p.Len() != len(m.present) {
		m.t.Fatalf("after the switch %d and %d slots are present, want %d", m.policy.Len(), p.Len(), len(m.present))
	}
	m.policy = p
}

// empty evicts everything, each slot once.
func (m *model) empty() {
	for m.evict() {
		if m.t.Failed() {
			return
		}
	}
	if left := slices.Collect(maps.Keys(m.present)); len(left) > 0 || m.policy.Len() != 0 {
		m.t.Errorf("%d slots are left, and %v were never evicted", m.policy.Len(), left)
	}
}
