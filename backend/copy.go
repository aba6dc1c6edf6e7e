package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/move"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// copying is what the command copy is to do.
type copying struct {
	from, to places
	finish   bool
	reopen   bool
	verify   bool
	parallel int
}

const defaultCopies = 16

func (c *copying) flags(fs *flag.FlagSet) {
	fs.Var(&c.from, "from", "for copy: `places` to copy from, a folder, mysql://… and s3://…, separated by commas or given one by one; empty for -data, -database and -store")
	fs.Var(&c.to, "to", "for copy: `places` to copy to; a database or a store that is not named stays where it is")
	fs.BoolVar(&c.finish, "finish", false, "for copy: the last time: nothing can be changed at -from any more, and -to can be served")
	fs.BoolVar(&c.reopen, "reopen", false, "for copy: allow changes of -from anew, and copy nothing")
	fs.BoolVar(&c.verify, "verify", true, "for copy: read what was written once more, and compare its hash")
	fs.IntVar(&c.parallel, "parallel", defaultCopies, "for copy: `objects` to copy at once")
}

// checkCopying checks what only copy takes.
func (c config) checkCopying() error {
	switch {
	case c.command != commandCopy && (len(c.from.list)+len(c.to.list) > 0 || c.finish || c.reopen):
		return errors.New("-from, -to, -finish and -reopen are of the command copy: memcache-backend copy -to …")
	case c.command != commandCopy:
		return nil
	case c.parallel < 1 || c.parallel > 256:
		return fmt.Errorf("-parallel %d is not from 1 to 256", c.parallel)
	case c.reopen && (c.finish || len(c.to.list) > 0):
		return errors.New("-reopen is about -from alone: leave -to and -finish out")
	case c.reopen:
		_, err := c.source()
		return err
	}
	from, err := c.source()
	if err != nil {
		return err
	}
	_, err = c.target(from)
	return err
}

// source is what -from says, or the server's own flags.
func (c config) source() (place, error) {
	if len(c.from.list) > 0 {
		return readPlace("from", c.from.list, place{})
	}
	p, err := readPlace("data", []string{c.data}, place{})
	if c.database != "" && c.store != "" {
		p.data = ""
	}
	p.database, p.store = c.database, c.store
	return p, err
}

// target is what -to says, and else what -from does.
func (c config) target(from place) (place, error) {
	if len(c.to.list) == 0 {
		return place{}, errors.New("copy needs -to: a folder, mysql://… or s3://…")
	}
	to, err := readPlace("to", c.to.list, from)
	switch {
	case err != nil:
		return to, err
	case to.sameDatabase(from) && to.sameStore(from):
		return to, errors.New("-to is what -from is: there is nothing to copy")
	case to.sameDatabase(from) && to.files() && from.files():
		return to, errors.New("-from and -to have one database, and files in two folders: stop the server and move the folder instead")
	}
	return to, nil
}

// copyAll does one pass of copying from one place to another.
func copyAll(ctx context.Context, cfg config, log *slog.Logger, stderr io.Writer) (err error) {
	from, err := cfg.source()
	if err != nil {
		return err
	}
	if cfg.reopen {
		return reopen(ctx, from.of(cfg), log, stderr)
	}
	to, err := cfg.target(from)
	if err != nil {
		return err
	}
	source, closers, err := from.openSource(ctx, cfg, log)
	defer func() { err = errors.Join(err, closeAll(closers)) }()
	if err != nil {
		return err
	}
	target, more, err := to.openTarget(ctx, cfg, log, from, source)
	closers = append(closers, more...)
	if err != nil {
		return err
	}
	progress := &move.Progress{}
	stop := progress.Show(stderr, columns(stderr))
	result, err := move.Run(ctx, move.Config{
		From: source, To: target, Finish: cfg.finish, Trust: !cfg.verify, Parallel: cfg.parallel, Progress: progress, Log: log,
	})
	stop()
	if errors.Is(err, move.ErrFinished) {
		say(stderr, "%s was copied to %s before, which can be served", source.Name, target.Name)
		return nil
	}
	tellCopied(stderr, result)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: run the same again, and it goes on from here")
	case errors.Is(err, move.ErrIncomplete):
		return fmt.Errorf("%w: delete what is named above at -from, or store it anew there, and run the same again", err)
	case err != nil:
		return err
	}
	commandLine(log)("copied", "source", source.Name, "target", target.Name, "last", cfg.finish, "blobs", result.Copied, "objects", result.Objects)
	tellNext(stderr, cfg.finish, target.Index == source.Index)
	return nil
}

// say only informs: the exit status tells whether it went well.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "memcache-backend: "+format+"\n", args...)
}

// tellCopied says what was copied, and what could not be.
func tellCopied(w io.Writer, r move.Result) {
	text := fmt.Sprintf("copied %d blobs with %s; %d were there", r.Copied, api.FormatBytes(r.Bytes), r.Present)
	if r.Objects > 0 {
		text += fmt.Sprintf("; %d objects are there by now", r.Objects)
	}
	if later := r.Later - int64(len(r.Failed)); later > 0 {
		text += fmt.Sprintf("; %d were not, or were stored meanwhile", r.Later)
	}
	for _, f := range r.Failed {
		say(w, "not copied: %s: %v", quoted(f.Keys), f.Err)
	}
	say(w, "%s", text)
}

func quoted(keys []string) string {
	list := make([]string, len(keys))
	for i, key := range keys {
		list[i] = fmt.Sprintf("%q", key)
	}
	return strings.Join(list, ", ")
}

// tellNext says what is to be done after a pass.
func tellNext(w io.Writer, finished, rehoused bool) {
	switch {
	case !finished:
		say(w, "run the same again to copy what has changed since, and with -finish for the last time")
	case rehoused:
		say(w, "that is all: restart the servers with the new -store; only those that have it can change objects")
	default:
		say(w, "that is all: servers can be started on -to. Nothing can be changed at -from any more, which goes on answering reads (-reopen would undo that)")
	}
}

func reopen(ctx context.Context, cfg config, log *slog.Logger, stderr io.Writer) error {
	index, err := sqlindex.OpenExisting(ctx, cfg.index(log))
	if err != nil {
		return err
	}
	if err = index.Thaw(ctx); err == nil {
		commandLine(log)("changes allowed again", "database", index.Name())
		say(stderr, "%s can be changed again", index.Name())
	}
	return errors.Join(err, index.Close())
}

// closeAll closes in reverse order.
func closeAll(closers []io.Closer) error {
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i].Close())
	}
	return errors.Join(errs...)
}

// columns is how wide the terminal is; 0 for anything else.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return max(int(size.Col), 40)
}
