package store

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func keysOf(known []Known) (keys []string) {
	for _, k := range known {
		keys = append(keys, k.Key)
	}
	return keys
}

// TestTopTellsTheLargestAndTheHottest, and forgets what is gone.
func TestTopTellsTheLargestAndTheHottest(t *testing.T) {
	s := newStore(t, Config{Capacity: 8 * mb, ItemLimit: 8 * mb})
	r := s.NewReader()
	if top := s.Top(5); len(top.Largest)+len(top.Hottest) != 0 || top.Since != 0 || top.Slots != 0 {
		t.Errorf("of an empty store there is %+v", top)
	}
	for i := range 300 {
		set(s, fmt.Sprintf("k%03d", i), strings.Repeat("x", 100+i*20), 0, 0)
	}
	set(s, "huge", strings.Repeat("y", 200_000), 0, 0) // whose hits go through Store.Get
	for i, n := range map[int]int{7: 30, 8: 20, 9: 10} {
		for range n {
			if _, ok := r.Find(fmt.Appendf(nil, "k%03d", i)); !ok {
				t.Fatal("not found")
			}
		}
	}
	for range 25 {
		if it, found, err := r.Get([]byte("huge"), GetOptions{}); err != nil || !found || it.Size != 200_000 {
			t.Fatal(it, found, err)
		}
	}
	r.Flush()
	top := s.Top(3)
	if got := keysOf(top.Largest); fmt.Sprint(got) != "[huge k299 k298]" {
		t.Errorf("the largest are %v", got)
	}
	if len(top.Hottest) != 3 || top.Hottest[0].Key != "k007" || top.Hottest[0].Hits != 30 || top.Hottest[1].Key != "huge" || top.Hottest[1].Hits != 25 || top.Hottest[2].Hits != 20 {
		t.Errorf("the hottest are %+v", top.Hottest)
	}
	if first := top.Largest[0]; first.Size != 200_000 || string(first.Head) != strings.Repeat("y", headBytes) || !first.Fetched || first.Charge < 200_000 {
		t.Errorf("the largest is known as %+v", first)
	}
	if short := top.Hottest[0]; len(short.Head) != 240 || top.Since == 0 || top.Seen != 301 || top.Slots != 301 {
		t.Errorf("the hottest is known by %d bytes, since %d; %d of %d were looked at", len(short.Head), top.Since, top.Seen, top.Slots)
	}
	s.Delete([]byte("huge"), DeleteOptions{})
	s.Delete([]byte("k007"), DeleteOptions{})
	set(s, "k299", "small now", 0, 0)
	top = s.Top(2)
	if got := keysOf(top.Largest); fmt.Sprint(got) != "[k298 k297]" || top.Hottest[0].Key != "k008" {
		t.Errorf("afterwards the largest are %v, the hottest %+v", got, top.Hottest)
	}
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	if top := s.Top(2); len(top.Largest)+len(top.Hottest) != 0 {
		t.Errorf("of what was flushed there is %+v", top)
	}
}

// TestManyHitsAreEstimated: of a million hits some thousands are looked at, and yet
// the numbers are about right, also of keys that come in turns.
func TestManyHitsAreEstimated(t *testing.T) {
	var h hot
	keys := make([][]byte, 64)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key %d", i)
	}
	const rounds = 20_000
	for i := range rounds {
		now := uint32(i)*perSecond/2000 + 1 // ten seconds
		for _, key := range keys {
			h.hit(key, now)
		}
		for range 36 {
			h.hit([]byte("hot"), now)
		}
	}
	all := map[string]int64{}
	h.addTo(all)
	if n := all["hot"]; n < 36*rounds*8/10 || n > 36*rounds*12/10 {
		t.Errorf("%d hits are counted of %d", n, 36*rounds)
	}
	seen, sum := 0, int64(0)
	for _, key := range keys { // some hits of each are looked at, by chance
		if n := all[string(key)]; n > 0 {
			seen++
			sum += n
		}
	}
	if seen < 50 || sum < 64*rounds*8/10 || sum > 64*rounds*12/10 {
		t.Errorf("%d hits of %d keys are counted, of %d of 64", sum, seen, 64*rounds)
	}
	if h.every < 256 {
		t.Errorf("one of %d hits is looked at: too many", h.every)
	}
}

// TestFewKeysAreCounted, and the hottest of them stay; after an hour they are gone.
func TestFewKeysAreCounted(t *testing.T) {
	var h hot
	for i := range 2000 {
		h.hit([]byte("hot"), 1+uint32(i)*perSecond)
		h.hit(fmt.Appendf(nil, "once %d", i), 1+uint32(i)*perSecond)
	}
	all := map[string]int64{}
	since, some := h.addTo(all)
	if len(all) > 2*hotKeys || all["hot"] != 2000 || !some || since != 1 {
		t.Errorf("%d keys are counted since %d, %d hits of the hottest", len(all), since, all["hot"])
	}
	h.hit([]byte("new"), 1+5000*perSecond)
	h.hit([]byte("new"), 1+9000*perSecond)
	all = map[string]int64{}
	if h.addTo(all); len(all) != 1 || all["new"] != 2 {
		t.Errorf("hours later there is %v", all)
	}
}

func TestEvictionsAreRemembered(t *testing.T) {
	clock := &clock{t: time.Unix(1_700_000_000, 0)}
	s := newStore(t, Config{Capacity: 2 * mb, ItemLimit: mb, Now: clock.Now})
	for i := range 15 {
		w := new(Writer)
		if err := s.Begin(w, fmt.Appendf(nil, "k%d", i), 200_000); err != nil {
			t.Fatal(err)
		}
		for b, err := w.Next(); b != nil || err != nil; b, err = w.Next() {
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := w.Commit(SetOptions{Flags: 77}); err != nil {
			t.Fatal(err)
		}
	}
	gone := s.Evicted(100)
	if len(gone) < 4 || gone[len(gone)-1].Key != "k0" || gone[0].Shrunk || gone[0].Flags != 77 || len(gone[0].Head) != headBytes {
		t.Fatalf("%d evictions, the first is %+v", len(gone), gone)
	}
	if st := s.Stats(); st.Evictions != int64(len(gone)) {
		t.Errorf("%d evictions are remembered of %d", len(gone), st.Evictions)
	}
	clock.t = clock.t.Add(5 * time.Second)
	if err := s.SetCapacity(mb); err != nil {
		t.Fatal(err)
	}
	more := s.Evicted(2)
	if len(more) != 2 || !more[0].Shrunk || more[0].Idle != 5 || more[0].At-gone[0].At != 5000 {
		t.Errorf("after shrinking the last evictions are %+v", more)
	}
	for i := range 5000 { // more than can be followed
		set(s, fmt.Sprintf("m%d", i), strings.Repeat("x", 1000), 0, 0)
	}
	if n := len(s.Evicted(1000)); n > len(gone)+len(more)+10+evictedEach || n < evictedEach {
		t.Errorf("%d evictions are remembered of two seconds", n)
	}
	for i := range 4 * evictedKept {
		clock.t = clock.t.Add(time.Second)
		set(s, fmt.Sprintf("n%d", i), strings.Repeat("x", 20_000), 0, 0)
	}
	if n := len(s.Evicted(1000)); n != evictedKept {
		t.Errorf("%d evictions are remembered, want the last %d", n, evictedKept)
	}
	if err := s.FlushAll(0); err != nil {
		t.Fatal(err)
	}
	if left := s.Evicted(10); len(left) != 0 {
		t.Errorf("after a flush there is %+v", left)
	}
}
