package mariadbtest

import (
	"errors"
	"os"
	"testing"
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
