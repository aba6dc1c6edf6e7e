package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a Reader finds is what the store finds, whatever state the item is in.
func TestAReaderFindsWhatTheStoreFinds(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	r := s.NewReader()
	commit(t, s, "plain", "value", SetOptions{Flags: 7})
	commit(t, s, "mortal", "value", SetOptions{Exptime: 10})
	commit(t, s, "expired", "value", SetOptions{Exptime: 1})
	commit(t, s, "stale", "value", SetOptions{})
	s.Delete([]byte("stale"), DeleteOptions{Invalidate: true})
	get(t, s, "lease", time.Minute)
	c.t = c.t.Add(5 * time.Second)
	r.Tick()
	for _, key := range []string{"plain", "mortal", "expired", "stale", "lease", "missing"} {
		for _, o := range []GetOptions{{Value: true, History: true}, {Value: true, NoBump: true, History: true}, {History: true, Recache: true, RecacheTTL: 1}} {
			it, found, err := r.Get([]byte(key), o)
			value := values(it, o)
			if want, wantFound, wantErr := s.Get([]byte(key), o); found != wantFound || value != values(want, o) || err != nil || wantErr != nil ||
				it.Size != want.Size || it.Flags != want.Flags || it.CAS != want.CAS || it.TTL != want.TTL || it.Stale != want.Stale {
				t.Errorf("%s, %+v: found %v %q %+v (%v), want %v %q %+v", key, o, found, value, it, err, wantFound, values(want, o), want)
			}
			plain := o
			plain.History = false
			it, found, err = r.Get([]byte(key), plain)
			if want, wantFound, _ := s.Get([]byte(key), o); found != wantFound || values(it, plain) != values(want, o) || err != nil ||
				it.Size != want.Size || it.Flags != want.Flags || it.CAS != want.CAS || it.TTL != want.TTL || it.Stale != want.Stale {
				t.Errorf("%s, %+v: found %v %+v (%v), want %v %+v", key, plain, found, it, err, wantFound, want)
			}
		}
	}
	if it, found, err := r.Get([]byte("missing"), GetOptions{Vivify: true, VivifyTTL: 10}); !found || !it.Won || err != nil {
		t.Errorf("a lease: %+v, %v (%v)", it, found, err)
	}
}

func values(it Item, o GetOptions) string {
	if !o.Value || it.Value.s == nil {
		return ""
	}
	defer it.Value.Release()
	return string(bytes.Join(it.Value.Segments(nil), nil))
}

// The policy learns of a Reader's lookups with Flush, in order, and the
// counters too.
func TestFlushTellsOfTheLookups(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	r := s.NewReader()
	for i := range 3 {
		commit(t, s, fmt.Sprint(i), strings.Repeat("x", 300_000), SetOptions{})
	}
	c.t = c.t.Add(10 * time.Second)
	r.Tick()
	for _, key := range []string{"2", "0", "missing"} {
		if _, _, err := r.Get([]byte(key), GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r.Flush()
	r.Flush()
	if st := s.Stats(); st.Gets != 3 || st.Hits != 2 || st.Misses != 1 {
		t.Errorf("counted %+v", st.Counters)
	}
	if d, _ := s.Describe([]byte("0")); !d.Fetched || d.Idle != 0 {
		t.Errorf("a looked up item is %+v", d)
	}
	// LRU lets go of 1, then 2, then 0.
	for i, gone := range []string{"1", "2", "0"} {
		commit(t, s, fmt.Sprint("new", i), strings.Repeat("x", 300_000), SetOptions{})
		if _, found := s.Describe([]byte(gone)); found {
			t.Errorf("%s is there after %d evictions", gone, i+1)
		}
	}
}

// A lookup that is told of late says nothing of an item that has the slot by then.
func TestALateLookupIsNoAccessOfAnotherItem(t *testing.T) {
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb})
	r := s.NewReader()
	commit(t, s, "old", "value", SetOptions{})
	if _, found, _ := r.Get([]byte("old"), GetOptions{}); !found {
		t.Fatal("not found")
	}
	r.Rest()
	s.Delete([]byte("old"), DeleteOptions{})
	commit(t, s, "new", "value", SetOptions{})
	r.Flush()
	if d, found := s.Describe([]byte("new")); !found || d.Fetched {
		t.Errorf("the new item in the slot: %v, %+v", found, d)
	}
	if _, found, _ := r.Get([]byte("new"), GetOptions{}); !found {
		t.Fatal("not found")
	}
	r.Rest()
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	r.Flush()
	if st := s.Stats(); st.Hits != 2 || st.Items != 0 {
		t.Errorf("%d hits, %d items", st.Hits, st.Items)
	}
}

