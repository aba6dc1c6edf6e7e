package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is a folder that MemCache is installed below, as on a machine of its own.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	return &machine{t, t.TempDir()}
}

// run runs start.sh for the machine, and returns what it says.
func (m *machine) run(dir string, args ...string) (said string, err error) {
	cmd := exec.Command(filepath.Join(dir, "start.sh"), args...)
	cmd.Env = append(os.Environ(), "DESTDIR="+m.root)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is run, and fails the test when that fails.
func (m *machine) must(dir string, args ...string) string {
	m.t.Helper()
	said, err := m.run(dir, args...)
	if err != nil {
		m.t.Fatalf("start.sh %q: %v\n%s", args, err, said)
	}
	return said
}

func (m *machine) path(path string) string { return filepath.Join(m.root, path) }

func (m *machine) settings() string {
	m.t.Helper()
	return string(readFile(m.t, m.path("/etc/memcache/settings")))
}

// files returns the content of all files below the machine's root.
func (m *machine) files() map[string]string {
	m.t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(m.root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found[strings.TrimPrefix(path, m.root)] = string(readFile(m.t, path))
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return found
}

// versionOf returns a release as unpacked, with a text by which to tell it.
func versionOf(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := install(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestInstalledServiceKeepsDataAndSettingsOverUpgrades(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	old, next := versionOf(t, "old"), versionOf(t, "new")
	m.must(old, "install", "-domain", "files.example.org", "-capacity=512", "-cache-nodes", "2")
	if err := os.WriteFile(m.path("/var/lib/memcache/kept"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	const first = "MEMCACHE_CAPACITY=\"512\"\nMEMCACHE_DATA=\"/var/lib/memcache\"\nMEMCACHE_DOMAIN=\"files.example.org\"\nMEMCACHE_CACHE_NODES=\"2\"\n"
	if got := m.settings(); got != first {
		t.Errorf("the settings are %q, want %q", got, first)
	}

	m.must(next, "install", "-capacity", "300")
	files := m.files()
	if got, want := m.settings(), strings.Replace(first, "512", "300", 1); got != want {
		t.Errorf("after the upgrade the settings are %q, want %q", got, want)
	}
	for path, want := range map[string]string{"/opt/memcache/README.md": "new", "/var/lib/memcache/kept": "kept"} {
		if files[path] != want {
			t.Errorf("after the upgrade %s holds %q, want %q", path, files[path], want)
		}
	}
	if unit := files["/etc/systemd/system/memcache-cache@.service"]; !strings.Contains(unit, " -m 300\n") {
		t.Errorf("the cache's unit has another capacity:\n%s", unit)
	}
	want := []string{
		"/etc/memcache/settings", "/etc/systemd/system/memcache-backend.service", "/etc/systemd/system/memcache-cache@.service", "/etc/systemd/system/memcache.target",
		"/opt/memcache/README.md", "/opt/memcache/bin/memcache-backend", "/opt/memcache/bin/memcache-cache", "/opt/memcache/start.sh", "/var/lib/memcache/kept",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("installed is %q, want %q", got, want)
	}

	m.must(m.path("/opt/memcache"), "install") // from where it is
	if !maps.Equal(m.files(), files) {
		t.Error("the same once more is another installation")
	}
	if said := m.must(m.path("/opt/memcache"), "status"); !strings.Contains(said, "memcache-backend ") {
		t.Errorf("the status does not tell the version: %s", said)
	}
}

func TestFailedInstallLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.must(versionOf(t, "old"), "install", "-hosts", "a.example.org")
	before := m.files()
	next := versionOf(t, "new")
	for flags, want := range map[string]string{
		"-no-such-flag":               "-no-such-flag",
		"-capacity 0":                 "-capacity 0",
		"-listen 0.0.0.0:80":          "-insecure",
		"-cache-nodes 9":              "a number from 1 to 8",
		"-data relative":              "a service needs the whole path",
		"-data /home/me/files":        "does not see the folders of people",
		"-capacity 9 -max-capacity 8": "-capacity 9 is above -max-capacity 8",
		"stray":                       `"stray"`,
	} {
		if said, err := m.run(next, append([]string{"install"}, strings.Fields(flags)...)...); err == nil || !strings.Contains(said, want) {
			t.Errorf("install %s: %v, and it says %q, want %q", flags, err, said, want)
		}
		if !maps.Equal(m.files(), before) {
			t.Fatalf("install %s changed something", flags)
		}
	}
}

func TestUninstallKeepsTheDataUnlessTold(t *testing.T) {
	t.Parallel()
	m, release := newMachine(t), versionOf(t, "")
	if said, err := m.run(release, "status"); err == nil || !strings.Contains(said, "not installed") {
		t.Errorf("the status of nothing: %v, %q", err, said)
	}
	m.must(release, "install", "-data", "/srv/files")
	if err := os.WriteFile(m.path("/srv/files/kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := m.run(release, "uninstall", "-all"); err == nil || !strings.Contains(said, "-all") {
		t.Errorf("uninstall -all: %v, %q", err, said)
	}
	said := m.must(m.path("/opt/memcache"), "uninstall")
	if got := slices.Sorted(maps.Keys(m.files())); !slices.Equal(got, []string{"/etc/memcache/settings", "/srv/files/kept"}) || !strings.Contains(said, m.path("/srv/files")) {
		t.Errorf("left is %q, and it says %q", got, said)
	}
	m.must(release, "install")
	if got := m.settings(); !strings.Contains(got, "/srv/files") {
		t.Errorf("installed again, it has forgotten where its files are: %s", got)
	}
	m.must(release, "uninstall", "-data")
	if got := m.files(); len(got) > 0 {
		t.Errorf("left is %v", got)
	}
	if _, err := os.Stat(m.path("/srv/files")); !os.IsNotExist(err) {
		t.Errorf("the data folder is left: %v", err)
	}
}

func TestInstalledProgramsRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.must(installed, "install")
	s := newSite(t)
	s.dir = m.path("/opt/memcache")
	s.start()
	s.do("GET", "/readyz", nil, 200)
	s.stop()
}

// Without systemd or root, nothing is installed; with both, this test would.
func TestInstallSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	want := "only root may do that: sudo ./start.sh install"
	if os.Geteuid() == 0 {
		if _, err := os.Stat("/run/systemd/system"); err == nil {
			t.Skip("root could install it here")
		}
		want = "there is no systemd here"
	}
	said, err := (&machine{t, ""}).run(installed, "install")
	if err == nil || !strings.Contains(said, want) {
		t.Errorf("install: %v, and it says %q, want %q", err, said, want)
	}
	if _, err := os.Stat("/opt/memcache"); err == nil {
		t.Error("something was installed")
	}
}
