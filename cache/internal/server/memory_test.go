package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"memcache/cache/internal/store"
)

// Expired items go by themselves: only the server's own clock is at work here.
func TestExpiredItemsGiveTheirMemoryBackByThemselves(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	send(t, nc, "set k 0 10 3\r\nabc\r\n", 0)
	readLine(t, r)
	s.clock.advance(10 * time.Second)
	for start := time.Now(); ; {
		if stats := statsOf(t, nc, r, "stats"); stats["curr_items"] == "0" {
			if stats["bytes"] != "0" || stats["held_bytes"] != "0" {
				t.Errorf("%s bytes are left, %s held", stats["bytes"], stats["held_bytes"])
			}
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("the item is still there after 10 s")
		}
	}
}

// A value that is long in coming takes the memory of what has come, and of one
// step ahead.
func TestAValueTakesTheMemoryOfWhatHasCome(t *testing.T) {
	s := start(t, Config{}, store.Config{Capacity: 64 * mb, ItemLimit: 32 * mb})
	other := s.dial(t)
	r := bufio.NewReader(other)
	nc := s.dial(t)
	const size = 16 * mb
	value := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	send(t, nc, fmt.Sprintf("set k 0 0 %d\r\n", size), 0)
	for _, end := range []int{1, 100_000, 2 * mb, size / 2} {
		if _, err := nc.Write(value[:end]); err != nil {
			t.Fatal(err)
		}
		value = value[end:]
		came := size - len(value)
		for start := time.Now(); ; {
			stats := statsOf(t, other, r, "stats")
			held, _ := strconv.Atoi(stats["held_bytes"])
			read, _ := strconv.Atoi(stats["bytes_read"])
			if held > came+came/16+(maxParts+1)*66048 {
				t.Fatalf("%d bytes are held when at most %d have come", held, came)
			}
			if read >= came {
				break
			}
			if time.Since(start) > 10*time.Second {
				t.Fatalf("%d bytes of %d are read after 10 s", read, came)
			}
		}
	}
	if _, err := nc.Write(append(value, "\r\n"...)); err != nil {
		t.Fatal(err)
	}
	if line := readLine(t, bufio.NewReader(nc)); line != "STORED" {
		t.Errorf("answered %q", line)
	}
}

// A value that a slow client is still reading survives its deletion unharmed.
func TestASlowReaderGetsTheValueItAskedFor(t *testing.T) {
	const size = 900_000
	s := start(t, Config{}, store.Config{Capacity: 4 * mb, ItemLimit: mb})
	slow, quick := s.dial(t), s.dial(t)
	r := bufio.NewReader(quick)
	ask := func(request string) string {
		send(t, quick, request, 0)
		return readLine(t, r)
	}
	ask(fmt.Sprintf("set k 0 0 %d\r\n%s\r\n", size, strings.Repeat("a", size)))
	send(t, slow, "mg k v\r\n", 0)
	rs := bufio.NewReader(slow)
	if got := readLine(t, rs); got != "VA 900000" {
		t.Fatal(got)
	}
	if got := ask("md k\r\n"); got != "HD" {
		t.Fatal(got)
	}
	for i := range 20 {
		ask(fmt.Sprintf("set other%d 0 0 %d\r\n%s\r\n", i, size, strings.Repeat("b", size)))
	}
	got := make([]byte, size)
	if _, err := io.ReadFull(rs, got); err != nil || !bytes.Equal(got, bytes.Repeat([]byte("a"), size)) {
		t.Errorf("the slow reader got other bytes (%v)", err)
	}
}

// What is pinned for a slow reader cannot make room: the client is told, and the
// connection is in step.
func TestNoMemoryIsAnswered(t *testing.T) {
	const size = 3_600_000
	s := start(t, Config{}, store.Config{Capacity: 4 * mb, ItemLimit: 4 * mb})
	slow, quick := s.dial(t), s.dial(t)
	r := bufio.NewReader(quick)
	value := strings.Repeat("a", size)
	send(t, quick, fmt.Sprintf("set k 0 0 %d\r\n%s\r\n", size, value), 0)
	if got := readLine(t, r); got != "STORED" {
		t.Fatal(got)
	}
	send(t, slow, "mg k v\r\n", 0)
	rs := bufio.NewReader(slow)
	if got := readLine(t, rs); got != "VA 3600000" {
		t.Fatal(got)
	}
	// What the socket has taken, a megabyte at most, is pinned no more.
	for _, write := range []struct {
		command string
		size    int
	}{{"append k 0 0 %d", 400_000}, {"set other 0 0 %d", 2_400_000}, {"ms other %d q", 2_400_000}} {
		send(t, quick, fmt.Sprintf(write.command+"\r\n%s\r\nmn\r\n", write.size, value[:write.size]), 0)
		for _, want := range []string{"SERVER_ERROR out of memory storing object", "MN"} {
			if got := readLine(t, r); got != want {
				t.Errorf("%s: %q, want %q", write.command, got, want)
			}
		}
	}
	if _, err := io.CopyN(io.Discard, rs, size+2); err != nil {
		t.Error(err)
	}
}

func TestNoMemoryForANumberOrALeaseIsAnswered(t *testing.T) {
	s := start(t, Config{}, store.Config{Capacity: mb, ItemLimit: mb})
	for _, v := range pinEverything(t, s.store) {
		defer v.Release()
	}
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	for _, command := range []string{"ma n N0", "mg n N0 v"} {
		send(t, nc, command+"\r\nmn\r\n", 0)
		for _, want := range []string{"SERVER_ERROR out of memory", "MN"} {
			if got := readLine(t, r); got != want {
				t.Errorf("%s: %q, want %q", command, got, want)
			}
		}
	}
}

// pinEverything stores and pins values until there is no room for one more.
func pinEverything(t *testing.T, s *store.Store) (pinned []store.Value) {
	t.Helper()
	for i := 0; ; i++ {
		key := fmt.Append(nil, i)
		var w store.Writer
		if err := s.Begin(&w, key, 0); errors.Is(err, store.ErrNoMemory) {
			return pinned
		}
		if _, _, err := w.Commit(store.SetOptions{}); err != nil {
			return pinned
		}
		it, _, err := s.Get(key, store.GetOptions{Value: true})
		if err != nil {
			t.Fatal(err)
		}
		pinned = append(pinned, it.Value)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