func TestAReaderSeesADelayedFlush(t *testing.T) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	s := newStore(t, Config{Capacity: mb, ItemLimit: mb, Now: c.Now})
	r := s.NewReader()
	commit(t, s, "k", "value", SetOptions{})
	if err := s.FlushAll(10); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if _, found, _ := r.Get([]byte("k"), GetOptions{}); found != want {
			t.Errorf("found: %v, want %v", found, want)
		}
		c.t = c.t.Add(10 * time.Second)
		r.Tick()
	}
}

// Faults 46, 75 and 76: Readers and writers of every kind, while the capacity,
// the policy and the memory change and everything is flushed now and then. What
// a reader finds is a value that was stored under its key, whole; the capacity
// is never exceeded; nothing is left in the end.
func TestFault75_ReadersUnderAMixedLoad(t *testing.T) {
	s := newStore(t, Config{Capacity: 4 * mb, ItemLimit: mb})
	var work, others sync.WaitGroup
	for worker := range uint64(2) {
		work.Go(func() { changeMixed(t, s, worker) })
	}
	done := make(chan struct{})
	for worker := range uint64(3) {
		others.Go(func() { readMixed(t, s, worker, done) })
	}
	others.Go(func() { disturb(t, s, done) })
	work.Wait()
	close(done)
	others.Wait()
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Held != 0 || st.Bytes != 0 || st.Items != 0 || st.Leases != 0 || st.Resident != 0 {
		t.Errorf("%+v is left after a flush", st)
	}
}

const mixedKeys = 60

// mixedValue is a value of the key: two letters, again and again.
func mixedValue(k, length int) string {
	return strings.Repeat(string([]byte{byte('a' + k/8), byte('a' + k%8)}), length)
}

func readMixed(t *testing.T, s *Store, seed uint64, done <-chan struct{}) {
	rng := rand.New(rand.NewPCG(seed, 0))
	r := s.NewReader()
	defer r.Flush()
	var kept []Value
	for !isClosed(done) {
		k := rng.IntN(mixedKeys)
		it, found, err := r.Get(fmt.Append(nil, k), GetOptions{Value: true, NoBump: k%7 == 0})
		if err != nil || !found {
			continue
		}
		if rng.IntN(2) == 0 {
			it.Value.Keep()
		}
		value := string(bytes.Join(it.Value.Segments(nil), nil))
		if len(value) != it.Size || value != mixedValue(k, len(value)/2) {
			t.Errorf("%d bytes for key %d are not what was stored", len(value), k)
		}
		it.Value.Keep()
		if kept = append(kept, it.Value); len(kept) > rng.IntN(5) {
			for _, v := range kept {
				v.Release()
			}
			kept = kept[:0]
		}
		if r.Rest(); rng.IntN(20) == 0 {
			r.Tick()
			r.Flush()
		}
	}
	for _, v := range kept {
		v.Release()
	}
}

func changeMixed(t *testing.T, s *Store, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		k := rng.IntN(mixedKeys)
		key := fmt.Append(nil, k)
		switch rng.IntN(8) {
		case 0:
			s.Delete(key, DeleteOptions{Invalidate: k%2 == 0, Clear: k%3 == 0})
		case 1:
			s.Touch(key, int64(rng.IntN(3))-1)
		case 2:
			_, _, err := s.Delta([]byte("number"), DeltaOptions{By: 7, Vivify: true, Decrement: k%2 == 0})
			if err != nil && !errors.Is(err, ErrNoMemory) {
				t.Error(err)
			}
		default:
			var w Writer
			if write(s, &w, string(key), mixedValue(k, rng.IntN(k*k*10+1))) != nil {
				continue // the pinned values take the room
			}
			if _, _, err := w.Commit(SetOptions{Mode: Mode(rng.IntN(5))}); err != nil && !errors.Is(err, ErrNoMemory) {
				t.Error(err)
			}
		}
	}
}

func disturb(t *testing.T, s *Store, done <-chan struct{}) {
	for i := 0; !isClosed(done); i++ {
		shake(t, s, i)
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// shake is the i-th time that everything is changed but the items.
func shake(t *testing.T, s *Store, i int) {
	err := errors.Join(
		s.SetCapacity(int64(1+i%3)*mb),
		s.SetPolicy([]string{"lru", "random"}[i%2]),
		s.Maintain(),
	)
	if i%1000 == 0 {
		err = errors.Join(err, s.FlushAll(0))
	}
	if err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Items < 0 || st.Bytes < 0 || st.Held < st.Bytes {
		t.Errorf("%d items, %d bytes, %d held", st.Items, st.Bytes, st.Held)
	}
}
