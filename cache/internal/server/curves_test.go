package server

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"memcache/cache/internal/store"
	"memcache/cache/internal/tap"
	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/cache/trace"
	"memcache/cache/trace/unpack"
)

// startTapped starts a server with curves and recordings.
func startTapped(t *testing.T) *testServer {
	t.Helper()
	tp, err := tap.New(tap.Config{Capacity: 8 * mb, Patient: true}) // a slow machine must not make it sample
	if err != nil {
		t.Fatal(err)
	}
	return start(t, Config{Tap: tp}, store.Config{Capacity: 8 * mb, ItemLimit: mb, Tap: tp})
}

// The curves come over the protocol: for each policy eleven capacities, and after
// some traffic the hits that there were.
func TestCurvesAreTold(t *testing.T) {
	s := startTapped(t)
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	send(t, nc, "get k\r\nset k 0 0 5\r\nhello\r\n"+strings.Repeat("get k\r\n", 9), 0)
	for range 2 + 9*3 {
		readLine(t, r)
	}
	s.clock.advance(time.Second)
	var stats map[string]string
	for {
		stats = statsOf(t, nc, r, "stats mrc")
		if stats["5m:requests"] == "10" {
			break // the worker has counted them
		}
	}
	if stats["capacity"] != strconv.Itoa(8*mb) || stats["exact"] != "yes" || stats["5m:hits"] != "9" || stats["lost"] != "0" {
		t.Errorf("told %q, %q, %q hits, %q lost", stats["capacity"], stats["exact"], stats["5m:hits"], stats["lost"])
	}
	for name, want := range map[string]string{"5m:bytes": "50", "5m:hit_bytes": "45", "1h:bytes": "50", "1h:hit_bytes": "45"} {
		if stats[name] != want {
			t.Errorf("%s is %q, want %s", name, stats[name], want)
		}
	}
	if n, err := strconv.Atoi(stats["5m:seconds"]); err != nil || n < 1 || stats["1h:seconds"] != stats["5m:seconds"] {
		t.Errorf("the windows are of %q and %q seconds", stats["5m:seconds"], stats["1h:seconds"])
	}
	for _, info := range policy.Infos() {
		for i := range 11 {
			for _, window := range []string{"5m", "1h"} {
				name := fmt.Sprintf("%s:%s:%d", window, info.Name, mb/8<<i)
				if stats[name] != "0.100000 0.100000 0.000000 0.000000" {
					t.Errorf("%s is %q: one request in ten missed", name, stats[name])
				}
			}
		}
	}
}

// A recording is started, stopped and read over the protocol.
func TestARecordingIsReadOverTheProtocol(t *testing.T) {
	s := startTapped(t)
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	ask := func(line string) string {
		send(t, nc, line+"\r\n", 0)
		return readLine(t, r)
	}
	for line, want := range map[string]string{
		"cache_record":               "CLIENT_ERROR bad command line format",
		"cache_record start 1":       "CLIENT_ERROR bad command line format",
		"cache_record start x 1":     "CLIENT_ERROR bad command line format",
		"cache_record start 0 1":     "CLIENT_ERROR a recording of 0 bytes",
		"cache_record start 1 0":     "CLIENT_ERROR a recording of 0s",
		"cache_record stop now":      "CLIENT_ERROR bad command line format",
		"cache_record stop":          "CLIENT_ERROR there is no recording",
		"cache_record read 0":        "CLIENT_ERROR there is no recording",
		"cache_record read -1":       "CLIENT_ERROR bad command line format",
		"stats recording":            "END",
		"cache_record start 1 86401": "CLIENT_ERROR a recording of 24h0m1s",
	} {
		if got := ask(line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	if got := ask("cache_record start 1 60"); got != "OK" {
		t.Fatal(got)
	}
	send(t, nc, "get secret\r\nset secret 0 0 5\r\nhello\r\nget secret\r\n", 0)
	for range 5 {
		readLine(t, r)
	}
	for statsOf(t, nc, r, "stats recording")["events"] != "3" {
		continue // the worker has not seen them all
	}
	if got := ask("cache_record stop"); got != "OK" {
		t.Fatal(got)
	}
	var n int
	if _, err := fmt.Sscanf(ask("cache_record read 0"), "VA %d", &n); err != nil {
		t.Fatal(err)
	}
	packed := make([]byte, n)
	if _, err := io.ReadFull(r, packed); err != nil {
		t.Fatal(err)
	}
	if rest := readLine(t, r); rest != "" {
		t.Errorf("behind the recording stands %q", rest)
	}
	if got := ask(fmt.Sprintf("cache_record read %d", n)); got != "VA 0" {
		t.Errorf("behind the end is %q", got)
	}
	plain, err := unpack.Reader(strings.NewReader(string(packed)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") {
		t.Errorf("the recording has a key in it:\n%s", text)
	}
	got, err := trace.Read(strings.NewReader(string(text)), sim.MaxRequests)
	if err != nil || len(got.Requests) != 2 || got.Requests[0].Size != 5 {
		t.Errorf("%+v (%v) was recorded:\n%s", got, err, text)
	}
}

func TestWithoutCurvesThereAreNone(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	for _, line := range []string{"stats mrc", "stats recording", "cache_record stop"} {
		send(t, nc, line+"\r\n", 0)
		if got := readLine(t, r); got != "ERROR" {
			t.Errorf("%s: %s", line, got)
		}
	}
}
