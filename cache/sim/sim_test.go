package sim_test

import (
	"slices"
	"testing"

	"memcache/cache/policy"
	"memcache/cache/sim"
)

func TestObjectsLargerThanTheCapacityBypassIt(t *testing.T) {
	c := newCache(t, "lru", 10)
	c.Request(1, 10)
	c.Request(2, 11)
	c.Request(2, 11)
	if !c.Request(1, 10) {
		t.Error("the object that fits was pushed out by one that does not")
	}
	want := sim.Result{Requests: 4, Hits: 1, Bytes: 42, HitBytes: 10}
	if got := c.Result(); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestAChangedSizeIsAMissAndNeverLeaks(t *testing.T) {
	c := newCache(t, "random", 100)
	for _, size := range []int64{60, 40, 100, 1} {
		if c.Request(7, size) {
			t.Errorf("size %d hit the object of another size", size)
		}
		if c.Used() != size {
			t.Errorf("%d bytes are used, want %d", c.Used(), size)
		}
	}
}

func TestNoRequestsHaveNoMissRatio(t *testing.T) {
	var r sim.Result
	if r.ObjectMissRatio() != 0 || r.ByteMissRatio() != 0 {
		t.Error("an empty result has a miss ratio")
	}
}

// The list below is the plainest LRU there is; the policy must agree with it
// on every single request.
func TestLRUEqualsANaiveModel(t *testing.T) {
	const capacity = 40_000
	c := newCache(t, "lru", capacity)
	var model naiveLRU
	i := 0
	for key, size := range sim.Sized(sim.Zipf(1, 20_000, 500), func(key uint64) int64 { return int64(key*2654435761%1024) + 1 }) {
		got, want := c.Request(key, size), model.request(key, size, capacity)
		if got != want {
			t.Fatalf("request %d (key %d, %d bytes): hit is %v, want %v", i, key, size, got, want)
		}
		if c.Used() > capacity {
			t.Fatalf("request %d: %d bytes are used of %d", i, c.Used(), capacity)
		}
		i++
	}
	if r := c.Result(); r.Hits == 0 || r.Evictions == 0 {
		t.Errorf("the trace shows nothing: %+v", r)
	}
}

func newCache(t *testing.T, name string, capacity int64) *sim.Cache {
	t.Helper()
	p, err := policy.New(name, 1)
	if err != nil {
		t.Fatal(err)
	}
	return sim.New(p, capacity)
}

type naiveLRU struct {
	keys  []uint64 // most recently used last
	sizes map[uint64]int64
}

func (m *naiveLRU) request(key uint64, size, capacity int64) bool {
	if i := slices.Index(m.keys, key); i >= 0 {
		m.keys = append(slices.Delete(m.keys, i, i+1), key)
		return true
	}
	if m.sizes == nil {
		m.sizes = map[uint64]int64{}
	}
	m.sizes[key] = size
	m.keys = append(m.keys, key)
	for m.used() > capacity {
		m.keys = m.keys[1:]
	}
	return false
}

func (m *naiveLRU) used() (n int64) {
	for _, k := range m.keys {
		n += m.sizes[k]
	}
	return n
}
