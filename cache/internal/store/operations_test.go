package store

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/cache/internal/arena"
)

func TestAppendAndPrependKeepFlagsAndExpiry(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	commit(t, s, "k", "abc", SetOptions{Flags: 5, Exptime: 100})
	outcome, cas := commit(t, s, "k", "de", SetOptions{Mode: Append, Flags: 7, Exptime: 5})
	if outcome != Stored {
		t.Fatalf("append: outcome %d", outcome)
	}
	commit(t, s, "k", "XY", SetOptions{Mode: Prepend, HasCAS: true, CAS: cas})
	if outcome, _ = commit(t, s, "k", "Z", SetOptions{Mode: Append, HasCAS: true, CAS: cas}); outcome != Exists {
		t.Errorf("append with an old cas value: outcome %d, want Exists", outcome)
	}
	it, value := look(t, s, "k")
	if value != "XYabcde" || it.Flags != 5 || it.TTL != 100 || it.Fetched {
		t.Errorf("the item is %q, %+v", value, it)
	}
}

func TestAppendNeedsAnItemUnlessItMayMakeOne(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	for _, o := range []SetOptions{{Mode: Append}, {Mode: Prepend}, {Mode: Append, HasCAS: true, CAS: 7}} {
		if outcome, _ := commit(t, s, "k", "x", o); outcome != NotStored {
			t.Errorf("%+v: outcome %d, want NotStored", o, outcome)
		}
	}
	outcome, cas := commit(t, s, "k", "x", SetOptions{Mode: Append, Vivify: true, VivifyTTL: 60, Flags: 3, NewCAS: CAS{true, 99}})
	it, value := look(t, s, "k")
	if outcome != Stored || cas != 99 || value != "x" || it.CAS != 99 || it.TTL != 60 || it.Flags != 3 {
		t.Errorf("outcome %d, cas %d, item %q, %+v", outcome, cas, value, it)
	}
	if st := s.Stats(); st.Sets != 4 || st.Stored != 1 || st.Held != st.Bytes {
		t.Errorf("counted %+v, %d bytes held for %d of items", st.Counters, st.Held, st.Bytes)
	}
}

// What is longer than the item limit is not stored, and the item stays; as in
// memcached.
func TestAppendBeyondTheLimitIsNotStored(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: 1000})
	old := strings.Repeat("a", 600)
	commit(t, s, "k", old, SetOptions{})
	if outcome, _ := commit(t, s, "k", old, SetOptions{Mode: Append}); outcome != NotStored {
		t.Errorf("outcome %d, want NotStored", outcome)
	}
	if _, value := look(t, s, "k"); value != old {
		t.Errorf("%d bytes are left, want the old 600", len(value))
	}
	if st := s.Stats(); st.TooLarge != 1 || st.Held != st.Bytes {
		t.Errorf("%d were too large; %d bytes held for %d of items", st.TooLarge, st.Held, st.Bytes)
	}
}

// Appending to a lease fills it, and to a stale item makes it fresh.
func TestAppendEndsALease(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	_, _, _, cas := get(t, s, "k", time.Minute)
	commit(t, s, "k", "x", SetOptions{Mode: Append})
	if got := set(s, "k", "late", 0, cas); got != "exists" {
		t.Errorf("a fill under the lease that an append ended: %s", got)
	}
	s.Delete([]byte("k"), DeleteOptions{Invalidate: true})
	commit(t, s, "k", "y", SetOptions{Mode: Append})
	if it, value := look(t, s, "k"); value != "xy" || it.Stale || it.Won || it.Lost {
		t.Errorf("the item is %q, %+v", value, it)
	}
	if st := s.Stats(); st.Items != 1 || st.Leases != 0 {
		t.Errorf("%d items, %d leases", st.Items, st.Leases)
	}
}

func TestAppendsAtTheSameTimeLoseNothing(t *testing.T) {
	s := newStore(t, Config{Capacity: 8 * mb, ItemLimit: mb})
	commit(t, s, "k", "", SetOptions{})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			part := strings.Repeat(string(rune('a'+worker)), 700)
			for range 50 {
				if outcome, _ := commit(t, s, "k", part, SetOptions{Mode: Mode(int(Append) + worker%2)}); outcome != Stored {
					t.Errorf("outcome %d", outcome)
				}
			}
		})
	}
	wg.Wait()
	_, value := look(t, s, "k")
	for worker := range 4 {
		if n := strings.Count(value, string(rune('a'+worker))); n != 50*700 {
			t.Errorf("%d bytes of worker %d, want %d", n, worker, 50*700)
		}
	}
	if st := s.Stats(); st.Held != st.Bytes {
		t.Errorf("%d bytes held for %d of items", st.Held, st.Bytes)
	}
}

