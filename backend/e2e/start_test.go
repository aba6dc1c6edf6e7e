package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"memcache/shared/api"
)

func TestDataStaysFromStartToStart(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/kept", strings.NewReader("still here"), http.StatusCreated)
	if info, err := os.Stat(filepath.Join(s.data, "cache.sock")); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the cache's socket has the mode %v (%v), want only its owner to reach it", info.Mode(), err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		s.signal(sig)
		if code := s.exitCode(30 * time.Second); code != 0 {
			t.Fatalf("exit code %d after %v, want 0", code, sig)
		}
		s.start()
		if got := s.do("GET", "/objects/kept", nil, http.StatusOK); string(got.body) != "still here" {
			t.Fatalf("after %v and a new start the object holds %q", sig, got.body)
		}
	}
}

func TestStartFromAnotherFolder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	elsewhere := filepath.Dir(s.data)
	s.cwd, s.data = elsewhere, "my data"
	s.start()
	s.do("PUT", "/objects/x", strings.NewReader("x"), http.StatusCreated)
	s.data = filepath.Join(elsewhere, "my data")
	if _, err := os.Stat(filepath.Join(s.data, "cache.sock")); err != nil {
		t.Errorf("a relative -data is not below the folder where start.sh was called: %v", err)
	}
	s.stop()
}

func TestStartHandsHelpAndVersionOn(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{"-h": "-database", "--help": "-listen", "-version": "memcache-backend "} {
		s := newSite(t, flag)
		s.launch()
		if code := s.exitCode(startLimit); code != 0 || !strings.Contains(s.output.String(), want) {
			t.Errorf("start.sh %s: exit code %d and %q, want 0 and %q", flag, code, s.output.String(), want)
		}
		if _, err := os.Stat(s.data); err == nil {
			t.Errorf("start.sh %s made the data folder", flag)
		}
	}
}

// failing starts s and expects that start.sh gives up by itself, leaving
// nothing behind and saying each of the texts.
func failing(s *site, texts ...string) {
	s.t.Helper()
	s.launch()
	if code := s.exitCode(startLimit); code == 0 {
		s.t.Errorf("exit code 0, want a failure")
	}
	for _, text := range texts {
		if !strings.Contains(s.output.String(), text) {
			s.t.Errorf("start.sh does not say %q:\n%s", text, s.output.String())
		}
	}
}

func TestFirstStartThatFailsIsNotRepeated(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		args []string
		says string
	}{
		"unknown flag":  {[]string{"-no-such-flag"}, "-no-such-flag"},
		"bad value":     {[]string{"-course-api", "9"}, "-course-api 9"},
		"stray word":    {[]string{"stray"}, `"stray"`},
		"no data":       {[]string{"-data="}, "the data folder has an empty name"},
		"not writable":  {[]string{"-data", "/proc/memcache"}, "/proc/memcache"},
		"long path":     {[]string{"-data", filepath.Join(t.TempDir(), strings.Repeat("d", 110))}, "a unix socket's may have 107"},
		"beyond itself": {[]string{"-listen", "0.0.0.0:0"}, "-insecure"},
		"many nodes":    {[]string{"-cache-nodes", "9"}, "a number from 1 to 8"},
		"two pools":     {[]string{"-cache-nodes=2", "-cache", "unix:/none"}, "give one of the two"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.args...)
			failing(s, c.says)
			if strings.Contains(s.output.String(), "starting it again") {
				t.Errorf("start.sh tried again:\n%s", s.output.String())
			}
		})
	}
}

func TestFault83_SecondStartOnTheSameData(t *testing.T) {
	t.Parallel()
	first := start(t)
	cache, backend := first.program("cache"), first.program("backend")
	second := &site{t: t, dir: installed, data: first.data, listen: "127.0.0.1:0"}
	second.launch()
	if !second.wait(startLimit) {
		t.Fatal("the second start.sh did not end")
	}
	if says := second.output.String(); !strings.Contains(says, "runs on "+first.data+" already") ||
		!strings.Contains(says, fmt.Sprint(first.cmd.Process.Pid)) || second.err == nil {
		t.Errorf("the second start ended with %v and said %q, want a failure that tells what runs there", second.err, says)
	}
	first.do("GET", "/readyz", nil, http.StatusOK)
	if first.program("cache") != cache || first.program("backend") != backend {
		t.Error("the first one's programs are not the same any more")
	}
	first.stop()
}

