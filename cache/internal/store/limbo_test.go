package store

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// What a Reader was lent stays as it is, although its item is gone and its
// memory is wanted, until the Reader is done with it.
func TestALentValueStays(t *testing.T) {
	s := newStore(t, Config{Capacity: 4 * mb, ItemLimit: mb})
	r := s.NewReader()
	want := string(pattern(20_000, 3))
	commit(t, s, "k", want, SetOptions{})
	f, ok := r.Find([]byte("k"))
	if !ok {
		t.Fatal("not found")
	}
	s.Delete([]byte("k"), DeleteOptions{})
	for i := range 200 {
		commit(t, s, fmt.Sprint(i%50), string(pattern(20, byte(i))), SetOptions{})
	}
	if got := joined(f.Value()); got != want {
		t.Error("the value that was lent changed")
	}
	if got := s.limbo.bytes; got < 20_000 {
		t.Errorf("%d bytes are in limbo, less than what was lent", got)
	}
	r.Rest()
	if st := s.Stats(); s.limbo.bytes != 0 || st.Held != st.Bytes {
		t.Errorf("%d bytes are in limbo, %d held for %d of items, after the reader is done", s.limbo.bytes, st.Held, st.Bytes)
	}
}

func joined(v Value) string { return string(bytes.Join(v.Segments(nil), nil)) }

// A value that is kept outlives the Reader's turn, its item and a move of it.
func TestAKeptValueOutlivesTheTurn(t *testing.T) {
	s := newStore(t, Config{Capacity: 4 * mb, ItemLimit: mb})
	r := s.NewReader()
	want := string(pattern(20_000, 3))
	commit(t, s, "k", want, SetOptions{})
	f, _ := r.Find([]byte("k"))
	v := f.Value()
	v.Keep()
	r.Rest()
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		commit(t, s, fmt.Sprint(i), string(pattern(20_000, byte(i))), SetOptions{})
	}
	if got := joined(v); got != want {
		t.Error("the value that was kept changed")
	}
	v.Release()
	if st := s.Stats(); st.Held != st.Bytes {
		t.Errorf("%d bytes are held for %d of items after the value was released", st.Held, st.Bytes)
	}
}

// However fast values are replaced, what waits in limbo stays within its bound:
// who writes waits for who reads.
func TestLimboIsBounded(t *testing.T) {
	s := newStore(t, Config{Capacity: 4 * mb, ItemLimit: mb})
	const size = 10_000
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		r := s.NewReader()
		for i := 0; !isClosed(done); i++ {
			if f, ok := r.Find([]byte("k")); ok && strings.Trim(joined(f.Value()), string(f.Value().Segments(nil)[0][:1])) != "" {
				t.Error("the value is a mixture of two")
			}
			if i%100 == 0 {
				r.Rest()
			}
		}
		r.Flush()
	})
	bound := s.capacity/limboShare + 2*Charge(1, size)
	for i := range 5000 {
		commit(t, s, "k", strings.Repeat(string(rune('a'+i%26)), size), SetOptions{})
		s.mu.Lock()
		if got := s.limbo.bytes; got > bound {
			t.Errorf("%d bytes are in limbo, want %d at most", got, bound)
		}
		s.mu.Unlock()
	}
	close(done)
	reader.Wait()
}

// A key that is there is found, while others come and go beside it and the table
// grows and shrinks.
func TestLookupsFindWhatIsThereWhileOthersMove(t *testing.T) {
	s := newStore(t, Config{Capacity: 64 * mb, ItemLimit: mb})
	const keys = 300
	for i := range keys {
		commit(t, s, fmt.Sprint("stays", i), fmt.Sprint(i), SetOptions{})
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			r := s.NewReader()
			for i := 0; !isClosed(done); i++ {
				it, found, err := r.Get(fmt.Append(nil, "stays", i%keys), GetOptions{Value: true})
				if !found || err != nil || joined(it.Value) != fmt.Sprint(i%keys) {
					t.Errorf("key %d: found %v (%v)", i%keys, found, err)
					return
				}
				it.Value.Release()
			}
			r.Flush()
		})
	}
	for range 5 {
		for i := range 4000 {
			commit(t, s, fmt.Sprint("goes", i), "value", SetOptions{})
		}
		for i := range 4000 {
			s.Delete(fmt.Append(nil, "goes", i), DeleteOptions{})
		}
	}
	close(done)
	readers.Wait()
}
