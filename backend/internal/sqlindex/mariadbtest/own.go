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

// Start starts the server, which is down, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	running, err := launch(s.dir, "", "--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1")
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