func TestFault83_PortTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s := newSite(t)
	s.listen = other.Addr().String()
	failing(s, "cannot listen on "+s.listen, "choose a free one with -listen")
}

func TestFault84_CrashedCacheComesBackWithItsSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/api/v1/cache", strings.NewReader(`{"capacity":33554432,"policy":"random"}`), http.StatusOK)
	s.do("PUT", "/objects/k", strings.NewReader("v"), http.StatusCreated)
	old := s.program("cache").pid
	s.kill("cache")
	s.do("GET", "/objects/k", nil, http.StatusOK) // at once, from disk
	s.says("the cache ended unexpectedly (killed by SIGKILL): starting it again in 1 s", 10*time.Second)
	eventually(t, 30*time.Second, "there is a new cache", func() error {
		if p, runs := s.find("cache"); !runs || p.pid == old {
			return errors.New("there is none")
		}
		return nil
	})
	eventually(t, 30*time.Second, "the new cache has the settings", func() error {
		var c api.Cache
		s.do("GET", "/api/v1/cache", nil, http.StatusOK).json(t, &c)
		if n := c.Nodes[0]; !n.Up || n.Capacity != 32*api.MB || n.Policy != "random" {
			return fmt.Errorf("it has %+v", n)
		}
		return nil
	})
	eventually(t, 10*time.Second, "objects come from the cache again", func() error {
		if status := s.do("GET", "/objects/k", nil, http.StatusOK).Header.Get("Cache-Status"); !strings.Contains(status, "hit") {
			return fmt.Errorf("Cache-Status is %q", status)
		}
		return nil
	})
	s.stop()
}

func TestFault84_CrashedBackendComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.listen = freeAddress(t) // it has to be the same after the crash
	s.start()
	s.do("PUT", "/objects/k", strings.NewReader("acknowledged"), http.StatusCreated)
	s.kill("backend")
	s.says("starting it again in 1 s", 10*time.Second)
	eventually(t, 30*time.Second, "the backend answers again", func() error {
		r, err := s.try(t.Context(), "GET", "/objects/k", nil)
		if err == nil && string(r.body) != "acknowledged" {
			err = fmt.Errorf("it answers %s: %s", r.Status, r.body)
		}
		return err
	})
	s.stop()
}

// freeAddress returns an address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Here the cache is a script that runs once and then never again.
func TestFault84_CrashLoopIsReported(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.dir = t.TempDir()
	if err := install(s.dir); err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(source, "bin")
	if err := os.Remove(filepath.Join(s.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	writeScript(t, filepath.Join(s.dir, "bin", "memcache-cache"), `
		mkdir "$(dirname "$0")/ran" || exit 7
		exec "`+real+`/memcache-cache" "$@"`)
	if err := os.Symlink(filepath.Join(real, "memcache-backend"), filepath.Join(s.dir, "bin", "memcache-backend")); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.kill("cache")
	for _, seconds := range []int{2, 4, 8} {
		s.says(fmt.Sprintf("the cache ended unexpectedly (exit status 7): starting it again in %d s", seconds), 30*time.Second)
	}
	s.says("the cache ends again and again", time.Second)
	s.do("GET", "/healthz", nil, http.StatusOK) // all the rest works on
	s.stop()
}

func TestFault59_StartWithoutTheDatabaseSaysSoAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, "-database", "mysql://nobody:secret@127.0.0.1:1/none") // nothing listens on port 1
	s.launch()
	s.says("MemCache runs, but is not ready yet: ", startLimit)
	s.says("the database does not answer; serving without it, and trying again", time.Second)
	_, rest, _ := strings.Cut(s.output.String(), "is not ready yet: ")
	s.url, _, _ = strings.Cut(rest, "\n")
	s.do("GET", "/healthz", nil, http.StatusOK)
	s.do("GET", "/readyz", nil, http.StatusServiceUnavailable)
	if says := s.output.String(); strings.Contains(says, "secret") {
		t.Errorf("the messages hold the password:\n%s", says)
	}
	s.stop()
}

func TestKilledStartEndsItsPrograms(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.signal(syscall.SIGKILL)
	if left := waitForNone(s.data, 30*time.Second); len(left) > 0 {
		t.Fatalf("still running: %v", left)
	}
	s.start() // and nothing stands in the way of the next one
	s.stop()
}
