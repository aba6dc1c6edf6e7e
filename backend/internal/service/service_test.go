package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// written returns what is written for c, by the names of the files.
func written(t *testing.T, c Config) (dir string, files map[string]string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "service")
	if err := Write(dir, c); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files = make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return dir, files
}

var usual = Config{Settings: "MEMCACHE_DATABASE=\"mysql://u:secret@h/n\"\n", Data: "/var/lib/memcache", Nodes: 1, Capacity: 256, Most: 475}

func TestSettingsAreTheirOwnersAlone(t *testing.T) {
	dir, files := written(t, usual)
	if info, err := os.Stat(filepath.Join(dir, Settings)); err != nil || info.Mode() != 0o600 {
		t.Errorf("the settings have the mode %v (%v), want 0600", info.Mode(), err)
	}
	if len(files) != 4 || files[Settings] != usual.Settings {
		t.Errorf("written was %v", files)
	}
	for name, text := range files {
		if name != Settings && strings.Contains(text, "secret") {
			t.Errorf("everybody can read in %s:\n%s", name, text)
		}
	}
}

func TestUnitsFollowTheSettings(t *testing.T) {
	three := usual
	three.Nodes, three.LowPort, three.Most = 3, true, 100
	elsewhere := usual
	elsewhere.Nodes = 0
	for name, c := range map[string]struct {
		config     Config
		file       string
		has, hasNo []string
	}{
		"one node":        {usual, "memcache-backend.service", []string{" -cache unix:/run/memcache-cache-1/cache.sock -max-capacity 475\n", "After=network-online.target mysql.service mariadb.service memcache-cache@1.service\n", "CapabilityBoundingSet=\n", "ReadWritePaths=/var/lib/memcache\n"}, []string{"CAP_NET"}},
		"its cache":       {usual, "memcache-cache@.service", []string{" -m 256\n", "MemoryMax=586M\n", "RestrictAddressFamilies=AF_UNIX\n", "InaccessiblePaths=-/var/lib/memcache\n"}, []string{"ReadWritePaths", "AF_INET"}},
		"three nodes":     {three, "memcache.target", []string{"memcache-cache@1.service memcache-cache@2.service memcache-cache@3.service\n"}, nil},
		"low ports":       {three, "memcache-backend.service", []string{"AmbientCapabilities=CAP_NET_BIND_SERVICE\n", "cache-1/cache.sock,unix:/run/memcache-cache-2/"}, []string{"PrivateUsers"}},
		"nodes elsewhere": {elsewhere, "memcache-backend.service", []string{"ExecStart=/opt/memcache/bin/memcache-backend\n"}, []string{"memcache-cache"}},
		"no nodes here":   {elsewhere, "memcache.target", []string{"Wants=memcache-backend.service\n"}, nil},
	} {
		_, files := written(t, c.config)
		for _, part := range c.has {
			if !strings.Contains(files[c.file], part) {
				t.Errorf("%s: %s lacks %q:\n%s", name, c.file, part, files[c.file])
			}
		}
		for _, part := range c.hasNo {
			if strings.Contains(files[c.file], part) {
				t.Errorf("%s: %s has %q:\n%s", name, c.file, part, files[c.file])
			}
		}
	}
}

func TestDataThatTheServiceWouldNotSeeIsRefused(t *testing.T) {
	for _, data := range []string{"", "data", "/", "/srv/my data", "/srv/100%", "/srv/../home/me", "/srv/", "/srv/.", "/home/me/data", "/root", "/tmp/x", "/run/user/0/x", "/var/tmp"} {
		c := usual
		c.Data = data
		dir := filepath.Join(t.TempDir(), "service")
		if err := Write(dir, c); err == nil || !strings.Contains(err.Error(), "-data "+strconv.Quote(data)) {
			t.Errorf("%q: got %v, want an error that names it", data, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: something was written", data)
		}
	}
	for _, data := range []string{"/srv", "/var/lib/memcache", "/mnt/disk-2/mem_cache.d", "/homes/x"} {
		c := usual
		c.Data = data
		written(t, c)
	}
}

// TestSystemdFindsTheUnitsGoodAndTight asks systemd-analyze, where there is one: all
// is known to it, and little is left open.
func TestSystemdFindsTheUnitsGoodAndTight(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze: install systemd to have the units checked")
	}
	low := usual
	low.LowPort = true
	for _, c := range []Config{usual, low} {
		dir, _ := written(t, c)
		for unit, most := range map[string]float64{"memcache-backend.service": 2, "memcache-cache@.service": 1} {
			path := filepath.Join(dir, unit)
			verify(t, path)
			out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", path).CombinedOutput()
			level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
			if err != nil && level == nil {
				t.Skipf("systemd-analyze does not judge files (it does since systemd 250): %v\n%s", err, out)
			}
			if exposure, err := strconv.ParseFloat(string(level[1]), 64); err != nil || exposure > most {
				t.Errorf("%s: its exposure is %s, want %v at most:\n%s", unit, level[1], most, out)
			}
		}
		verify(t, filepath.Join(dir, "memcache.target"))
	}
}

// verify fails the test for what systemd does not know in a unit. That the programs
// are not installed here, it may say.
func verify(t *testing.T, path string) {
	t.Helper()
	out, _ := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput() // fails for want of the programs
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, filepath.Dir(path)) && !strings.Contains(line, "/opt/memcache/bin/") {
			t.Errorf("systemd-analyze verify: %s", line)
		}
	}
}
