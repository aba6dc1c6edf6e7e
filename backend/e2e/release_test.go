package e2e

import (
	"bytes"
	"debug/elf"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

var everyArchitecture = flag.Bool("release.all", false, "build the release for every architecture, not for this machine's alone")

// TestReleaseIsTheSameBytesAndRunsAlone makes a release twice, from a copy of the
// sources elsewhere, and runs what is in it where there is no Go.
func TestReleaseIsTheSameBytesAndRunsAlone(t *testing.T) {
	t.Parallel()
	copied := copySources(t)
	architectures := []string{runtime.GOARCH}
	if *everyArchitecture {
		architectures = []string{"amd64", "arm64"}
	}
	archives := release(t, copied, "022", architectures)
	first := make(map[string][]byte)
	for _, archive := range archives {
		first[archive] = readFile(t, archive)
		if err := os.Remove(archive); err != nil {
			t.Fatal(err)
		}
	}
	for _, archive := range release(t, copied, "077", architectures) {
		if !bytes.Equal(first[archive], readFile(t, archive)) {
			t.Errorf("%s has other bytes when it is made again", archive)
		}
	}
	for i, archive := range archives {
		checkRelease(t, archive, architectures[i])
	}
}

// copySources copies the work tree, with what its compressed web app was made to.
func copySources(t *testing.T) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "sources elsewhere")
	if err := os.Mkdir(copied, 0o755); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		switch entry.Name() {
		case ".git", "bin", "data", "dist":
			continue
		}
		if out, err := exec.Command("cp", "-R", filepath.Join(source, entry.Name()), copied).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v\n%s", entry.Name(), err, out)
		}
	}
	return copied
}

// release makes the archives and returns their paths. Git is told where the
// commit is, which the copy lacks.
func release(t *testing.T, dir, umask string, architectures []string) (archives []string) {
	t.Helper()
	build := exec.Command("sh", append([]string{"-c", `umask "$1" && shift && exec ./build.sh release "$@"`, "sh", umask}, architectures...)...)
	build.Dir = dir
	build.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_WORK_TREE="+source)
	if folder, err := exec.Command("git", "-C", source, "rev-parse", "--absolute-git-dir").Output(); err == nil {
		build.Env = append(build.Env, "GIT_DIR="+strings.TrimSpace(string(folder)))
	}
	var stderr bytes.Buffer
	build.Stderr = &stderr
	out, err := build.Output()
	if err != nil {
		t.Fatalf("build.sh release: %v\n%s%s", err, out, stderr.Bytes())
	}
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); strings.HasPrefix(name, "dist/") {
			archives = append(archives, filepath.Join(dir, name))
		}
	}
	if len(archives) != len(architectures) {
		t.Fatalf("build.sh release made %q for %q", archives, architectures)
	}
	return archives
}

// checkRelease looks into an archive, and runs it if this machine can.
func checkRelease(t *testing.T, archive, architecture string) {
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "-xzf", archive).CombinedOutput(); err != nil {
		t.Fatalf("unpack: %v\n%s", err, out)
	}
	unpacked := filepath.Join(dir, strings.TrimSuffix(filepath.Base(archive), ".tar.gz"))
	for _, name := range []string{"start.sh", "README.md", "LICENSE"} {
		if !bytes.Equal(readFile(t, filepath.Join(unpacked, name)), readFile(t, filepath.Join(source, name))) {
			t.Errorf("%s in the archive is another", name)
		}
	}
	for _, name := range []string{"memcache-cache", "memcache-backend"} {
		program := filepath.Join(unpacked, "bin", name)
		if folder := filepath.Dir(filepath.Dir(archive)); bytes.Contains(readFile(t, program), []byte(folder)) {
			t.Errorf("%s holds the path of the folder it was built in, %s", name, folder)
		}
		isStatic(t, program)
		if architecture != runtime.GOARCH {
			continue
		}
		if !bytes.Equal(readFile(t, program), readFile(t, filepath.Join(source, "bin", name))) {
			t.Errorf("%s was built to other bytes elsewhere", name)
		}
		out, err := exec.Command(program, "-version").Output()
		if want := regexp.MustCompile(`^` + name + ` \S+ \(commit ([0-9a-f]{40}|unknown), ` + regexp.QuoteMeta(runtime.Version()) + `\)\n$`); err != nil || !want.Match(out) {
			t.Errorf("%s -version says %q, %v; want %v", name, out, err, want)
		}
	}
	if architecture != runtime.GOARCH {
		return
	}
	s := newSite(t)
	s.dir, s.env = unpacked, []string{"PATH=" + toolsWithout(t, "go", "git")}
	s.start()
	s.do("PUT", "/objects/k", strings.NewReader("v"), 201)
	s.stop()
}

// isStatic fails the test when a program needs libraries, or belongs to no
// architecture of a release.
func isStatic(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 && f.Machine != elf.EM_AARCH64 {
		t.Errorf("%s is for %v", program, f.Machine)
	}
	for _, part := range f.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has %v", program, part.Type)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