// As memcached 1.6 answers.
func TestDelta(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	for _, tt := range []struct {
		stored    string
		decrement bool
		by        uint64
		outcome   Outcome
		number    uint64
		left      string
	}{
		{"10", false, 5, Stored, 15, "15"},
		{"99", false, 1, Stored, 100, "100"},
		{"15", true, 8, Stored, 7, "7 "},
		{"7 ", false, 1<<64 - 1, Stored, 6, "6 "},
		{"6 ", true, 100, Stored, 0, "0 "},
		{"18446744073709551615", false, 2, Stored, 1, "1" + strings.Repeat(" ", 19)},
		{"18446744073709551616", false, 2, NotNumber, 0, "18446744073709551616"},
		{"000000000000000000001", false, 1, Stored, 2, "2" + strings.Repeat(" ", 20)},
		{"abc", false, 1, NotNumber, 0, "abc"},
		{"12abc", false, 1, NotNumber, 0, "12abc"},
		{"1 2", false, 1, Stored, 2, "2  "},
		{" 12", false, 1, Stored, 13, "13 "},
		{"+12", false, 1, Stored, 13, "13 "},
		{"-12", false, 1, NotNumber, 0, "-12"},
		{"+-1", false, 1, NotNumber, 0, "+-1"},
		{"++1", false, 1, NotNumber, 0, "++1"},
		{"1_0", false, 1, NotNumber, 0, "1_0"},
		{"", false, 1, NotNumber, 0, ""},
		{" ", true, 1, NotNumber, 0, " "},
	} {
		_, before := commit(t, s, "k", tt.stored, SetOptions{Flags: 7, Exptime: 100})
		n, outcome, err := s.Delta([]byte("k"), DeltaOptions{Decrement: tt.decrement, By: tt.by})
		it, value := look(t, s, "k")
		if err != nil || outcome != tt.outcome || n.Value != tt.number || value != tt.left || it.Flags != 7 || it.TTL != 100 {
			t.Errorf("%q by %d: outcome %d (%v), number %d; left %q, %+v", tt.stored, tt.by, outcome, err, n.Value, value, it)
		}
		if changed := it.CAS != before; changed != (outcome == Stored) || changed && n.CAS != it.CAS {
			t.Errorf("%q by %d: the cas value was %d, is %d, and was given as %d", tt.stored, tt.by, before, it.CAS, n.CAS)
		}
	}
}

func TestDeltaOptions(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	delta := func(o DeltaOptions) (Number, Outcome) {
		t.Helper()
		n, outcome, err := s.Delta([]byte("k"), o)
		if err != nil {
			t.Fatal(err)
		}
		return n, outcome
	}
	if _, outcome := delta(DeltaOptions{}); outcome != NotFound {
		t.Errorf("without an item: outcome %d", outcome)
	}
	if n, outcome := delta(DeltaOptions{Vivify: true, VivifyTTL: -1, Initial: 4}); outcome != Stored || n.Value != 4 {
		t.Errorf("an initial value that has expired: outcome %d, %+v", outcome, n)
	}
	if n, outcome := delta(DeltaOptions{By: 2, Vivify: true, VivifyTTL: 60, Initial: 13}); outcome != Stored || n.Value != 13 || n.TTL != 60 {
		t.Errorf("the initial value: outcome %d, %+v", outcome, n)
	}
	n, _ := delta(DeltaOptions{By: 2, Vivify: true, Initial: 13, HasTTL: true, TTL: 30})
	if n.Value != 15 || n.TTL != 30 {
		t.Errorf("the second time: %+v", n)
	}
	if _, outcome := delta(DeltaOptions{By: 1, HasCAS: true, CAS: n.CAS - 1}); outcome != Exists {
		t.Errorf("with an old cas value: outcome %d", outcome)
	}
	if n, _ := delta(DeltaOptions{By: 1, HasCAS: true, CAS: n.CAS, NewCAS: CAS{true, 5}}); n.Value != 16 || n.CAS != 5 {
		t.Errorf("with a cas value of the client's own: %+v", n)
	}
	st := s.Stats()
	if st.IncrHits != 3 || st.IncrMisses != 3 || st.Held != st.Bytes {
		t.Errorf("counted %+v, %d bytes held for %d of items", st.Counters, st.Held, st.Bytes)
	}
}

