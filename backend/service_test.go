package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serviceOf returns the settings that are written for args and the environment.
func serviceOf(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "service")
	getenv := func(name string) string { return env[name] }
	if err := run(t.Context(), append([]string{"service", dir}, args...), getenv, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "settings"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSettingsAreKeptUntilTheyAreGivenAnew(t *testing.T) {
	const hosts = `a"b\c$d` + "`e` 'f' #g"
	kept := serviceOf(t, map[string]string{"MEMCACHE_DATA": "/srv/a", "MEMCACHE_CACHE_NODES": "2"},
		"-hosts", hosts, "-domain=files.example.org", "-max-object", "5m", "-stall-timeout=90s", "-log-level", "warn", "-course-open")
	env := inBash(t, kept)
	if env["MEMCACHE_HOSTS"] != hosts {
		t.Errorf("bash reads %q, want %q", env["MEMCACHE_HOSTS"], hosts)
	}
	if again := serviceOf(t, env); again != kept {
		t.Errorf("without flags, kept is\n%s\nwant\n%s", again, kept)
	}
	changed := serviceOf(t, env, "-domain=", "-max-object", "6m", "-course-open=false")
	want := strings.NewReplacer("MEMCACHE_DOMAIN=\"files.example.org\"\n", "", "5242880", "6291456", `"true"`, `"false"`).Replace(kept)
	if changed != want {
		t.Errorf("kept is\n%s\nwant\n%s", changed, want)
	}
}

// inBash returns the variables that bash finds in text.
func inBash(t *testing.T, text string) map[string]string {
	t.Helper()
	bash := exec.Command("bash", "-c", "set -a; . /dev/stdin; env -0")
	bash.Stdin = strings.NewReader(text)
	bash.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := bash.Output()
	if err != nil {
		t.Fatal(err)
	}
	env := make(map[string]string)
	for variable := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return env
}

func TestBadServiceIsRefused(t *testing.T) {
	for _, c := range []struct {
		nodes, want string
		args        []string
	}{
		{"", "takes a FOLDER", []string{"service"}},
		{"", "control character", []string{"service", "x", "-data", "/srv/a", "-hosts", "a\nMEMCACHE_INSECURE=1"}},
		{"", `-data "data"`, []string{"service", "x"}},
		{"many", `MEMCACHE_CACHE_NODES is "many"`, []string{"service", "x", "-data", "/srv/a"}},
		{"", "-capacity 300 is above -max-capacity 200", []string{"service", "x", "-data", "/srv/a", "-capacity", "300", "-max-capacity", "200"}},
	} {
		getenv := func(name string) string { return map[string]string{"MEMCACHE_CACHE_NODES": c.nodes}[name] }
		err := run(t.Context(), c.args, getenv, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q in it", c.args, err, c.want)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("something was written")
	}
}

func TestCapacityLeavesRoomOnTheMachine(t *testing.T) {
	for _, c := range []struct{ memory, nodes, capacity, most, want int }{
		{950, 1, 256, 0, 475},
		{950, 3, 256, 0, 256},
		{420, 1, 256, 0, 256},
		{16000, 2, 256, 0, 4000},
		{950, 1, 256, 800, 800},
	} {
		if got := (config{capacity: c.capacity, maxCapacity: c.most}).mostCapacity(c.memory, c.nodes); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}

func TestLowPortsAreKnown(t *testing.T) {
	for args, want := range map[string]bool{
		"":                             false,
		"-listen 127.0.0.1:0":          false,
		"-listen 127.0.0.1:1023":       true,
		"-listen 127.0.0.1:1024":       false,
		"-domain a":                    true,
		"-domain a -listen :8443":      true, // for :80
		"-domain a -listen-http :8080": true,
		"-listen 127.0.0.1:443 -login": true,
		"-listen-http :8080 -domain a -listen :8443": false,
	} {
		cfg, err := parseConfig(strings.Fields(args), none, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		if got := cfg.lowPort(); got != want {
			t.Errorf("%q: got %v", args, got)
		}
	}
}

func TestSystemdIsToldOfTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	b := startBackend(t, "-data", t.TempDir())
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 1000)
	n, err := socket.Read(message)
	if want := "READY=1\nSTATUS=degraded at " + b.url; err != nil || string(message[:n]) != want {
		t.Errorf("it is told %q (%v), want %q", message[:n], err, want)
	}
	b.stop()
}
