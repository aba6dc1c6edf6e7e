// Package s3test runs an S3 server for tests: versitygw, a tool of .ci/tools.mod, on
// a folder of the test's own.
package s3test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The account of the server. Set sets it in the environment.
const (
	AccessKey = "tester"
	SecretKey = "secret-of-the-tester"
	Region    = "us-east-1"
)

// Server is an S3 server that runs until its test ends.
type Server struct {
	Address string // host:port
	Folder  string // with a folder for each bucket
	restart func()
	stop    func()
	signal  func(os.Signal) error
}

// Start runs a server with one bucket, "objects".
func Start(t testing.TB) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: listener.Addr().String(), Folder: t.TempDir()}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.Folder, "objects"), 0o700); err != nil {
		t.Fatal(err)
	}
	program := tool(t)
	s.restart = func() { s.stop = run(t, s, program) }
	s.restart()
	t.Cleanup(func() { s.stop() })
	return s
}

// Location is the bucket as the flag -store names it, by way of the address via, or
// directly if that is "".
func (s *Server) Location(via, prefix string) string {
	if via == "" {
		via = s.Address
	}
	return "s3://objects/" + prefix + "?endpoint=" + url.QueryEscape("http://"+via) + "&region=" + Region
}

// Stop kills the server; Restart runs it again on the same address and folder.
func (s *Server) Stop() { s.stop() }

// Restart runs it again after Stop.
func (s *Server) Restart() { s.restart() }

// Signal sends the server a signal. Whatever that does, Stop ends it.
func (s *Server) Signal(which os.Signal) error { return s.signal(which) }

// Environment is what lets a program in as the server's account.
func Environment() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
}

// Set sets Environment for this test.
func Set(t *testing.T) {
	for _, setting := range Environment() {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
}

var toolPath = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	find := exec.Command("go", "tool", "-modfile=.ci/tools.mod", "-n", "versitygw")
	find.Dir = filepath.Dir(strings.TrimSpace(string(root)))
	find.Env = append(os.Environ(), "CGO_ENABLED=0")
	path, err := find.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go tool -n versitygw: %w: %s", err, path)
	}
	lines := strings.Split(strings.TrimSpace(string(path)), "\n")
	return lines[len(lines)-1], nil
})

// tool builds the server and returns its path.
func tool(t testing.TB) string {
	t.Helper()
	path, err := toolPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the server until stop is called, once it answers.
func run(t testing.TB, s *Server, program string) (stop func()) {
	t.Helper()
	cmd := exec.Command(program, "--port", s.Address, "--access", AccessKey, "--secret", SecretKey, "--region", Region,
		"--health", "/health", "--keep-alive", "--quiet", "posix", s.Folder)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.signal = cmd.Process.Signal
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("versitygw said:\n%s", said.String())
		}
	})
	if err := await(s.Address, ended); err != nil {
		stop()
		t.Fatalf("versitygw does not answer: %v\n%s", err, said.String())
	}
	return stop
}

// await waits until the server answers.
func await(address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err == nil {
			return answer.Body.Close()
		}
		select {
		case <-ended:
			return fmt.Errorf("it has ended: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
