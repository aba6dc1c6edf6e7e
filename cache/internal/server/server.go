// Package server speaks memcached's protocol over connections: it accepts them,
// limits them, reads requests, asks the store, and sends the answers.
//
// A few event loops share the connections. Requests that arrive together are
// answered together: answers are gathered until no whole request is left, and
// leave with one system call, long values straight from the store's memory. A
// connection has bounded memory, whatever its client does, and while it waits
// hardly any.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"memcache/cache/internal/store"
	"memcache/cache/internal/tap"
)

// Config is what a server needs.
type Config struct {
	Store    *store.Store
	Tap      *tap.Tap // the Store's, to run; nil for no curves and no recordings
	Log      *slog.Logger
	Level    *slog.LevelVar // what the verbosity command sets; may be nil
	MaxConns int
	Threads  int           // event loops; 0 is one a processor, at most 4
	Idle     time.Duration // a connection without a request for so long is closed; 0 for never
	Stall    time.Duration // so is one that makes no progress inside a request or an answer; 0 is a minute
	Version  string        // answer to version
	Shutdown func()        // ends the server when a client says shutdown, by ending Serve's context; nil refuses it
	Settings []Setting     // for stats settings, beside those that the server knows
}

// Setting is a name and a value for stats settings.
type Setting struct{ Name, Value string }

const (
	maintainEvery = time.Second
	// grace is how long connections may take to end what they are doing.
	grace = 2 * time.Second
)

// defaultThreads is the most event loops that a server has without being told.
const defaultThreads = 4

// Server serves one store. Make one with New.
type Server struct {
	Config
	idle, stall time.Duration
	start       time.Time
	threads     int
	loops       []*loop
	serving     sync.WaitGroup // loops, and what their connections do aside

	connections        atomic.Int64 // now
	accepted, rejected atomic.Int64
}

// New returns a server that is not serving yet.
func New(c Config) *Server {
	s := &Server{Config: c, idle: c.Idle, stall: c.Stall, start: time.Now(), threads: c.Threads}
	if s.stall == 0 {
		s.stall = time.Minute
	}
	if s.threads == 0 {
		s.threads = min(runtime.GOMAXPROCS(0), defaultThreads)
	}
	return s
}

func (s *Server) uptime() time.Duration { return time.Since(s.start) }

// Threads returns how many event loops there will be. Where GOMAXPROCS is above
// that when Serve begins, a loop that waits keeps its processor for a
// millisecond, which saves a tenth of the CPU time when requests come one by one.
func (s *Server) Threads() int { return s.threads }

// Serve accepts connections on the listeners, which are of this package or of
// package net, until ctx ends or one of them fails. Then it closes the
// listeners, lets every connection finish the request that it is at, and
// returns when all have ended.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	closeAll := func() (err error) {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		return err
	}
	if err := s.startLoops(); err != nil {
		return errors.Join(err, closeAll())
	}
	failed := make(chan error, len(listeners))
	var accepting sync.WaitGroup
	for _, l := range listeners {
		accepting.Go(func() { failed <- s.accept(ctx, l) })
	}
	accepting.Go(func() { s.maintain(ctx) })
	if s.Tap != nil {
		accepting.Go(func() { s.Tap.Run(ctx, s.Store) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	err = errors.Join(err, closeAll())
	accepting.Wait()
	return errors.Join(err, s.endLoops())
}

func (s *Server) startLoops() error {
	for range s.threads {
		l, err := newLoop(s)
		if err != nil {
			return errors.Join(fmt.Errorf("no event loop can be made: %w", err), s.closeLoops())
		}
		s.loops = append(s.loops, l)
	}
	for _, l := range s.loops {
		s.serving.Go(l.run)
	}
	return nil
}

// endLoops ends the loops: connections may take until the grace is over.
func (s *Server) endLoops() error {
	by := s.uptime() + grace
	for _, l := range s.loops {
		l.inbox.Do(func() { l.end(by) })
	}
	s.serving.Wait()
	return s.closeLoops()
}

func (s *Server) closeLoops() error {
	var errs []error
	for _, l := range s.loops {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
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
