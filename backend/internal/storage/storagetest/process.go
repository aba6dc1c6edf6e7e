package storagetest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a cache process that a test runs, ours or a memcached.
type Process struct {
	Address string // for cachelink
	args    []string
	log     io.Writer
	cmd     *exec.Cmd
}

// BuildCache builds our cache, unless that is done already, and returns the path
// of the program.
func BuildCache(t testing.TB) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatalf("build the cache: %v", err)
	}
	return program
}

// built is where the program is for all tests, below bin, so that it is linked
// once and not for each of them.
var built = sync.OnceValues(func() (string, error) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(strings.TrimSpace(string(module)), "bin", "test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil { // two builds at once would read what the other writes
		return "", err
	}
	program := filepath.Join(dir, "memcache-cache")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", program, "memcache/cache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as build.sh does: all is compiled already
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// Memcached returns the path of the machine's memcached, or "".
func Memcached() string {
	program, err := exec.LookPath("memcached")
	if err != nil {
		return ""
	}
	return program
}

// StartCache starts a program of the above with 64 MB on a socket of its own,
// and waits until it answers. It is killed at the test's end.
func StartCache(t testing.TB, program string, args ...string) *Process {
	t.Helper()
	dir, err := os.MkdirTemp("", "cache") // short, for the length of a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return startCache(t, "unix:"+filepath.Join(dir, "s"), program, args...)
}

// StartCacheTCP does as StartCache on a loopback TCP port of its own.
func StartCacheTCP(t testing.TB, program string, args ...string) *Process {
	t.Helper()
	return startCache(t, FreeAddress(t), program, args...)
}

// FreeAddress returns an address below the ports that are given out by
// themselves, so that nobody takes it while a process restarts.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port was found")
	return ""
}

func startCache(t testing.TB, address, program string, args ...string) *Process {
	t.Helper()
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		args = append([]string{program, "-s", socket, "-m", "64"}, args...)
	} else {
		host, port, _ := net.SplitHostPort(address)
		args = append([]string{program, "-l", host, "-p", port, "-m", "64"}, args...)
	}
	if strings.HasSuffix(program, "memcached") && os.Getuid() == 0 {
		args = append(args, "-u", "root")
	}
	p := &Process{Address: address, args: args, log: t.Output()}
	t.Cleanup(func() { p.Kill(t) })
	p.Start(t)
	return p
}

// Start starts the process again after Kill.
func (p *Process) Start(t testing.TB) {
	t.Helper()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", p.args, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		nc, err := p.dial()
		if err == nil {
			nc.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%v does not answer: %v", p.args, err)
		}
	}
}

func (p *Process) dial() (net.Conn, error) {
	if socket, ok := strings.CutPrefix(p.Address, "unix:"); ok {
		return net.Dial("unix", socket)
	}
	return net.Dial("tcp", p.Address)
}

// Stop asks the process to end, and waits until it has.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	_ = p.cmd.Wait() // it may say that it was asked to
	p.cmd = nil
}

// Kill ends the process at once, if it runs.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Errorf("kill %v: %v", p.args, err)
	}
	_ = p.cmd.Wait() // it says that it was killed
	p.cmd = nil
}

// Pause stops the process without ending it, as a hang would; Resume undoes it.
func (p *Process) Pause(t testing.TB) { p.signal(t, syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume(t testing.TB) { p.signal(t, syscall.SIGCONT) }

func (p *Process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %v to %v: %v", s, p.args, err)
	}
}