// A number that is being sent is not written over.
func TestDeltaLeavesAPinnedValueAlone(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	commit(t, s, "k", "10", SetOptions{})
	it, _, err := s.Get([]byte("k"), GetOptions{Value: true})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Value.Release()
	if _, outcome, err := s.Delta([]byte("k"), DeltaOptions{Decrement: true, By: 1}); outcome != Stored || err != nil {
		t.Fatal(outcome, err)
	}
	if got := string(bytes.Join(it.Value.Segments(nil), nil)); got != "10" {
		t.Errorf("the pinned value is %q", got)
	}
	if _, value := look(t, s, "k"); value != "9 " {
		t.Errorf("the new value is %q", value)
	}
}

// A full cache makes room for a longer number, but not from the number itself.
func TestDeltaInAFullCache(t *testing.T) {
	for _, name := range []string{"lru", "random"} {
		s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Policy: name})
		commit(t, s, "k", strings.Repeat("9", 16), SetOptions{})
		for i := 0; s.Stats().Evictions < 20; i++ {
			commit(t, s, fmt.Sprint(i), "", SetOptions{})
			s.Get([]byte("k"), GetOptions{}) // so that LRU keeps it
		}
		commit(t, s, "k", strings.Repeat("9", 16), SetOptions{}) // for Random
		n, outcome, err := s.Delta([]byte("k"), DeltaOptions{By: 1})
		if outcome != Stored || err != nil || n.Value != 1e16 {
			t.Errorf("%s: outcome %d (%v), %d", name, outcome, err, n.Value)
		}
		if st := s.Stats(); st.Held > st.Capacity || st.Held != st.Bytes {
			t.Errorf("%s: %d bytes held for %d of items, of %d", name, st.Held, st.Bytes, st.Capacity)
		}
	}
}

func TestAClientGivesTheCASValue(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	own := CAS{Given: true, Value: 1000}
	if _, cas := commit(t, s, "k", "x", SetOptions{NewCAS: own}); cas != 1000 {
		t.Errorf("set: %d", cas)
	}
	s.Delete([]byte("k"), DeleteOptions{Invalidate: true, NewCAS: CAS{true, 2000}})
	if it, _ := look(t, s, "k"); it.CAS != 2000 || !it.Stale {
		t.Errorf("invalidate: %+v", it)
	}
	if it, _, err := s.Get([]byte("other"), GetOptions{Vivify: true, VivifyTTL: 10, NewCAS: own}); err != nil || it.CAS != 1000 {
		t.Errorf("lease: %+v (%v)", it, err)
	}
}

func TestClearLeavesAnEmptyItem(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	_, cas := commit(t, s, "k", strings.Repeat("x", 5000), SetOptions{Flags: 3, Exptime: 60})
	if s.Delete([]byte("k"), DeleteOptions{Clear: true}) != Stored {
		t.Fatal("not cleared")
	}
	it, value := look(t, s, "k")
	if value != "" || it.Flags != 0 || it.TTL != 60 || it.CAS == cas || it.Stale {
		t.Errorf("the item is %q, %+v", value, it)
	}
	if st := s.Stats(); st.Bytes != Charge(1, 0) || st.Held != st.Bytes {
		t.Errorf("%d bytes, %d held, want %d", st.Bytes, st.Held, Charge(1, 0))
	}
	_, _, _, lease := get(t, s, "l", time.Minute)
	s.Delete([]byte("l"), DeleteOptions{Clear: true, Invalidate: true})
	if got := set(s, "l", "late", 0, lease); got != "exists" {
		t.Errorf("a fill under a lease that was cleared: %s", got)
	}
}

// A get that touches counts as a touch, as in memcached.
func TestGetAndTouch(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	commit(t, s, "k", "x", SetOptions{})
	for _, key := range []string{"k", "missing"} {
		if _, _, err := s.Get([]byte(key), GetOptions{Touch: true, TTL: 50}); err != nil {
			t.Fatal(err)
		}
	}
	if it, _ := look(t, s, "k"); it.TTL != 50 {
		t.Errorf("%d seconds are left, want 50", it.TTL)
	}
	if st := s.Stats(); st.Touches != 2 || st.TouchHits != 1 || st.TouchMisses != 1 || st.Gets != 1 {
		t.Errorf("counted %+v", st.Counters)
	}
}

