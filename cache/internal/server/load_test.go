package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"memcache/cache/internal/store"
	"memcache/cache/policy"
)

// Fault 75: while clients store, join, count and read, another clears the cache,
// resizes it and switches its policy. No answer holds half an item, and in the
// end the counts are right.
func TestFault75_ClearUnderLoad(t *testing.T) {
	s := start(t, Config{Threads: 2}, store.Config{ItemLimit: mb})
	var clients, admin sync.WaitGroup
	for i := range 4 {
		clients.Go(func() { makeLoad(t, s, uint64(i)) })
	}
	stop := make(chan struct{})
	admin.Go(func() { makeChanges(t, s, stop) })
	clients.Wait()
	close(stop)
	admin.Wait()

	nc := s.dial(t)
	r := bufio.NewReader(nc)
	send(t, nc, "flush_all\r\nset a 0 0 1\r\nx\r\nmg lease N30\r\n", 0)
	for _, want := range []string{"OK", "STORED", "HD W"} {
		if got := readLine(t, r); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	stats := statsOf(t, nc, r, "stats")
	if stats["curr_items"] != "1" || stats["leases"] != "1" || stats["bytes"] != stats["held_bytes"] {
		t.Errorf("%s items and %s leases of %s bytes, %s held", stats["curr_items"], stats["leases"], stats["bytes"], stats["held_bytes"])
	}
}

// makeLoad changes and reads items whose values are made of one letter, which
// the key tells.
func makeLoad(t *testing.T, s *testServer, seed uint64) {
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		letter := 'a' + byte(rng.IntN(10))
		value := strings.Repeat(string(letter), rng.IntN(1<<rng.IntN(16)))
		request := fmt.Sprintf("ms %c %d%s\r\n%s\r\n", letter, len(value), []string{"", " MA", " MP", " ME", " MR"}[rng.IntN(5)], value)
		switch rng.IntN(4) {
		case 0:
			request = fmt.Sprintf("gat 100 %c %c nobody\r\n", letter, letter)
		case 1:
			request = fmt.Sprintf("mg %c v N30\r\n", letter)
		case 2:
			request = fmt.Sprintf("ma count-%c N0 J1 D3 v\r\n", letter)
		}
		if _, err := io.WriteString(nc, request+"mn\r\n"); err != nil {
			t.Error(err)
			return
		}
		if err := checkAnswers(r, letter); err != nil {
			t.Errorf("%s: %v", shorten(request), err)
			return
		}
	}
}

// checkAnswers reads up to the answer to mn.
func checkAnswers(r *bufio.Reader, letter byte) error {
	for {
		line, err := r.ReadString('\n')
		f := strings.Fields(line)
		switch {
		case err != nil:
			return err
		case line == "MN\r\n":
			return nil
		case len(f) < 2 || f[0] != "VA" && f[0] != "VALUE":
			continue
		}
		size, err := strconv.Atoi(f[1])
		if f[0] == "VALUE" {
			size, err = strconv.Atoi(f[3])
		}
		if err != nil {
			return err
		}
		value := make([]byte, size+2)
		if _, err := io.ReadFull(r, value); err != nil {
			return err
		}
		if isCount := len(f) == 2 && size > 0 && '0' <= value[0] && value[0] <= '9'; isCount {
			if n, err := strconv.Atoi(strings.TrimSpace(string(value))); err != nil || n%3 != 1 {
				return fmt.Errorf("the count is %q", value)
			}
			continue
		}
		if !bytes.Equal(value, append(bytes.Repeat([]byte{letter}, size), "\r\n"...)) {
			return fmt.Errorf("half an item: %s", shorten(string(value)))
		}
	}
}

// makeChanges changes the cache as a whole until stop is closed.
func makeChanges(t *testing.T, s *testServer, stop <-chan struct{}) {
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		next := policy.Infos()[i%len(policy.Infos())].Name
		for _, command := range []string{"flush_all", fmt.Sprintf("cache_memlimit %d", 1+i%4), "cache_policy " + next} {
			send(t, nc, command+"\r\n", 0)
			if got, err := r.ReadString('\n'); got != "OK\r\n" {
				t.Errorf("%s: %q, %v", command, got, err)
				return
			}
		}
		statsOf(t, nc, r, "stats items")
	}
}

// Fault 76: when the answer to cache_memlimit comes, the cache has shrunk, under
// every policy; under LRU, what was asked for last is what is left.
func TestFault76_ShrinkBelowWhatIsUsed(t *testing.T) {
	for _, info := range policy.Infos() {
		t.Run(info.Name, func(t *testing.T) { shrink(t, info.Name) })
	}
}

func shrink(t *testing.T, policyName string) {
	const items, size = 7000, 1000
	s := start(t, Config{}, store.Config{Capacity: 16 * mb, ItemLimit: mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	ask := func(request string) string {
		send(t, nc, request, 0)
		return readLine(t, r)
	}
	if got := ask("cache_policy " + policyName + "\r\n"); got != "OK" {
		t.Fatal(got)
	}
	var fill, look strings.Builder
	for i := range items {
		fmt.Fprintf(&fill, "ms %d %d q\r\n%s\r\n", i, size, strings.Repeat("x", size))
		fmt.Fprintf(&look, "mg %d\r\n", i)
	}
	if got := ask(fill.String() + "mn\r\n"); got != "MN" {
		t.Fatal(got)
	}
	if got := ask("cache_memlimit 2\r\n"); got != "OK" {
		t.Fatal(got)
	}
	stats := statsOf(t, nc, r, "stats")
	left, held := atoi(t, stats["curr_items"]), atoi(t, stats["held_bytes"])
	if held > 2*mb || left < 2*mb/2/size || left+atoi(t, stats["evictions"]) != items {
		t.Errorf("%d items are left in %d bytes, %s were evicted", left, held, stats["evictions"])
	}
	if policyName != "lru" {
		return
	}
	send(t, nc, look.String(), 0)
	for i := range items {
		if got := readLine(t, r); (got == "HD") != (i >= items-left) {
			t.Errorf("item %d of %d, of which %d are left: %s", i, items, left, got)
		}
	}
}
