package server

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/cache/internal/store"
)

const mb = 1 << 20

// Fault 39, the capacity: the item limit is larger, so that only what it holds
// bounds an item.
func TestFault39_ItemOverTheCapacity(t *testing.T) {
	s := start(t, Config{}, store.Config{Capacity: mb, ItemLimit: 16 * mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	largest, err := strconv.Atoi(statsOf(t, nc, r, "stats settings")["item_size_max"])
	if err != nil || largest >= mb || largest < mb*95/100 {
		t.Fatalf("item_size_max is %d (%v)", largest, err)
	}
	put := func(size int) string {
		send(t, nc, fmt.Sprintf("set k 0 0 %d\r\n", size)+strings.Repeat("x", size)+"\r\n", 0)
		return readLine(t, r)
	}
	if got := put(largest); got != "STORED" {
		t.Errorf("the largest item: %s", got)
	}
	if got := put(mb); got != "SERVER_ERROR object too large for cache" {
		t.Errorf("an item as large as the capacity: %s", got)
	}
	send(t, nc, "get k\r\n", 0)
	if got := readLine(t, r); got != "END" {
		t.Errorf("the old value is still there: %s", got)
	}
	if st := s.store.Stats(); st.Held != 0 {
		t.Errorf("%d bytes are held for nothing", st.Held)
	}
}

func TestFault40_IdleConnectionsAreClosed(t *testing.T) {
	s := start(t, Config{Idle: 50 * time.Millisecond, Stall: 50 * time.Millisecond}, store.Config{ItemLimit: mb})
	for _, begin := range []string{"", "get", "set k 0 0 10\r\n", "set k 0 0 10\r\nabc", "mn\r\n"} {
		nc := s.dial(t)
		r := bufio.NewReader(nc)
		send(t, nc, begin, 0)
		if begin == "mn\r\n" {
			readLine(t, r)
		}
		expectEOF(t, nc, r)
	}
	if st := s.store.Stats(); st.Held != 0 {
		t.Errorf("%d bytes are held for values that never came", st.Held)
	}
}

// A stall limit alone leaves connections between requests open.
func TestFault40_AStallEndsARequestOnly(t *testing.T) {
	s := start(t, Config{Stall: 50 * time.Millisecond}, store.Config{ItemLimit: mb})
	quiet, stalled := s.dial(t), s.dial(t)
	send(t, stalled, "set k 0 0 10\r\nabc", 0)
	expectEOF(t, stalled, bufio.NewReader(stalled))
	send(t, quiet, "mn\r\n", 0)
	if got := readLine(t, bufio.NewReader(quiet)); got != "MN" {
		t.Errorf("the connection that was between requests answers %q", got)
	}
}

// Fault 41: the keys come in a line of 80 KB, and the answer is 1 GB, of which
// the server holds hardly anything while the client is slow to read.
func TestFault41_GetOf10000Keys(t *testing.T) {
	const keys, size = 10_000, 100_000
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	value := strings.Repeat("x", size)
	send(t, nc, fmt.Sprintf("set k 0 0 %d\r\n%s\r\n", size, value), 0)
	r := bufio.NewReaderSize(nc, 256<<10)
	if got := readLine(t, r); got != "STORED" {
		t.Fatal(got)
	}
	before := heap()
	var peak uint64
	go send(t, nc, "get"+strings.Repeat(" k nobody", keys)+"\r\n", 0)
	for i := range keys {
		if got := readLine(t, r); got != "VALUE k 0 100000" {
			t.Fatalf("item %d: %q", i, got)
		}
		if n, err := r.Discard(size + 2); err != nil {
			t.Fatalf("item %d: %d bytes: %v", i, n, err)
		}
		if i%1000 == 0 {
			peak = max(peak, heap())
		}
	}
	if got := readLine(t, r); got != "END" {
		t.Errorf("the end is %q", got)
	}
	if peak > before+8*mb {
		t.Errorf("the heap grew from %d to %d bytes", before, peak)
	}
	if stats := statsOf(t, nc, r, "stats"); stats["cmd_get"] != strconv.Itoa(2*keys) || stats["get_hits"] != strconv.Itoa(keys) {
		t.Errorf("%s gets, %s hits", stats["cmd_get"], stats["get_hits"])
	}
}

func TestFault41_GatsOf10000Keys(t *testing.T) {
	const keys = 10_000
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	send(t, nc, "set k 7 0 1\r\na\r\ngats 100"+strings.Repeat(" k nobody", keys)+"\r\nmg k t\r\n", 0)
	if got := readLine(t, r); got != "STORED" {
		t.Fatal(got)
	}
	for i := range keys {
		if line, value := readLine(t, r), readLine(t, r); line != "VALUE k 7 1 1" || value != "a" {
			t.Fatalf("item %d: %q, %q", i, line, value)
		}
	}
	for _, want := range []string{"END", "HD t100"} {
		if got := readLine(t, r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFault41_ABadKeyInALongLine(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	bad := strings.Repeat("k", 251)
	for _, line := range []string{
		"get" + strings.Repeat(" nobody", 5000) + " " + bad + strings.Repeat(" nobody", 5000),
		"get" + strings.Repeat(" nobody", 5000) + " " + bad,
		"get " + strings.Repeat("k", 50_000),
		"getx" + strings.Repeat(" nobody", 100),
		"gat x" + strings.Repeat(" nobody", 5000),
		"gats 10" + strings.Repeat(" nobody", 5000) + " " + bad,
	} {
		send(t, nc, line+"\r\nmn\r\n", 0)
		if got := readLine(t, r); !strings.HasPrefix(got, "CLIENT_ERROR") && got != "ERROR" {
			t.Errorf("%s is answered %q", shorten(line), got)
		}
		if got := readLine(t, r); got != "MN" {
			t.Errorf("out of step: %q", got)
		}
	}
}

func TestFault44_ConnectionLimit(t *testing.T) {
	s := start(t, Config{MaxConns: 2}, store.Config{ItemLimit: mb})
	first, second := s.dial(t), s.dial(t)
	for _, nc := range []net.Conn{first, second} {
		send(t, nc, "mn\r\n", 0)
		readLine(t, bufio.NewReader(nc))
	}
	third := s.dial(t)
	r := bufio.NewReader(third)
	if got := readLine(t, r); got != "ERROR Too many open connections" {
		t.Errorf("one too many is answered %q", got)
	}
	expectEOF(t, third, r)
	send(t, first, "mn\r\n", 0)
	if got := readLine(t, bufio.NewReader(first)); got != "MN" {
		t.Errorf("the others are affected: %q", got)
	}
	stats := statsOf(t, second, bufio.NewReader(second), "stats")
	if stats["rejected_connections"] != "1" || stats["curr_connections"] != "2" || stats["total_connections"] != "2" {
		t.Errorf("connections: %s rejected, %s now, %s in all", stats["rejected_connections"], stats["curr_connections"], stats["total_connections"])
	}
}

func TestFault45_SocketMode(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	info, err := os.Stat(s.socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket's mode is %v (%v), want 0600", info.Mode(), err)
	}
}

func TestListenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(path, 0o600); err == nil || !strings.Contains(err.Error(), "another cache process") {
		t.Errorf("a second one on a live socket: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	leaveStale(t, path)
	if l, err = ListenUnix(path, 0o600); err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestListenUnixRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign, err := net.Listen("unix", filepath.Join(dir, "foreign"))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	for path, want := range map[string]string{
		file:                          "is no socket",
		filepath.Join(dir, "foreign"): "another program answers",
		filepath.Join(dir, strings.Repeat("x", 200)): "choose a shorter one",
		filepath.Join(dir, "missing", "s"):           "cannot be locked",
	} {
		if l, err := ListenUnix(path, 0o600); err == nil {
			l.Close()
			t.Errorf("listening on %s", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file was touched: %q, %v", b, err)
	}
}

// Of many that start at once on a stale socket exactly one serves.
func TestListenUnixHasOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	leaveStale(t, path)
	var wg sync.WaitGroup
	won := make(chan net.Listener, 8)
	for range cap(won) {
		wg.Go(func() {
			if l, err := ListenUnix(path, 0o600); err == nil {
				won <- l
			}
		})
	}
	wg.Wait()
	close(won)
	if len(won) != 1 {
		t.Errorf("%d listen on one path", len(won))
	}
	for l := range won {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func leaveStale(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStats(t *testing.T) {
	s := start(t, Config{Threads: 3, Settings: []Setting{{"tcpport", "0"}}}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	r := bufio.NewReader(nc)
	for _, exchange := range [][2]string{
		{"set a 0 0 3\r\nabc\r\n", "STORED"},
		{"get a\r\n", "VALUE a 0 3"},
		{"", "abc"},
		{"", "END"},
		{"get b\r\n", "END"},
		{"mg c N30\r\n", "HD W"},
		{"mg c N30\r\n", "HD Z"},
		{"touch a 0\r\n", "TOUCHED"},
		{"delete b\r\n", "NOT_FOUND"},
	} {
		send(t, nc, exchange[0], 0)
		if got := readLine(t, r); got != exchange[1] {
			t.Fatalf("%q: %q", exchange[0], got)
		}
	}
	stats := statsOf(t, nc, r, "stats")
	for name, want := range map[string]string{
		"cmd_get": "4", "get_hits": "1", "get_misses": "3", "cmd_set": "1", "cmd_touch": "1", "touch_hits": "1",
		"cmd_flush": "0", "delete_misses": "1", "curr_items": "1", "total_items": "1", "leases": "1", "evictions": "0",
		"get_expired": "0", "limit_maxbytes": "2097152", "policy": "lru", "version": "1.6.18-test",
		"pid": strconv.Itoa(os.Getpid()), "threads": "3",
		"bytes": strconv.FormatInt(store.Charge(1, 3)+store.Charge(1, 0), 10),
	} {
		if stats[name] != want {
			t.Errorf("%s is %q, want %s", name, stats[name], want)
		}
	}
	for _, name := range []string{"uptime", "time", "rusage_user", "rusage_system", "bytes_read", "bytes_written"} {
		if stats[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if settings := statsOf(t, nc, r, "stats settings"); settings["tcpport"] != "0" || settings["maxbytes"] != "2097152" {
		t.Errorf("settings are %v", settings)
	}
}

func TestVerbosityCommand(t *testing.T) {
	level := new(slog.LevelVar)
	nc := start(t, Config{Level: level}, store.Config{ItemLimit: mb}).dial(t)
	r := bufio.NewReader(nc)
	for command, want := range map[string]slog.Level{"verbosity 1": slog.LevelDebug, "verbosity 0": slog.LevelInfo} {
		send(t, nc, command+"\r\n", 0)
		if got := readLine(t, r); got != "OK" || level.Level() != want {
			t.Errorf("%s: %s, and the level is %v", command, got, level.Level())
		}
	}
}

func TestShutdownEndsConnectionsAndRemovesTheSocket(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	between, midway := s.dial(t), s.dial(t)
	send(t, between, "mn\r\n", 0)
	readLine(t, bufio.NewReader(between))
	send(t, midway, "set k 0 0 100\r\nabc", 0)
	if err := s.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	for _, nc := range []net.Conn{between, midway} {
		expectEOF(t, nc, bufio.NewReader(nc))
	}
	if _, err := os.Stat(s.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if st := s.store.Stats(); st.Held != 0 {
		t.Errorf("%d bytes are held", st.Held)
	}
}

func statsOf(t *testing.T, nc net.Conn, r *bufio.Reader, command string) map[string]string {
	t.Helper()
	send(t, nc, command+"\r\n", 0)
	stats := map[string]string{}
	for {
		line := readLine(t, r)
		if line == "END" {
			return stats
		}
		f := strings.SplitN(line, " ", 3)
		if len(f) != 3 || f[0] != "STAT" {
			t.Fatalf("a line of %s is %q", command, line)
		}
		stats[f[1]] = f[2]
	}
}
