package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"memcache/cache/policy"

	"go.uber.org/goleak"
)

// program is the built program.
var program string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "memcache-cache")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program = filepath.Join(dir, "memcache-cache")
	out, err := exec.Command("go", "build", "-ldflags", "-X memcache/shared/release.version=1.2.3 -X memcache/shared/release.commit=c0ffee", "-o", program, ".").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if code = m.Run(); code != 0 {
		return code, nil
	}
	return 0, goleak.Find()
}

func TestProcessEndsCleanlyOnASignal(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		socket := filepath.Join(t.TempDir(), "s")
		p := startProcess(t, "-s", socket, "-m", "8")
		nc := dial(t, socket)
		if got := ask(t, nc, "version"); got != "VERSION 1.6.18-memcache-1.2.3" {
			t.Errorf("version is answered %q", got)
		}
		if err := p.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		if left, err := filepath.Glob(socket + "*"); err != nil || len(left) > 0 {
			t.Errorf("%v: left behind: %v (%v)", sig, left, err)
		}
	}
}

func TestProcessEndsWhenAClientMayAskForIt(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p := startProcess(t, "-s", socket, "-m", "8", "-A")
	if _, err := io.WriteString(dial(t, socket), "shutdown\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// Connections beyond the descriptors of the process wait until others end.
func TestFault56_ShortOfDescriptors(t *testing.T) {
	const conns = 40
	socket := filepath.Join(t.TempDir(), "s")
	startCommand(t, exec.Command("sh", "-c", `ulimit -n 32 && exec "$0" -s "$1"`, program, socket))
	first := dial(t, socket)
	if got := ask(t, first, "mn"); got != "MN" {
		t.Fatal(got)
	}
	var all []net.Conn
	for range conns {
		all = append(all, dial(t, socket))
	}
	if got := ask(t, first, "mn"); got != "MN" {
		t.Errorf("the first is answered %q", got)
	}
	for _, nc := range all[:conns-1] {
		if err := nc.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := ask(t, all[conns-1], "mn"); got != "MN" {
		t.Errorf("the last is answered %q", got)
	}
}

func TestProcessReplacesTheSocketOfAKilledOne(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p := startProcess(t, "-s", socket)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // it was killed
	if _, err := os.Stat(socket); err != nil {
		t.Fatalf("the killed process left no socket: %v", err)
	}
	startProcess(t, "-s", socket)
	out, err := exec.Command(program, "-s", socket).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another cache process serves on the socket "+socket) {
		t.Errorf("a second process on a live socket: %v: %s", err, out)
	}
	if got := ask(t, dial(t, socket), "mn"); got != "MN" {
		t.Errorf("the first process answers %q", got)
	}
}

func TestFault45_LoopbackAlone(t *testing.T) {
	c, err := parse("-p", "0", "-s", "x")
	if err != nil || c.address != "127.0.0.1" {
		t.Errorf("the address is %q (%v), want the loopback", c.address, err)
	}
	port := freePort(t)
	p := startProcess(t, "-p", port)
	nc, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := ask(t, nc, "mn"); got != "MN" {
		t.Errorf("answered %q", got)
	}
	// No UDP socket belongs to the process.
	inodes := sockets(t, p.Process.Pid)
	for _, table := range []string{"udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", p.Process.Pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 9 && inodes["socket:["+f[9]+"]"] {
				t.Errorf("a UDP socket: %s", line)
			}
		}
	}
	out, err := exec.Command(program, "-p", port).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot listen on TCP port "+port) {
		t.Errorf("a second process on the port: %v: %s", err, out)
	}
}

func sockets(t *testing.T, pid int) map[string]bool {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(names) == 0 {
		t.Fatalf("descriptors of %d: %v (%v)", pid, names, err)
	}
	found := map[string]bool{}
	for _, name := range names {
		if target, err := os.Readlink(name); err == nil { // it may have been closed
			found[target] = true
		}
	}
	return found
}

func TestHelpAndVersion(t *testing.T) {
	for arg, want := range map[string]string{"-h": "-policy NAME", "--help": "MEMCACHE_CACHE_M", "-V": "memcache-cache 1.2.3 (commit c0ffee, go", "--version": "memcache-cache 1.2.3 (commit c0ffee, go"} {
		out, err := exec.Command(program, arg).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s", arg, err, out)
		}
	}
}

