// Command memcache-cache is the cache process: it keeps objects in memory within
// a capacity and speaks memcached's text protocol over a unix socket or TCP.
//
// Start reading in internal/server, which carries out the protocol, and
// internal/store, which keeps the items; policy holds the replacement policies.
// The command sim replays a trace over them: see simulate.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"memcache/cache/internal/server"
	"memcache/cache/internal/store"
	"memcache/cache/internal/tap"
	"memcache/shared/release"
)

// protocolVersion is the memcached whose protocol this is. It begins the answer
// to the version command, which clients parse as three numbers.
const protocolVersion = "1.6.18"

// gcPercent is how much the heap may grow between two collections, in percent.
// Values are not on it: what it holds is part of the promise about memory, and
// has no pointers to follow, so that collecting it often costs little.
const gcPercent = 20

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "memcache-cache:", err)
		os.Exit(1)
	}
}

// run is the whole program. It returns nil when ctx ends it.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "sim" {
		return simulate(ctx, args[1:], stdin, stdout, stderr)
	}
	c, err := parseConfig(args, getenv)
	switch {
	case err != nil:
		return err
	case c.help:
		_, err = io.WriteString(stdout, usage)
		return err
	case c.showVersion:
		_, err = fmt.Fprintln(stdout, release.Text("memcache-cache"))
		return err
	}
	level := new(slog.LevelVar)
	if c.verbose {
		level.Set(slog.LevelDebug)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	return serve(ctx, c, log, level)
}

func serve(ctx context.Context, c config, log *slog.Logger, level *slog.LevelVar) (err error) {
	started := time.Now()
	var t *tap.Tap
	if c.curves {
		var err error
		if t, err = tap.New(tap.Config{Capacity: c.capacity, Seed: uint64(started.UnixNano())}); err != nil {
			return err
		}
	}
	s, err := store.New(store.Config{
		Tap:      t,
		Capacity: c.capacity, ItemLimit: c.itemLimit, Policy: c.policy, Seed: uint64(started.UnixNano()),
		// Above those of any earlier process, until it stores four thousand million
		// values a second.
		FirstCAS: uint64(started.Unix()) << 32,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listeners, err := c.listen()
	if err != nil {
		return err
	}
	for _, l := range listeners {
		log.Info("listening", "address", l.Addr().String())
	}
	config := server.Config{
		Store: s, Tap: t, Log: log, Level: level, MaxConns: c.maxConns, Threads: c.threads, Idle: c.idle,
		Version:  protocolVersion + "-memcache-" + release.Version(),
		Settings: c.settings(),
	}
	if c.shutdown {
		config.Shutdown = cancel
	}
	srv := server.New(config)
	// One for what is not carried out in the event loops: see Threads.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), srv.Threads()+1))
	log.Info("ready", "capacity_mb", c.capacity/mb, "policy", c.policy, "version", release.Version())
	err = srv.Serve(ctx, listeners...)
	log.Info("stopped")
	return err
}

// listen opens what the flags ask for, or nothing.
func (c config) listen() (all []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	if c.socket != "" {
		l, err := server.ListenUnix(c.socket, c.socketMode)
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	if c.port != 0 {
		l, err := net.Listen("tcp", net.JoinHostPort(c.address, strconv.Itoa(c.port)))
		if err != nil {
			return all, fmt.Errorf("cannot listen on TCP port %d: %w: free it, or choose another with -p", c.port, err)
		}
		all = append(all, l)
	}
	return all, nil
}
