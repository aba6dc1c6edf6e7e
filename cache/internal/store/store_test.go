package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mb = 1 << 20

func TestAnObjectAsLargeAsTheCapacityFits(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: 16 * mb})
	largest := s.Stats().MaxItem
	if largest < mb*97/100 {
		t.Errorf("the largest value that fits in %d bytes is %d bytes", mb, largest)
	}
	key := strings.Repeat("k", maxKey)
	if got := set(s, key, string(pattern(int(largest), 1)), 0, 0); got != "stored" {
		t.Errorf("the largest value is %s", got)
	}
	if got := set(s, key, string(pattern(int(largest)+1, 1)), 0, 0); got != "too large" {
		t.Errorf("a byte more is %s", got)
	}
	if st := s.Stats(); st.Held > st.Capacity || st.TooLarge != 1 {
		t.Errorf("%d bytes of %d are held, %d items were too large", st.Held, st.Capacity, st.TooLarge)
	}
}

// The lease stays when the value that is filled under it needs all the room,
// whatever the policy chooses.
func TestALeaseSurvivesItsOwnFill(t *testing.T) {
	for _, name := range []string{"lru", "random"} {
		s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Policy: name})
		value := string(pattern(int(s.Stats().MaxItem), 1))
		for i := range 50 {
			key := fmt.Sprintf("key-%d", i)
			_, _, won, cas := get(t, s, key, time.Minute)
			if !won {
				t.Fatalf("%s: the first to miss %s has not won", name, key)
			}
			if got := set(s, key, value, 0, cas); got != "stored" {
				t.Fatalf("%s: filling %s: %s", name, key, got)
			}
		}
		if st := s.Stats(); st.Items != 1 || st.Leases != 0 {
			t.Errorf("%s: %d items and %d leases are left", name, st.Items, st.Leases)
		}
	}
}

func TestALeaseIsLostWithTheDelete(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	_, _, won, cas := get(t, s, "k", time.Minute)
	if _, found, again, _ := get(t, s, "k", time.Minute); !won || again || !found {
		t.Errorf("the first won: %v; the second won: %v, found: %v", won, again, found)
	}
	if s.Delete([]byte("k"), DeleteOptions{}) != Stored {
		t.Error("the lease was not there to delete")
	}
	if got := set(s, "k", "old", 0, cas); got != "not found" {
		t.Errorf("a fill after the delete: %s", got)
	}
	_, _, _, next := get(t, s, "k", time.Minute)
	if got := set(s, "k", "old", 0, cas); got != "exists" {
		t.Errorf("a fill under another's lease: %s", got)
	}
	if got := set(s, "k", "new", 0, next); got != "stored" {
		t.Errorf("the fill of the second winner: %s", got)
	}
	st := s.Stats()
	if st.Hits != 0 || st.Misses != 3 || st.LeasesWon != 2 || st.LeasesLost != 1 || st.Refused != 2 {
		t.Errorf("counted %+v", st.Counters)
	}
}

func TestLeasesHaveTheirPartOfTheMemory(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	if got := set(s, "object", string(pattern(900_000, 1)), 0, 0); got != "stored" {
		t.Fatal(got)
	}
	for i := range 10_000 {
		get(t, s, fmt.Sprintf("lease-%d", i), time.Minute)
	}
	st := s.Stats()
	if st.Items != 1 || st.Leases == 0 || st.Bytes-Charge(6, 900_000) > mb/leaseShare {
		t.Errorf("%d items and %d leases take %d bytes", st.Items, st.Leases, st.Bytes)
	}
}

func TestExpiredItemsGiveTheirMemoryBack(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: 64 * mb, ItemLimit: mb, Now: c.Now})
	for i := range 6000 {
		set(s, fmt.Sprint(i), string(pattern(1000, 1)), time.Duration(i%2)*10*time.Second, 0)
	}
	c.t = c.t.Add(9900 * time.Millisecond)
	maintain(t, s)
	if st := s.Stats(); st.Items != 6000 {
		t.Errorf("%d items are left before their time, want all 6000", st.Items)
	}
	c.t = c.t.Add(100 * time.Millisecond)
	before := s.Stats()
	maintain(t, s)
	if st := s.Stats(); st.Items != 3000 || st.Bytes > before.Bytes*6/10 || st.Reclaimed != 3000 {
		t.Errorf("%d items, %d bytes, %d reclaimed; before %d bytes", st.Items, st.Bytes, st.Reclaimed, before.Bytes)
	}
}

