package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"memcache/cache/internal/arena"
)

// model is the plainest cache that behaves as a store with LRU must: lists that
// are searched from end to end, and nothing shared with the store but what an
// item is charged.
type model struct {
	capacity, limit int64
	now             time.Duration
	objects, leases []*modelItem // next victim first
	old             []*modelItem // objects that the old policy has, while it is switched
	cas             uint64
	evictions       int64
}

type modelItem struct {
	key, value string
	cas        uint64
	expire     time.Duration // 0 for never
	lease      bool
}

func (i *modelItem) charge() int64 { return Charge(len(i.key), len(i.value)) }

func (m *model) all() []*modelItem { return slices.Concat(m.old, m.objects, m.leases) }

func (m *model) bytes() (n int64) {
	for _, i := range m.all() {
		n += i.charge()
	}
	return n
}

func (m *model) find(key string) *modelItem {
	for _, i := range m.all() {
		if i.key == key {
			if i.expire != 0 && m.now >= i.expire {
				m.remove(i)
				return nil
			}
			return i
		}
	}
	return nil
}

func (m *model) remove(i *modelItem) {
	same := func(o *modelItem) bool { return o == i }
	for _, list := range []*[]*modelItem{&m.old, &m.objects, &m.leases} {
		*list = slices.DeleteFunc(*list, same)
	}
}

func (m *model) makeRoom(n int64) {
	for m.bytes()+n > m.capacity {
		switch {
		case len(m.old) > 0:
			m.old = m.old[1:]
			m.evictions++
		case len(m.objects) > 0:
			m.objects = m.objects[1:]
			m.evictions++
		default:
			m.leases = m.leases[1:]
		}
	}
}

// access makes an object the last victim of its policy.
func (m *model) access(i *modelItem) {
	list := &m.objects
	if slices.Contains(m.old, i) {
		list = &m.old
	}
	if !i.lease {
		m.remove(i)
		*list = append(*list, i)
	}
}

func (m *model) moveSome(n int) {
	n = min(n, len(m.old))
	m.objects = append(m.objects, m.old[:n]...)
	m.old = m.old[n:]
}

func (m *model) get(key string, vivify time.Duration) (value string, found, won bool, cas uint64) {
	if i := m.find(key); i != nil {
		m.access(i)
		return i.value, true, false, i.cas
	}
	if vivify == 0 {
		return "", false, false, 0
	}
	charge := Charge(len(key), 0)
	for {
		var leased int64
		for _, l := range m.leases {
			leased += l.charge()
		}
		if leased+charge <= m.capacity/leaseShare {
			break
		}
		m.leases = m.leases[1:]
	}
	m.makeRoom(charge)
	m.cas++
	m.leases = append(m.leases, &modelItem{key: key, cas: m.cas, expire: m.now + vivify, lease: true})
	return "", true, true, m.cas
}

func (m *model) set(key, value string, ttl time.Duration, cas uint64) string {
	if !m.fits(key, value) {
		return "too large"
	}
	cost := arena.Cost(entrySize + len(key) + len(value))
	m.makeRoom(cost)
	old := m.find(key)
	switch {
	case cas != 0 && old == nil:
		return "not found"
	case cas != 0 && old.cas != cas:
		return "exists"
	case old != nil:
		m.remove(old)
	default:
		m.makeRoom(cost + entryCharge)
	}
	m.cas++
	i := &modelItem{key: key, value: value, cas: m.cas}
	if ttl != 0 {
		i.expire = m.now + ttl
	}
	m.objects = append(m.objects, i)
	return "stored"
}

// join appends to a value, or prepends. The copy's memory is there beside that of
// both parts for a moment.
func (m *model) join(key, part string, mode Mode) Outcome {
	cost := arena.Cost(len(key) + len(part))
	m.makeRoom(cost)
	old := m.find(key)
	if old == nil {
		return NotStored
	}
	value := old.value + part
	if mode == Prepend {
		value = part + old.value
	}
	if !m.fits(key, value) {
		return NotStored
	}
	m.access(old)
	m.makeRoom(cost + arena.Cost(len(key)+len(value)))
	m.replace(old, value)
	return Stored
}

