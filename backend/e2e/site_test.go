package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a start may take; the machine may be busy.
const startLimit = 60 * time.Second

// site is a MemCache that start.sh runs.
type site struct {
	t      *testing.T
	dir    string // where start.sh stands
	data   string
	cwd    string   // where start.sh is called; "" for the test's own folder
	args   []string // of start.sh, without -data and -listen
	env    []string // further environment variables
	listen string   // the address to listen on, the same after a restart
	url    string   // as start.sh tells it

	cmd    *exec.Cmd
	output transcript
	ready  chan string   // receives the address once
	ended  chan struct{} // closed when start.sh has ended and all it wrote is read
	err    error         // how it ended; read after ended
}

// start runs MemCache on an empty data folder with further arguments, waits
// until it is ready, and ends it when the test does.
func start(t *testing.T, args ...string) *site {
	t.Helper()
	s := newSite(t, args...)
	s.start()
	return s
}

// newSite is a MemCache that does not run yet.
func newSite(t *testing.T, args ...string) *site {
	t.Helper()
	return &site{t: t, dir: installed, data: filepath.Join(t.TempDir(), "data"), listen: "127.0.0.1:0", args: args}
}

// start runs start.sh and waits until it says that MemCache is ready.
func (s *site) start() {
	s.t.Helper()
	s.launch()
	select {
	case s.url = <-s.ready:
		s.listen = strings.Replace(s.url[strings.Index(s.url, "//")+2:], "localhost", "127.0.0.1", 1)
	case <-s.ended:
		s.t.Fatalf("start.sh ended (%v) instead of starting:\n%s", s.err, s.output.String())
	case <-time.After(startLimit):
		s.t.Fatalf("start.sh was not ready after %v:\n%s", startLimit, s.output.String())
	}
}

// launch runs start.sh without waiting.
func (s *site) launch() {
	s.t.Helper()
	if s.ended != nil {
		<-s.ended // the one before shares the fields below
	}
	cmd := exec.Command(filepath.Join(s.dir, "start.sh"), append([]string{"-data", s.data, "-listen", s.listen}, s.args...)...)
	cmd.Dir = s.cwd
	cmd.Env = append(os.Environ(), s.env...)
	reader, writer, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = writer.Close()
	s.cmd, s.ready, s.ended, s.url = cmd, make(chan string, 1), make(chan struct{}), ""
	s.output.reset()
	go s.follow(cmd, reader)
	s.t.Cleanup(func() { s.cleanUp(cmd) })
}

// follow reads what start.sh and the programs write until all have ended.
func (s *site) follow(cmd *exec.Cmd, r *os.File) {
	defer close(s.ended)
	defer r.Close()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.output.add(lines.Text())
		if _, address, ok := strings.Cut(lines.Text(), "MemCache is ready: "); ok {
			s.ready <- address
		}
	}
	s.err = cmd.Wait()
}

// cleanUp ends what a test left running, and shows the messages of a failed one.
func (s *site) cleanUp(cmd *exec.Cmd) {
	if s.cmd != cmd {
		return // a later start of the same site has its own
	}
	select {
	case <-s.ended:
	default:
		s.signal(syscall.SIGTERM)
		if !s.wait(30 * time.Second) {
			s.t.Errorf("start.sh did not end")
			_ = cmd.Process.Kill()
		}
	}
	if left := waitForNone(s.data, 5*time.Second); len(left) > 0 {
		s.t.Errorf("left running: %v", left)
	}
	if s.t.Failed() {
		s.t.Logf("messages of MemCache in %s:\n%s", s.data, s.output.String())
	}
}

func (s *site) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal start.sh: %v", err)
	}
}

// wait tells whether start.sh ends within limit.
func (s *site) wait(limit time.Duration) bool {
	select {
	case <-s.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// exitCode waits until start.sh has ended with everything that it started, and
// returns its exit code.
func (s *site) exitCode(limit time.Duration) int {
	s.t.Helper()
	if !s.wait(limit) {
		s.t.Fatalf("start.sh did not end within %v", limit)
	}
	if left := waitForNone(s.data, time.Second); len(left) > 0 {
		s.t.Errorf("start.sh left running: %v", left)
	}
	var exit *exec.ExitError
	if errors.As(s.err, &exit) {
		return exit.ExitCode()
	}
	if s.err != nil {
		s.t.Fatal(s.err)
	}
	return 0
}

// stop ends MemCache as Ctrl-C does, and fails the test unless it ends well.
func (s *site) stop() {
	s.t.Helper()
	s.signal(syscall.SIGINT)
	if code := s.exitCode(30 * time.Second); code != 0 {
		s.t.Errorf("start.sh ended with exit code %d after SIGINT, want 0", code)
	}
}

// program returns the process of "cache" or "backend", a child of start.sh.
func (s *site) program(name string) process {
	s.t.Helper()
	p, runs := s.find(name)
	if !runs {
		s.t.Fatalf("the %s of %s does not run", name, s.data)
	}
	return p
}

func (s *site) find(name string) (p process, runs bool) {
	for _, p := range processes(s.data) {
		if p.parent == s.cmd.Process.Pid && strings.Contains(p.args, "memcache-"+name) {
			return p, true
		}
	}
	return p, false
}

// kill ends a program as a crash would.
func (s *site) kill(name string) { s.t.Helper(); s.send(name, syscall.SIGKILL) }

// freeze lets a program hang until it is killed.
func (s *site) freeze(name string) { s.t.Helper(); s.send(name, syscall.SIGSTOP) }

func (s *site) send(name string, sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.program(name).pid, sig); err != nil {
		s.t.Fatalf("send %v to the %s: %v", sig, name, err)
	}
}

// says waits until the messages contain text.
func (s *site) says(text string, limit time.Duration) {
	s.t.Helper()
	eventually(s.t, limit, fmt.Sprintf("start.sh says %q", text), func() error {
		if !strings.Contains(s.output.String(), text) {
			return errors.New("it has not")
		}
		return nil
	})
}

// transcript holds the lines that were written so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) add(line string) { _, _ = t.Write([]byte(line + "\n")) }

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Reset()
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// eventually asks check again and again until it returns nil, and fails the
// test with its last error after limit.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v until %s: %v", limit, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// --- Talking to it over HTTP ---

// reply is a response with its body read.
type reply struct {
	*http.Response
	body []byte
}

func (r reply) json(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		t.Fatalf("%s %s answered %q: %v", r.Request.Method, r.Request.URL, r.body, err)
	}
}

// try sends a request to path of the site.
func (s *site) try(ctx context.Context, method, path string, body io.Reader) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return reply{}, err
	}
	return send(http.DefaultClient, req)
}

func send(c *http.Client, req *http.Request) (reply, error) {
	resp, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return reply{resp, data}, err
}

// do sends a request and fails the test unless it is answered with status.
func (s *site) do(method, path string, body io.Reader, status int) reply {
	s.t.Helper()
	r, err := s.try(s.t.Context(), method, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if r.StatusCode != status {
		s.t.Fatalf("%s %s: got %s, want %d: %s", method, path, r.Status, status, r.body)
	}
	return r
}