func TestConfig(t *testing.T) {
	c, err := parse()
	if err != nil || c.capacity != 256*mb || c.itemLimit != 16*mb || c.port != 11211 || c.policy != policy.Default || c.maxConns != 1024 {
		t.Errorf("the defaults are %+v (%v)", c, err)
	}
	if c, err = parse("-s", "x", "-m", "5", "-I", "512k", "-policy", "random", "-v", "-idle", "30s"); err != nil ||
		c.port != 0 || c.capacity != 5*mb || c.itemLimit != 512<<10 || c.policy != "random" || !c.verbose || c.idle != 30*time.Second {
		t.Errorf("the flags give %+v (%v)", c, err)
	}
	if c, err = parse("--unix-socket=x", "--memory-limit", "5", "--max-item-size", "512k", "--port", "11", "--listen", "::1", "--unix-mask", "770",
		"--conn-limit", "9", "--threads", "3", "--idle-timeout", "30", "--enable-shutdown", "--verbose"); err != nil ||
		c.port != 11 || c.capacity != 5*mb || c.itemLimit != 512<<10 || c.address != "::1" || c.socketMode != 0o770 ||
		c.maxConns != 9 || c.threads != 3 || c.idle != 30*time.Second || !c.shutdown || !c.verbose {
		t.Errorf("the long forms give %+v (%v)", c, err)
	}
	env := map[string]string{"MEMCACHE_CACHE_M": "7", "MEMCACHE_CACHE_P": "4000", "MEMCACHE_CACHE_POLICY": "random", "MEMCACHE_CACHE_A": "0660", "MEMCACHE_CACHE_THREADS": "2"}
	c, err = parseConfig([]string{"-p", "5000"}, func(name string) string { return env[name] })
	if err != nil || c.capacity != 7*mb || c.port != 5000 || c.policy != "random" || c.socketMode != 0o660 || c.shutdown || c.threads != 2 {
		t.Errorf("the environment gives %+v (%v)", c, err)
	}
	env = map[string]string{"MEMCACHE_CACHE_M": "much"}
	if _, err = parseConfig(nil, func(name string) string { return env[name] }); err == nil || !strings.Contains(err.Error(), `MEMCACHE_CACHE_M is "much"`) {
		t.Errorf("a bad variable: %v", err)
	}
}

func TestConfigRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"-m 0":         "-m 0: the capacity is 1 to 131072 MB",
		"-m -5":        "-m -5",
		"-m abc":       `"abc"`,
		"-m 1e30":      `"1e30"`,
		"-m 131073":    "-m 131073",
		"-I 0":         "-I 0",
		"-I 2048m":     "-I 2048m",
		"-I big":       "-I big",
		"-p 65536":     "-p 65536",
		"-p 0":         "nothing to listen on",
		"-l localhost": "-l localhost",
		"-c 0":         "-c 0",
		"-idle -1s":    "-idle -1s",
		"-idle -1":     "-idle -1s",
		"-idle soon":   `"soon"`,
		"-t -1":        "-t -1",
		"-t 65":        "-t 65",
		"-a 1000":      "-a 1000",
		"-a rw":        "-a rw",
		"-policy mru":  `unknown policy "mru": choose one of ` + policy.Names(),
		"-bogus":       "-h lists the flags",
		"stray":        `"stray"`,
	} {
		if _, err := parse(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// run stops when its context does; nothing it opened stays.
func TestRunEndsWithItsContext(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	if err := run(ctx, []string{"-s", socket}, func(string) string { return "" }, nil, io.Discard, &stderr); err != nil {
		t.Errorf("%v: %s", err, stderr.String())
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func parse(args ...string) (config, error) {
	return parseConfig(args, func(string) string { return "" })
}

// startProcess starts the program and waits until it says that it is ready.
func startProcess(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return startCommand(t, exec.Command(program, args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	log := bufio.NewScanner(stderr)
	for log.Scan() {
		if strings.Contains(log.Text(), "msg=ready") {
			return cmd
		}
		t.Log(log.Text())
	}
	t.Fatal("the process ended before it was ready")
	return nil
}

func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

func ask(t *testing.T, nc net.Conn, request string) string {
	t.Helper()
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.SetDeadline(time.Time{}) }()
	if _, err := io.WriteString(nc, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(nc).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