// delta adds to a number. One that gets longer is written anew, and its old
// memory is there beside it for a moment.
func (m *model) delta(key string, by uint64) (uint64, Outcome) {
	old := m.find(key)
	if old == nil {
		return 0, NotFound
	}
	n, err := strconv.ParseUint(strings.TrimRight(old.value, " "), 10, 64)
	if err != nil {
		return 0, NotNumber
	}
	n += by
	text := fmt.Sprintf("%-*d", len(old.value), n)
	if len(text) == len(old.value) {
		m.cas++
		m.access(old)
		old.value, old.cas = text, m.cas
		return n, Stored
	}
	m.remove(old)
	m.makeRoom(old.charge() + arena.Cost(len(key)+len(text)))
	m.replace(old, text)
	return n, Stored
}

// replace gives an item another value; it is an object then, the last victim.
func (m *model) replace(i *modelItem, value string) {
	m.remove(i)
	m.cas++
	i.value, i.cas, i.lease = value, m.cas, false
	m.objects = append(m.objects, i)
}

func (m *model) touch(key string, ttl time.Duration) bool {
	i := m.find(key)
	if i == nil {
		return false
	}
	if i.expire = 0; ttl != 0 {
		i.expire = m.now + ttl
	}
	m.access(i)
	return true
}

func (m *model) fits(key, value string) bool {
	return int64(len(value)) <= m.limit && Charge(len(key), len(value))+Charge(len(key), 0) <= m.capacity
}

func (m *model) sweep() {
	for _, i := range m.all() {
		if i.expire != 0 && m.now >= i.expire {
			m.remove(i)
		}
	}
}

// Fault 46: after every one of thousands of random operations the store and
// the model hold the same, and never more than the capacity.
func TestFault46_StoreEqualsTheModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); compareWithModel(t, seed, 1200) })
	}
}

func FuzzFault46_StoreEqualsTheModel(f *testing.F) {
	f.Add(uint64(99))
	f.Fuzz(func(t *testing.T, seed uint64) { compareWithModel(t, seed, 300) })
}

func compareWithModel(t *testing.T, seed uint64, operations int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	clock := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: 1 << 20, ItemLimit: 900_000, Policy: "lru", Now: clock.Now})
	m := &model{capacity: 1 << 20, limit: 900_000}
	for i := range operations {
		key := fmt.Sprintf("key-%d", rng.IntN(60))
		what := operate(t, rng, s, m, clock, key)
		if rng.IntN(4) == 0 {
			what += ", " + change(t, rng, s, m, fmt.Sprintf("key-%d", rng.IntN(60)))
		}
		st := s.Stats()
		if st.Bytes != m.bytes() || st.Items != int64(len(m.objects)+len(m.old)) || st.Leases != int64(len(m.leases)) || st.Evictions != m.evictions {
			t.Fatalf("operation %d, %s: the store has %d bytes, %d items, %d leases, %d evictions; the model %d, %d, %d, %d",
				i, what, st.Bytes, st.Items, st.Leases, st.Evictions, m.bytes(), len(m.objects)+len(m.old), len(m.leases), m.evictions)
		}
		if st.Held != st.Bytes || st.Held > st.Capacity {
			t.Fatalf("operation %d, %s: %d bytes are held for %d bytes of items, of %d", i, what, st.Held, st.Bytes, st.Capacity)
		}
	}
}

func operate(t *testing.T, rng *rand.Rand, s *Store, m *model, clock *clock, key string) (what string) {
	t.Helper()
	switch op := rng.IntN(100); {
	case op < 40:
		value := string(pattern(rng.IntN(1<<rng.IntN(21)), byte(op)))
		ttl := time.Duration(max(0, rng.IntN(20)-10)) * time.Second
		var cas uint64
		if op < 8 {
			cas = m.cas - uint64(rng.IntN(3))
		}
		got, want := set(s, key, value, ttl, cas), m.set(key, value, ttl, cas)
		if got != want {
			t.Fatalf("set of %d bytes: %s, want %s", len(value), got, want)
		}
		if got == "too large" {
			s.Delete([]byte(key), DeleteOptions{})
			if i := m.find(key); i != nil {
				m.remove(i)
			}
		}
		return fmt.Sprintf("set %s, %d bytes", key, len(value))
	case op < 80:
		vivify := time.Duration(max(0, rng.IntN(60)-30)) * time.Second
		value, found, won, cas := get(t, s, key, vivify)
		wantValue, wantFound, wantWon, wantCAS := m.get(key, vivify)
		if value != wantValue || found != wantFound || won != wantWon || cas != wantCAS {
			t.Fatalf("get: %d bytes, found %v, won %v, cas %d; want %d bytes, %v, %v, %d",
				len(value), found, won, cas, len(wantValue), wantFound, wantWon, wantCAS)
		}
		return "get " + key
	case op < 90:
		got, i := s.Delete([]byte(key), DeleteOptions{}), m.find(key)
		if (got == Stored) != (i != nil) {
			t.Fatalf("delete: outcome %d, item %v", got, i != nil)
		}
		if i != nil {
			m.remove(i)
		}
		return "delete " + key
	case op < 94:
		d := time.Duration(rng.IntN(8)) * time.Second
		clock.t, m.now = clock.t.Add(d), m.now+d
		return "time"
	case op < 96:
		if err := s.Maintain(); err != nil {
			t.Fatal(err)
		}
		m.sweep()
		s.moveSome(5)
		m.moveSome(5)
		return "maintain"
	case op < 98:
		m.capacity = 1<<20 + rng.Int64N(2<<20)
		if err := s.SetCapacity(m.capacity); err != nil {
			t.Fatal(err)
		}
		m.makeRoom(0)
		return "capacity"
	case op < 99:
		if err := errors.Join(s.SetPolicy("lru"), s.FlushAll(-1)); err != nil {
			t.Fatal(err)
		}
		m.old, m.objects, m.leases = nil, nil, nil
		return "flush"
	default:
		for s.moveSome(1) {
			m.moveSome(1)
		}
		s.beginSwitch("lru", newPolicy("lru", 0))
		m.moveSome(60)
		m.old, m.objects = m.objects, nil
		return "policy"
	}
}

