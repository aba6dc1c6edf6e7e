// Package e2e tests the built programs from outside: it starts them with
// start.sh, as people do, and talks to them over HTTP, the WebSocket and
// Chromium. It has nothing but tests.
//
// TestMain builds everything once and makes an installation of its own, which
// has the programs and start.sh but no sources. Each test runs its own MemCache
// from there ([start]), on a data folder and a port of its own.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// source is the root of the work tree, installed the folder that start runs from.
var source, installed string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	// Under nohup hangups are ignored, and start.sh would inherit that. A signal
	// that is caught here has its default effect there.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	if source, err = filepath.Abs("../.."); err != nil {
		return 0, err
	}
	build := exec.Command(filepath.Join(source, "build.sh"))
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build.sh: %w\n%s", err, out)
	}
	if installed, err = os.MkdirTemp("", "memcache-e2e-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(installed)
	if err := install(installed); err != nil {
		return 0, err
	}
	code = m.Run()
	if left := waitForNone(installed, 10*time.Second); len(left) > 0 {
		return 0, fmt.Errorf("still running after the tests: %v", left)
	}
	return code, nil
}

// install puts start.sh and the programs into dir.
func install(dir string) error {
	script, err := os.ReadFile(filepath.Join(source, "start.sh"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "start.sh"), script, 0o755); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(source, "bin"), filepath.Join(dir, "bin"))
}

// process is a running process.
type process struct {
	pid    int
	parent int
	args   string // its command line, separated by spaces
}

func (p process) String() string { return fmt.Sprintf("%d (%s)", p.pid, p.args) }

// processes lists those whose command line contains part. Zombies have none.
func processes(part string) []process {
	var found []process
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range folders {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !strings.Contains(string(line), part) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue // it has ended meanwhile
		}
		p := process{args: strings.ReplaceAll(strings.TrimRight(string(line), "\x00"), "\x00", " ")}
		p.pid, _ = strconv.Atoi(filepath.Base(dir))
		// After the name, which is in parentheses: the state and the parent.
		_, rest, _ := strings.Cut(string(status), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			p.parent, _ = strconv.Atoi(fields[1])
		}
		found = append(found, p)
	}
	return found
}

// waitForNone waits until no process has part in its command line, and returns
// those that still have it after limit.
func waitForNone(part string, limit time.Duration) []process {
	deadline := time.Now().Add(limit)
	for {
		left := processes(part)
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(50 * time.Millisecond)
	}
}