func TestExpiryIsRelativeAbsoluteOrPast(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	for _, tt := range []struct{ exptime, ttl int64 }{
		{0, -1},
		{1, 1},
		{maxRelative, maxRelative},
		{c.t.Unix() + 60, 60},
		{1<<62 - 1, 429496730 - 1},
	} {
		store(t, s, "k", tt.exptime)
		it, found, err := s.Get([]byte("k"), GetOptions{})
		if err != nil || !found || it.TTL != tt.ttl && tt.ttl < 1e6 || tt.ttl > 1e6 && it.TTL < 1e6 {
			t.Errorf("expiry %d: found %v, %d s left, want %d", tt.exptime, found, it.TTL, tt.ttl)
		}
	}
	for _, past := range []int64{-1, c.t.Unix() - 1, maxRelative + 1} {
		store(t, s, "k", 0)
		store(t, s, "k", past)
		if _, found, _ := s.Get([]byte("k"), GetOptions{}); found {
			t.Errorf("expiry %d: the item is there", past)
		}
	}
	if st := s.Stats(); st.Held != 0 || st.Bytes != 0 {
		t.Errorf("%d bytes are held for nothing", st.Held)
	}
}

func TestPinnedValuesCountUntilReleased(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	want := pattern(600_000, 1)
	set(s, "k", string(want), 0, 0)
	it, _, err := s.Get([]byte("k"), GetOptions{Value: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Delete([]byte("k"), DeleteOptions{})
	if st := s.Stats(); st.Bytes != 0 || st.Held < 600_000 {
		t.Errorf("%d bytes of items, %d held", st.Bytes, st.Held)
	}
	set(s, "small", "value", 0, 0)
	if got := set(s, "other", string(want), 0, 0); got != ErrNoMemory.Error() {
		t.Errorf("a value that has no room beside the pinned one: %s", got)
	}
	if _, found, _, _ := get(t, s, "small", 0); !found {
		t.Error("an item was evicted although that could not make enough room")
	}
	if got := bytes.Join(it.Value.Segments(nil), nil); !bytes.Equal(got, want) {
		t.Error("the pinned value changed")
	}
	it.Value.Release()
	if got := set(s, "other", string(want), 0, 0); got != "stored" {
		t.Errorf("with the pinned value released: %s", got)
	}
}

// Random leaves survivors in every slab: only moving them frees memory.
func TestShrinkingGivesMemoryBack(t *testing.T) {
	for _, name := range []string{"lru", "random"} {
		s := newStore(t, Config{Capacity: 24 * mb, ItemLimit: mb, Policy: name})
		for i := range 6_000 {
			set(s, fmt.Sprint(i), string(pattern(500+i%10*1000, byte(i))), 0, 0)
		}
		if err := s.SetCapacity(8 * mb); err != nil {
			t.Fatal(err)
		}
		st := s.Stats()
		if st.Held > 8*mb || st.Held < 7*mb || st.Resident > 16*mb {
			t.Errorf("%s: %d bytes held, %d resident after shrinking to 8 MB", name, st.Held, st.Resident)
		}
		for i := range 6_000 {
			value, found, _, _ := get(t, s, fmt.Sprint(i), 0)
			if found && value != string(pattern(500+i%10*1000, byte(i))) {
				t.Fatalf("%s: item %d changed", name, i)
			}
		}
		if err := s.FlushAll(0); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Held != 0 || st.Resident != 0 || st.Items != 0 {
			t.Errorf("%s: %d bytes held, %d resident, %d items after a flush", name, st.Held, st.Resident, st.Items)
		}
	}
}

func TestSwitchingThePolicyDropsNothing(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	for i := range 100 {
		set(s, fmt.Sprint(i), "value", 0, 0)
	}
	for _, name := range []string{"random", "lru", "lru"} {
		if err := s.SetPolicy(name); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Policy != name || st.Items != 100 {
			t.Errorf("%s: %d items", st.Policy, st.Items)
		}
	}
	if err := s.SetPolicy("mru"); err == nil || s.Stats().Policy != "lru" {
		t.Errorf("an unknown policy: %v; the policy is %s", err, s.Stats().Policy)
	}
}

func TestCapacityOutOfRangeIsRefused(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	for _, n := range []int64{-1, 0, MinCapacity - 1, MaxCapacity + 1} {
		if err := s.SetCapacity(n); err == nil {
			t.Errorf("a capacity of %d was taken", n)
		}
	}
}

func TestADelayedFlushComesInItsTime(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	set(s, "k", "value", 0, 0)
	if err := s.FlushAll(10); err != nil {
		t.Fatal(err)
	}
	if _, found, _, _ := get(t, s, "k", 0); !found {
		t.Error("the item went too early")
	}
	c.t = c.t.Add(10 * time.Second)
	if _, found, _, _ := get(t, s, "k", 0); found {
		t.Error("the item is still there")
	}
	maintain(t, s)
	if st := s.Stats(); st.Held != 0 {
		t.Errorf("%d bytes are held", st.Held)
	}
}

// Fault 75: readers, writers, shrinking, switching and clearing at the same
// time; every value that is read is whole, and nothing is left in the end.
func TestFault75_MixedLoad(t *testing.T) {
	s := newStore(t, Config{Capacity: 2 * mb, ItemLimit: mb})
	var wg sync.WaitGroup
	for worker := range uint64(4) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(worker, 0))
			for range 800 {
				k := rng.IntN(50)
				key := fmt.Sprint(k)
				switch rng.IntN(12) {
				case 0:
					s.Delete([]byte(key), DeleteOptions{})
				case 1, 2, 3, 4:
					set(s, key, string(pattern(k*k*20, byte(k))), 0, 0)
				default:
					it, found, err := s.Get([]byte(key), GetOptions{Value: true})
					if err != nil || !found {
						continue
					}
					if got := bytes.Join(it.Value.Segments(nil), nil); !bytes.Equal(got, pattern(k*k*20, byte(k))) {
						t.Errorf("the value of %s is not what was stored", key)
					}
					it.Value.Release()
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 60 {
			shake(t, s, i)
		}
	})
	wg.Wait()
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Held != 0 || st.Bytes != 0 || st.Items != 0 || st.Resident != 0 {
		t.Errorf("%+v is left after a flush", st)
	}
}

func store(t *testing.T, s *Store, key string, exptime int64) {
	t.Helper()
	var w Writer
	if err := s.Begin(&w, []byte(key), 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Commit(SetOptions{Exptime: exptime}); err != nil {
		t.Fatal(err)
	}
}

func maintain(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Maintain(); err != nil {
		t.Fatal(err)
	}
}

// The slabs of one size must make way for another size while items still come,
// and not only when the store is tidied.
func TestMemoryStaysWithinThePromiseUnderChurn(t *testing.T) {
	const capacity = 64 * mb
	for _, name := range []string{"lru", "random"} {
		s := newStore(t, Config{Capacity: capacity, ItemLimit: mb, Policy: name})
		rng := rand.New(rand.NewPCG(1, 1))
		value := string(pattern(mb, 1))
		for _, size := range []int{3_000, 200_000, 9_000, 60_000} {
			for total := 0; total < capacity; {
				n := size/2 + rng.IntN(size)
				set(s, fmt.Sprint(rng.Uint32()), value[:n], 0, 0)
				total += n
			}
			if st := s.Stats(); st.Resident > capacity*103/100+32*mb || st.Held > capacity {
				t.Errorf("%s, items of about %d bytes: %d bytes held, %d resident, of %d", name, size, st.Held, st.Resident, capacity)
			}
		}
	}
}
