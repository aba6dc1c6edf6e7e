package store

import (
	"fmt"
	"testing"
	"time"
)

// crowded is a store full of small items that were asked for.
func crowded(t *testing.T, policy string) *Store {
	t.Helper()
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Policy: policy})
	for i := range 1000 {
		key := fmt.Sprintf("small-%d", i)
		if got := set(s, key, string(pattern(1000, 1)), 0, 0); got != "stored" {
			t.Fatal(got)
		}
		get(t, s, key, 0)
	}
	return s
}

// TestTheDefaultPolicyRefusesWhatCostsTooMuch: a large value for which hundreds
// of items would have to go is answered as stored, and is not kept.
func TestTheDefaultPolicyRefusesWhatCostsTooMuch(t *testing.T) {
	s := crowded(t, "wtinylfu")
	before := s.Stats()
	large := string(pattern(300_000, 2))
	if got := set(s, "large", large, 0, 0); got != "stored" {
		t.Errorf("the set is %s", got)
	}
	if _, found, _, _ := get(t, s, "large", 0); found {
		t.Error("it was kept")
	}
	after := s.Stats()
	if after.NotAdmitted != 1 || after.Evictions != before.Evictions || after.Items != before.Items {
		t.Errorf("%d were refused, %d evicted, %d of %d items are left",
			after.NotAdmitted, after.Evictions-before.Evictions, after.Items, before.Items)
	}
	for _, mode := range []Mode{Replace, Append, Prepend} {
		if got, _ := commit(t, s, "large", large, SetOptions{Mode: mode}); got != NotStored {
			t.Errorf("mode %d without an item: %d", mode, got)
		}
	}
	if got, _ := commit(t, s, "small-999", large, SetOptions{Mode: Add}); got != NotStored {
		t.Errorf("added over an item: %d", got)
	}
}

// TestAnOverwriteIsAdmitted: its client would find the old value, or nothing.
func TestAnOverwriteIsAdmitted(t *testing.T) {
	s := crowded(t, "wtinylfu")
	large := string(pattern(300_000, 2))
	if got := set(s, "small-999", large, 0, 0); got != "stored" {
		t.Errorf("the set is %s", got)
	}
	if value, found, _, _ := get(t, s, "small-999", 0); !found || value != large {
		t.Errorf("found %v, %d bytes", found, len(value))
	}
}

// TestARefusedFillEndsItsLease, so that the next reader may try again, and is
// not taken for one that others can wait for.
func TestARefusedFillEndsItsLease(t *testing.T) {
	s := crowded(t, "wtinylfu")
	for range 2 {
		_, _, won, cas := get(t, s, "large", time.Minute)
		if !won {
			t.Fatal("the reader has not won the lease")
		}
		if got := set(s, "large", string(pattern(300_000, 2)), 0, cas); got != "not stored" {
			t.Errorf("the fill is %s", got)
		}
	}
	if st := s.Stats(); st.Leases != 0 || st.NotAdmitted != 2 {
		t.Errorf("%d leases are left, %d values were refused", st.Leases, st.NotAdmitted)
	}
	_, _, _, cas := get(t, s, "large", time.Minute)
	s.Delete([]byte("large"), DeleteOptions{})
	if got := set(s, "large", string(pattern(300_000, 2)), 0, cas); got != "not found" {
		t.Errorf("a fill whose lease is gone is %s", got)
	}
}

func TestOtherPoliciesAdmitEverything(t *testing.T) {
	for _, name := range []string{"lru", "s3fifo", "gdsf"} {
		s := crowded(t, name)
		if got := set(s, "large", string(pattern(300_000, 2)), 0, 0); got != "stored" {
			t.Errorf("%s: the set is %s", name, got)
		}
		if st := s.Stats(); st.NotAdmitted != 0 || st.Held > st.Capacity {
			t.Errorf("%s: %d refused, %d of %d bytes held", name, st.NotAdmitted, st.Held, st.Capacity)
		}
	}
}
