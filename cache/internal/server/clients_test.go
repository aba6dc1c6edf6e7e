package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"memcache/cache/internal/store"
)

// Real clients are a second opinion on the protocol. Where one can talk to
// memcached in the same way, it does, so that the test itself is checked too.

func TestGomemcache(t *testing.T) {
	t.Run("ours", func(t *testing.T) {
		useGomemcache(t, start(t, Config{}, store.Config{ItemLimit: mb}).socket)
	})
	t.Run("memcached", func(t *testing.T) { useGomemcache(t, startMemcached(t).socket) })
}

func useGomemcache(t *testing.T, socket string) {
	c := memcache.New(socket)
	defer c.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fails := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("the error is %v, not %v", err, want)
		}
	}
	value := func(key, want string) *memcache.Item {
		t.Helper()
		it, err := c.Get(key)
		if err != nil || string(it.Value) != want {
			t.Fatalf("get %s: %v, %v; want %q", key, it, err, want)
		}
		return it
	}
	item := func(key, value string) *memcache.Item {
		return &memcache.Item{Key: key, Value: []byte(value), Flags: 1<<32 - 1, Expiration: 100}
	}

	must(c.Ping())
	must(c.Set(item("a", "1")))
	if it := value("a", "1"); it.Flags != 1<<32-1 {
		t.Errorf("the flags are %d", it.Flags)
	}
	fails(c.Add(item("a", "2")), memcache.ErrNotStored)
	must(c.Add(item("b", "2")))
	fails(c.Replace(item("c", "3")), memcache.ErrNotStored)
	must(c.Replace(item("b", "3")))
	must(c.Append(item("b", "4")))
	must(c.Prepend(item("b", "2")))
	fails(c.Append(item("c", "3")), memcache.ErrNotStored)
	value("b", "234")

	old := value("a", "1")
	old.Value = []byte("10")
	must(c.CompareAndSwap(old))
	fails(c.CompareAndSwap(old), memcache.ErrCASConflict)
	old.Key = "nobody"
	fails(c.CompareAndSwap(old), memcache.ErrCacheMiss)

	n, err := c.Increment("a", 5)
	if must(err); n != 15 {
		t.Errorf("incremented to %d", n)
	}
	n, err = c.Decrement("a", 100)
	if must(err); n != 0 {
		t.Errorf("decremented to %d", n)
	}
	_, err = c.Increment("nobody", 1)
	fails(err, memcache.ErrCacheMiss)
	must(c.Set(item("text", "abc")))
	if _, err = c.Increment("text", 1); err == nil {
		t.Error("a text was incremented")
	}

	must(c.Touch("b", 200))
	fails(c.Touch("nobody", 200), memcache.ErrCacheMiss)
	if it, err := c.GetAndTouch("b", 300); err != nil || string(it.Value) != "234" {
		t.Errorf("get and touch: %v, %v", it, err)
	}
	long := strings.Repeat("x", 500_000)
	must(c.Set(item("long", long)))
	value("long", long)
	many := map[string]string{}
	var keys []string
	for i := range 500 {
		key := fmt.Sprintf("key-%d", i)
		keys, many[key] = append(keys, key), fmt.Sprint(i)
		must(c.Set(item(key, many[key])))
	}
	found, err := c.GetMulti(append(keys, "nobody"))
	if must(err); len(found) != len(many) {
		t.Errorf("%d items were found of %d", len(found), len(many))
	}
	for key, it := range found {
		if string(it.Value) != many[key] {
			t.Errorf("%s is %q", key, it.Value)
		}
	}
	must(c.Delete("a"))
	fails(c.Delete("a"), memcache.ErrCacheMiss)
	must(c.FlushAll())
	_, err = c.Get("b")
	fails(err, memcache.ErrCacheMiss)
}

// memccapable is libmemcached's test of a server; -a is for the text protocol.
func TestMemccapable(t *testing.T) {
	host, port, err := net.SplitHostPort(start(t, Config{}, store.Config{ItemLimit: mb}).address)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program(t, "memccapable", "libmemcached-tools"), "-a", "-v", "-h", host, "-p", port).CombinedOutput()
	if err != nil || strings.Count(string(out), "[pass]") < 20 || strings.Contains(string(out), "[FAIL]") || !strings.Contains(string(out), "All tests passed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The tools of libmemcached are run as a person would run them.
func TestLibmemcachedTools(t *testing.T) {
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	servers := "--servers=" + s.address
	dir := t.TempDir()
	text := "one\r\ntwo\x00\n"
	if err := os.WriteFile(filepath.Join(dir, "note"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		tool, args string
		ok         bool
		out        string // what it prints has it
	}{
		{"memcping", "", true, ""},
		{"memcexist", "note", false, ""},
		{"memccat", "note", false, ""},
		{"memccp", "note", true, ""},
		{"memcexist", "note", true, ""},
		{"memccat", "note", true, text},
		{"memccat", "--flags note", true, "0"},
		{"memctouch", "--expire=100 note", true, ""},
		{"memcstat", "", true, "curr_items: 1"},
		{"memcstat", "--args=items", true, ":number: 1"},
		{"memcrm", "note", true, ""},
		{"memcrm", "note", false, ""},
		{"memctouch", "--expire=100 note", false, ""},
		{"memccp", "note", true, ""},
		{"memcflush", "", true, ""},
		{"memcexist", "note", false, ""},
	} {
		cmd := exec.CommandContext(t.Context(), program(t, tt.tool, "libmemcached-tools"), append([]string{servers}, strings.Fields(tt.args)...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if (err == nil) != tt.ok || !strings.Contains(string(out), tt.out) {
			t.Errorf("%s %s: %v, %q", tt.tool, tt.args, err, out)
		}
	}
}

// memcached-tool comes with Debian's memcached, but not on the PATH.
func TestMemcachedTool(t *testing.T) {
	tool := program(t, "/usr/share/memcached/scripts/memcached-tool", "memcached")
	s := start(t, Config{}, store.Config{ItemLimit: mb})
	fillWithSizes(t, s)
	for mode, want := range map[string]string{
		"display":  "Full?",
		"stats":    "curr_items 4",
		"settings": "item_size_max",
		"sizes":    "Count",
	} {
		out, err := exec.CommandContext(t.Context(), tool, s.socket, mode).CombinedOutput()
		if words := strings.Join(strings.Fields(string(out)), " "); err != nil || !strings.Contains(words, want) || strings.Count(string(out), "\n") < 4 {
			t.Errorf("%s: %v, %s", mode, err, out)
		}
	}
}
