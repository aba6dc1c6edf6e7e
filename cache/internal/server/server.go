// Package server speaks memcached's protocol over connections: it accepts them,
// limits them, reads requests, asks the store, and sends the answers.
//
// Requests that arrive together are answered together: answers are gathered
// until no whole request is left to read, and leave with one writev, long values
// straight from the store's memory. A connection has one goroutine and bounded
// memory, whatever its client does.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"memcache/cache/internal/store"
)

// Config is what a server needs.
type Config struct {
	Store    *store.Store
	Log      *slog.Logger
	Level    *slog.LevelVar // what the verbosity command sets; may be nil
	MaxConns int
	Idle     time.Duration // a connection without a request for so long is closed; 0 for never
	Stall    time.Duration // so is one that makes no progress inside a request or an answer; 0 is a minute
	Version  string        // answer to version
	Settings []Setting     // for stats settings, beside those that the server knows
}

// Setting is a name and a value for stats settings.
type Setting struct{ Name, Value string }

const (
	maintainEvery = time.Second
	// grace is how long connections may take to end what they are doing.
	grace = 2 * time.Second
)

// Server serves one store. Make one with New.
type Server struct {
	Config
	idle, stall time.Duration
	start       time.Time
	buffers     sync.Pool // of *[outSize]byte

	mu      sync.Mutex
	conns   map[*conn]struct{}
	serving sync.WaitGroup // connections
	closing atomic.Bool

	accepted, rejected       atomic.Int64
	bytesRead, bytesWritten  atomic.Int64
	metaCommands, badRequest atomic.Int64
}

// New returns a server that is not serving yet.
func New(c Config) *Server {
	s := &Server{Config: c, idle: c.Idle, stall: c.Stall, start: time.Now(), conns: make(map[*conn]struct{})}
	if s.stall == 0 {
		s.stall = time.Minute
	}
	s.buffers.New = func() any { return new([outSize]byte) }
	return s
}

// Serve accepts connections on the listeners until ctx ends or one of them
// fails. Then it closes the listeners, lets every connection finish the
// request that it is at, and returns when all have ended.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, len(listeners))
	var loops sync.WaitGroup
	for _, l := range listeners {
		loops.Go(func() { failed <- s.accept(ctx, l) })
	}
	loops.Go(func() { s.maintain(ctx) })
	var errs []error
	select {
	case <-ctx.Done():
	case err := <-failed:
		errs = append(errs, err)
	}
	cancel()
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	loops.Wait()
	s.endConns()
	return errors.Join(errs...)
}

// accept takes connections until the listener is closed. A shortage, as of file
// descriptors, is waited out.
func (s *Server) accept(ctx context.Context, l net.Listener) error {
	wait := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			s.welcome(nc)
		case ctx.Err() != nil:
			return nil
		case !passing(err):
			return err
		default:
			s.Log.Warn("no connection can be accepted for now", "error", err, "wait", wait)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			wait = min(2*wait, time.Second)
		}
	}
}

func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// welcome serves a connection, or refuses it plainly when there are too many.
func (s *Server) welcome(nc net.Conn) {
	c := newConn(s, nc)
	if !s.register(c) {
		s.rejected.Add(1)
		s.Log.Warn("a connection is refused: the limit is reached", "limit", s.MaxConns)
		if err := nc.SetWriteDeadline(time.Now().Add(time.Second)); err == nil {
			_, _ = nc.Write([]byte("ERROR Too many open connections\r\n")) // it may be gone already
		}
		_ = nc.Close()
		return
	}
	s.accepted.Add(1)
	s.serving.Go(func() {
		defer s.unregister(c)
		c.serve()
	})
}

func (s *Server) register(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.MaxConns {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) unregister(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *Server) eachConn(do func(c *conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		do(c)
	}
}

func (s *Server) connCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// endConns wakes every connection that waits for its client, and closes those
// that are still busy after the grace.
func (s *Server) endConns() {
	s.closing.Store(true)
	s.eachConn(func(c *conn) { _ = c.nc.SetReadDeadline(time.Unix(1, 0)) }) // fails only on a closed one
	late := time.AfterFunc(grace, func() { s.eachConn(func(c *conn) { _ = c.nc.Close() }) })
	defer late.Stop()
	s.serving.Wait()
}

func (s *Server) maintain(ctx context.Context) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.Store.Maintain(); err != nil {
				s.Log.Error("unused memory cannot be given back", "error", err)
			}
		}
	}
}