// change does what changes an item that is there.
func change(t *testing.T, rng *rand.Rand, s *Store, m *model, key string) (what string) {
	t.Helper()
	switch rng.IntN(4) {
	case 0:
		mode, part := Mode(int(Append)+rng.IntN(2)), string(pattern(rng.IntN(1<<rng.IntN(15)), 7))
		if i := m.find(key); i != nil && len(i.value) > 100_000 {
			return "nothing" // joining to it could take the memory of all others, and its own
		}
		got, _ := commit(t, s, key, part, SetOptions{Mode: mode})
		if want := m.join(key, part, mode); got != want {
			t.Fatalf("join: outcome %d, want %d", got, want)
		}
		return fmt.Sprintf("join %s, %d bytes", key, len(part))
	case 1:
		number := fmt.Sprint(rng.Uint64N(1 << rng.IntN(40)))
		if got, want := set(s, key, number, 0, 0), m.set(key, number, 0, 0); got != want {
			t.Fatalf("set to a number: %s, want %s", got, want)
		}
		return "set " + key + " to a number"
	case 2:
		by := rng.Uint64N(1 << rng.IntN(63))
		n, got, err := s.Delta([]byte(key), DeltaOptions{By: by})
		if want, outcome := m.delta(key, by); n.Value != want || got != outcome || err != nil {
			t.Fatalf("delta: %d, outcome %d (%v), want %d, %d", n.Value, got, err, want, outcome)
		}
		return "delta " + key
	default:
		ttl := time.Duration(rng.IntN(10)) * time.Second
		if got, want := s.Touch([]byte(key), int64(ttl/time.Second)), m.touch(key, ttl); got != want {
			t.Fatalf("touch: %v, want %v", got, want)
		}
		return "touch " + key
	}
}

func set(s *Store, key, value string, ttl time.Duration, cas uint64) string {
	var w Writer
	err := write(s, &w, key, value)
	if errors.Is(err, ErrTooLarge) {
		return "too large"
	}
	if err != nil {
		return err.Error()
	}
	outcome, _, err := w.Commit(SetOptions{Exptime: int64(ttl / time.Second), HasCAS: cas != 0, CAS: cas})
	if err != nil {
		return err.Error()
	}
	return [...]string{"stored", "not stored", "exists", "not found"}[outcome]
}

func get(t *testing.T, s *Store, key string, vivify time.Duration) (value string, found, won bool, cas uint64) {
	t.Helper()
	it, found, err := s.Get([]byte(key), GetOptions{Value: true, Compete: true, Vivify: vivify > 0, VivifyTTL: int64(vivify / time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		return "", false, false, 0
	}
	defer it.Value.Release()
	return string(bytes.Join(it.Value.Segments(nil), nil)), true, it.Won, it.CAS
}

type clock struct{ t time.Time }

func (c *clock) Now() time.Time { return c.t }

func newStore(t testing.TB, c Config) *Store {
	t.Helper()
	if c.Policy == "" {
		c.Policy = "lru"
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i) + byte(i>>8)
	}
	return b
}
