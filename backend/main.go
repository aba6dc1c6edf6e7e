// Command memcache-backend serves MemCache: the app, its WebSocket and its HTTP
// API, in front of the cache process, the file store and the database.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"memcache/shared/release"
)

// gcPercent lets the garbage grow to four times what is in use, which is little,
// between two collections; each of these also empties the pools of buffers. GOGC
// in the environment comes first.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, errReported) {
			_, _ = fmt.Fprintln(os.Stderr, "memcache-backend:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	cfg, err := parseConfig(args, getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if cfg.version {
		_, err := fmt.Fprintln(stdout, release.Text("memcache-backend"))
		return err
	}
	log := newLog(stderr, cfg.logLevel)
	switch cfg.command {
	case commandBackup:
		return makeBackup(ctx, cfg, log, stdout, stderr)
	case commandRestore:
		return restoreBackup(ctx, cfg, log, stdin, stderr)
	case commandCopy:
		return copyAll(ctx, cfg, log, stderr)
	case commandLogin:
		return printLink(ctx, cfg, log, stdout)
	case commandService:
		return writeService(cfg, getenv)
	}
	app, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "MemCache listens on %s\n%s", app.address(), app.firstLogin(ctx, cfg, getenv)); err != nil {
		return errors.Join(err, app.close())
	}
	return errors.Join(app.serve(ctx, told(stdout, cfg.publicAddress(app.address()), log)), app.close())
}
