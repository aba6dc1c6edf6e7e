package mariadbtest

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a MariaDB of a test's own, which can be killed and started again.
// What it has committed stays.
type Server struct {
	t       testing.TB
	dir     string
	dsn     string
	running *server // nil while it is down
}

// Own makes a server that is down. The end of the test ends it and removes it.
func Own(t testing.TB) *Server {
	t.Helper()
	dir, err := install()
	if err != nil {
		t.Fatalf("make a MariaDB for the test: %v", err)
	}
	s := &Server{t: t, dir: dir, dsn: address("", socketIn(dir))}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// DSN is the address of a database that does not exist yet on the server.
func (s *Server) DSN() string { return s.dsn }

// Socket is where the server listens.
func (s *Server) Socket() string { return socketIn(s.dir) }

// Link opens a port that leads to the server.
func (s *Server) Link() (dsn string, _ *Link) {
	s.t.Helper()
	return openLink(s.t, socketIn(s.dir))
}

// ReadOnly makes the server refuse writes, or take them again. It must run.
func (s *Server) ReadOnly(on bool) {
	s.t.Helper()
	root, err := asRoot(socketIn(s.dir))
	if err != nil {
		s.t.Fatal(err)
	}
	defer root.Close()
	if _, err := root.ExecContext(s.t.Context(), "SET GLOBAL read_only = ?", on); err != nil {
		s.t.Fatalf("make MariaDB read-only: %v", err)
	}
}

// Start starts the server, which is down, with options of its command line, and waits
// until it answers.
func (s *Server) Start(options ...string) {
	s.t.Helper()
	running, err := launch(s.dir, "", append([]string{"--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"}, options...)...)
	if err != nil {
		s.t.Fatalf("start the test's MariaDB: %v", err)
	}
	s.running = running
}

// Signal sends the server, which runs, a signal.
func (s *Server) Signal(which syscall.Signal) {
	s.t.Helper()
	text, err := os.ReadFile(pidIn(s.dir))
	if err != nil {
		s.t.Fatalf("find the test's MariaDB: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil {
		err = syscall.Kill(pid, which)
	}
	if err != nil {
		s.t.Fatalf("signal %v to the test's MariaDB, process %q: %v", which, text, err)
	}
}

// Stop asks the server to end, and waits until it has.
func (s *Server) Stop() {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	for deadline := time.Now().Add(startLimit); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(pidIn(s.dir)); errors.Is(err, fs.ErrNotExist) { // it removes that at last
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the test's MariaDB has not ended within %v", startLimit)
		}
	}
	s.Kill()
}

// Kill ends the server as kill -9 does, if it runs.
func (s *Server) Kill() {
	s.t.Helper()
	if s.running == nil {
		return
	}
	err := s.running.hold.Close()
	if err = errors.Join(err, s.running.keeper.Wait()); err != nil {
		s.t.Errorf("kill the test's MariaDB: %v", err)
	}
	s.running = nil
}