func TestDescribeIsNoAccess(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	_, cas := commit(t, s, "k", "abc", SetOptions{Exptime: 60})
	c.t = c.t.Add(10 * time.Second)
	for range 2 {
		d, found := s.Describe([]byte("k"))
		if want := (Description{CAS: cas, TTL: 50, Idle: 10, Class: 1, Charge: Charge(1, 3)}); !found || d != want {
			t.Errorf("described as %+v, want %+v", d, want)
		}
	}
	if _, found := s.Describe([]byte("missing")); found || s.Stats().Gets != 0 {
		t.Errorf("found %v; %d gets counted", found, s.Stats().Gets)
	}
}

func TestSurveyTellsOfEverySize(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	for i := range 3000 {
		commit(t, s, fmt.Sprintf("%04d", i), "0123456789", SetOptions{Exptime: int64(i % 2)})
	}
	commit(t, s, "long", strings.Repeat("x", 65_000), SetOptions{})
	c.t = c.t.Add(3 * time.Second)
	v := s.Survey()
	if len(v.Classes) != 2 || v.Classes[0].Number != arena.ClassOf(entrySize+14) {
		t.Fatalf("the classes are %+v", v.Classes)
	}
	small, large := v.Classes[0], v.Classes[1]
	if small.Items != 1500 || small.Bytes != 1500*14 || small.Age != 3 || small.Used != 3000 {
		t.Errorf("the small ones are %+v", small)
	}
	if large.Items != 1 || large.Bytes != 65_004 || large.BlockSize != 64<<10+512 {
		t.Errorf("the large one is %+v", large)
	}
	if len(v.Sizes) != 2 || v.Sizes[0].Count != 1500 || v.Sizes[1].Count != 1 || v.Sizes[1].Size < Charge(4, 65_000) {
		t.Errorf("the sizes are %+v", v.Sizes)
	}
}

func TestResetStatsLeavesTheItems(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	for i := range 5 {
		commit(t, s, fmt.Sprint(i), strings.Repeat("x", 300_000), SetOptions{})
		look(t, s, fmt.Sprint(i))
	}
	if v := s.Survey(); s.Stats().Evictions == 0 || v.Classes[len(v.Classes)-1].Evicted != s.Stats().Evictions {
		t.Errorf("%d evictions in all; by class %+v", s.Stats().Evictions, v.Classes)
	}
	s.ResetStats()
	if st := s.Stats(); st.Counters != (Counters{}) || st.Items == 0 || st.Bytes == 0 {
		t.Errorf("after the reset: %+v", st)
	}
	for _, c := range s.Survey().Classes {
		if c.ClassCounters != (ClassCounters{}) {
			t.Errorf("after the reset class %d has %+v", c.Number, c.ClassCounters)
		}
	}
}

// commit stores a value, whatever the options say.
func commit(t *testing.T, s *Store, key, value string, o SetOptions) (Outcome, uint64) {
	t.Helper()
	var w Writer
	if err := write(s, &w, key, value); err != nil {
		t.Error(err)
		return NotStored, 0
	}
	outcome, cas, err := w.Commit(o)
	if err != nil {
		t.Error(err)
	}
	return outcome, cas
}

// write begins a value and fills it in.
func write(s *Store, w *Writer, key, value string) error {
	if err := s.Begin(w, []byte(key), len(value)); err != nil {
		return err
	}
	rest := []byte(value)
	for {
		b, err := w.Next()
		if err != nil {
			w.Abort()
			return err
		}
		if b == nil {
			return nil
		}
		rest = rest[copy(b, rest):]
	}
}

// look gets an item and its value.
func look(t *testing.T, s *Store, key string) (Item, string) {
	t.Helper()
	it, found, err := s.Get([]byte(key), GetOptions{Value: true})
	if err != nil || !found {
		t.Errorf("%s: found %v (%v)", key, found, err)
		return it, ""
	}
	defer it.Value.Release()
	return it, string(bytes.Join(it.Value.Segments(nil), nil))
}
