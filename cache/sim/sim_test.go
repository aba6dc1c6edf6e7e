package sim_test

import (
	"iter"
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
	for key, size := range synthetic(20_000, 500) {
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

// Golden: equal natively and under WebAssembly, bit for bit.
func TestGolden(t *testing.T) {
	want := map[string]sim.Result{
		"fifo":   {Requests: 20_000, Hits: 5_468, Bytes: 10_243_532, HitBytes: 2_752_781, Evictions: 14_450},
		"gdsf":   {Requests: 20_000, Hits: 9_248, Bytes: 10_243_532, HitBytes: 3_380_481, Evictions: 10_620},
		"lfuda":  {Requests: 20_000, Hits: 7_895, Bytes: 10_243_532, HitBytes: 3_880_682, Evictions: 12_027},
		"s3fifo": {Requests: 20_000, Hits: 7_286, Bytes: 10_243_532, HitBytes: 3_629_678, Evictions: 12_640},
		"sieve":  {Requests: 20_000, Hits: 7_752, Bytes: 10_243_532, HitBytes: 3_846_336, Evictions: 12_165},
		"lru":    {Requests: 20_000, Hits: 5_731, Bytes: 10_243_532, HitBytes: 2_869_468, Evictions: 14_188},
		"random": {Requests: 20_000, Hits: 5_446, Bytes: 10_243_532, HitBytes: 2_724_369, Evictions: 14_478},
	}
	for _, info := range policy.Infos() {
		p, err := policy.New(info.Name, 42)
		if err != nil {
			t.Fatal(err)
		}
		if got := sim.Replay(p, 40_000, synthetic(20_000, 500)); got != want[info.Name] {
			t.Errorf("%s: %+v, want %+v", info.Name, got, want[info.Name])
		}
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

// synthetic asks n times for one of keys keys, low ones far more often; the
// size of a key is constant, from 1 to 1,024 bytes.
func synthetic(n int, keys uint64) iter.Seq2[uint64, int64] {
	return func(yield func(uint64, int64) bool) {
		x := uint64(88172645463325252)
		for range n {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			a, b := x%keys, x>>32%keys
			key := a * b / keys
			if !yield(key, int64(key*2654435761%1024)+1) {
				return
			}
		}
	}
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
