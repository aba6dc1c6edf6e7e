package server

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"memcache/cache/internal/store"
)

// fillWithSizes stores four items of three sizes.
func fillWithSizes(t *testing.T, s *testServer) (ask func(request string) string, stats func(command string) map[string]string) {
	t.Helper()
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	ask = func(request string) string {
		send(t, nc, request, 0)
		return readLine(t, r)
	}
	for key, size := range map[string]int{"small1": 10, "small2": 10, "page": 3000, "photo": 200_000} {
		if got := ask(fmt.Sprintf("set %s 0 0 %d\r\n%s\r\n", key, size, strings.Repeat("x", size))); got != "STORED" {
			t.Fatal(got)
		}
	}
	return ask, func(command string) map[string]string { return statsOf(t, nc, r, command) }
}

func TestStatsItemsSlabsAndSizes(t *testing.T) {
	_, stats := fillWithSizes(t, start(t, Config{}, store.Config{ItemLimit: mb}))
	items, slabs, sizes := stats("stats items"), stats("stats slabs"), stats("stats sizes")
	number, requested := 0, 0
	for name, value := range items {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Errorf("%s is %q", name, value)
		}
		class, isNumber := strings.CutSuffix(name, ":number")
		if isNumber {
			number += n
			requested += atoi(t, items[class+":mem_requested"])
			class = strings.TrimPrefix(class, "items:")
			if used := atoi(t, slabs[class+":used_chunks"]); used < n || atoi(t, slabs[class+":total_chunks"]) < used {
				t.Errorf("class %s has %d items in %d blocks of %s", class, n, used, slabs[class+":total_chunks"])
			}
		}
	}
	if want := 2*(6+10) + 4 + 3000 + 5 + 200_000; number != 4 || requested != want {
		t.Errorf("%d items of %d bytes, want 4 of %d", number, requested, want)
	}
	if slabs["active_slabs"] != strconv.Itoa(countSuffix(slabs, ":chunk_size")) {
		t.Errorf("%s classes are active in %v", slabs["active_slabs"], slabs)
	}
	if len(sizes) != 3 {
		t.Errorf("the sizes are %v", sizes)
	}
	for size, count := range sizes {
		want := "1"
		if atoi(t, size) < 3000 {
			want = "2"
		}
		if count != want {
			t.Errorf("%s items of at most %s bytes, want %s", count, size, want)
		}
	}
}

func TestStatsResetKeepsTheItems(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	ask, stats := fillWithSizes(t, s)
	ask("get nobody\r\n")
	ask("incr nobody 1\r\n")
	if before := stats("stats"); before["cmd_set"] != "4" || before["get_misses"] != "1" || before["incr_misses"] != "1" || before["bytes_read"] == "0" {
		t.Fatalf("before: %v", before)
	}
	if got := ask("stats reset\r\n"); got != "RESET" {
		t.Fatal(got)
	}
	after := stats("stats")
	for _, name := range []string{"cmd_set", "cmd_get", "get_misses", "incr_misses", "total_items", "total_connections", "cmd_meta"} {
		if after[name] != "0" {
			t.Errorf("%s is %s after the reset", name, after[name])
		}
	}
	if after["curr_items"] != "4" || after["curr_connections"] != "1" || after["bytes"] == "0" {
		t.Errorf("%s items of %s bytes, %s connections are there", after["curr_items"], after["bytes"], after["curr_connections"])
	}
}

// What a client has been answered is counted for every other client, whichever
// loop serves it.
func TestStatsNeverLagBehindAnAnswer(t *testing.T) {
	s := start(t, Config{Threads: 2}, store.Config{ItemLimit: mb})
	_, stats := fillWithSizes(t, s)
	reader := s.dial(t)
	r := bufio.NewReader(reader)
	for i := range 200 {
		send(t, reader, "mg small1\r\nmg nobody\r\n", 0)
		if got := readLine(t, r) + " " + readLine(t, r); got != "HD EN" {
			t.Fatal(got)
		}
		want := strconv.Itoa(i + 1)
		if got := stats("stats"); got["get_hits"] != want || got["get_misses"] != want {
			t.Fatalf("%s hits and %s misses are counted after %s answers of each kind", got["get_hits"], got["get_misses"], want)
		}
	}
}

func TestShutdownCommand(t *testing.T) {
	for _, command := range []string{"shutdown", "shutdown graceful"} {
		asked := make(chan struct{}, 1)
		s := start(t, Config{Shutdown: func() { asked <- struct{}{} }}, store.Config{ItemLimit: mb})
		nc := s.dial(t)
		r := bufio.NewReader(nc)
		if got := statsOf(t, nc, r, "stats settings")["shutdown_command"]; got != "yes" {
			t.Errorf("shutdown_command is %q", got)
		}
		send(t, nc, command+"\r\n", 0)
		expectEOF(t, nc, r)
		<-asked
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Error(err)
	}
	return n
}

func countSuffix(stats map[string]string, suffix string) (n int) {
	for name := range stats {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n
}
