package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMissingGoIsSaid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.dir = sourcesOnly(t)
	s.env = []string{"PATH=" + toolsWithout(t, "go")}
	failing(s, "Go 1.26 or newer is needed", `there is no "go" on the PATH`, "https://go.dev/doc/install")
	if _, err := os.Stat(s.data); err == nil {
		t.Error("the data folder was made although nothing could be built")
	}
}

func TestOldGoIsSaid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.dir = sourcesOnly(t)
	tools := toolsWithout(t, "go")
	s.env = []string{"PATH=" + tools}
	writeScript(t, filepath.Join(tools, "go"), `echo go1.19.8`)
	failing(s, "Go 1.26 or newer is needed", "is Go 1.19.8", "https://go.dev/doc/install")
}

func TestBuiltProgramsRunWithoutGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.dir = sourcesOnly(t)
	if err := os.Symlink(filepath.Join(source, "bin"), filepath.Join(s.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PATH=" + toolsWithout(t, "go")}
	s.start()
	s.stop()
}

func TestBuildSaysWhatItsTestsLack(t *testing.T) {
	t.Parallel()
	goProgram, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	tools := toolsWithout(t, "apt-get", "shellcheck", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "gcc", "memcached", "memccapable")
	build := exec.Command(filepath.Join(sourcesOnly(t), "build.sh"), "test")
	build.Env = append(os.Environ(), "PATH="+tools+":"+filepath.Dir(goProgram))
	out, err := build.CombinedOutput()
	if err == nil {
		t.Error("build.sh test succeeded without its tools")
	}
	for _, text := range []string{"no apt-get", "ShellCheck, for the scripts", "Chromium, for the tests in the browser", "a C compiler, for the race detector", "memcached with memcached-tool", "libmemcached's tools"} {
		if !strings.Contains(string(out), text) {
			t.Errorf("build.sh test does not say %q:\n%s", text, out)
		}
	}
	if strings.Contains(string(out), "=== build") {
		t.Errorf("build.sh test began without its tools:\n%s", out)
	}
}

// sourcesOnly returns a folder with what a fresh clone has of the build.
func sourcesOnly(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"start.sh", "build.sh", "go.mod"} {
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// toolsWithout returns a folder with links to every program of the system but
// the named ones, to be the PATH.
func toolsWithout(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range []string{"/bin", "/usr/bin"} {
		programs, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range programs {
			if slices.Contains(names, p.Name()) {
				continue
			}
			// What is in both folders is linked once.
			if err := os.Symlink(filepath.Join(from, p.Name()), filepath.Join(dir, p.Name())); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func writeScript(t *testing.T, path, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}
