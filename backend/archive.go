package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"memcache/backend/internal/backup"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// The commands beside serving.
const (
	commandBackup  = "backup"
	commandRestore = "restore"
	commandCopy    = "copy"
	commandLogin   = "login"
	commandService = "service"
)

func (c config) index(log *slog.Logger) sqlindex.Config {
	return sqlindex.Config{
		SQLitePath: c.sqlitePath(), DSN: c.database, Connections: c.databaseConnections, Lifetime: c.databaseLifetime,
		Capacity: int64(c.capacity) * api.MB, Policy: c.policy, Store: storeName(c.store), Log: log,
	}
}

// makeBackup writes a backup of the data folder and the database to cfg.file; a
// server may use them meanwhile.
func makeBackup(ctx context.Context, cfg config, log *slog.Logger, stdout, stderr io.Writer) error {
	held, err := cfg.holdStore(ctx, log)
	if err != nil {
		return err
	}
	index, err := sqlindex.OpenExisting(ctx, cfg.index(log))
	if err != nil {
		return errors.Join(err, held.Close())
	}
	var summary backup.Summary
	err = toFile(cfg.file, stdout, func(w io.Writer) (err error) {
		summary, err = backup.Write(ctx, w, backup.Source{Index: index, Open: held.Open, Log: log})
		return err
	})
	if err == nil || errors.Is(err, backup.ErrIncomplete) {
		commandLine(log)("backup written", "file", cfg.file, "objects", summary.Objects)
		report(stderr, "backed up", summary)
	}
	return errors.Join(err, index.Close(), held.Close())
}

func report(w io.Writer, done string, s backup.Summary) {
	// It only informs: the exit status tells whether it went well.
	_, _ = fmt.Fprintf(w, "memcache-backend: %s %d objects with %s in %d blobs, and %d samples\n", done, s.Objects, api.FormatBytes(s.Bytes), s.Blobs, s.Samples)
}

// toFile has write fill the new file path, which appears when it is whole and
// durable; "-" is stdout.
func toFile(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "-" {
		return write(stdout)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("there is a file %s already: choose another name, or remove it", path))
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".partial-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing, when all went well
	written := write(f)
	err = errors.Join(f.Sync(), f.Close())
	if written != nil && !errors.Is(written, backup.ErrIncomplete) {
		return written
	}
	if err == nil {
		err = os.Link(f.Name(), path) // unlike a rename, it replaces nothing
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	return errors.Join(written, err)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// restoreBackup fills an empty data folder and database from cfg.file.
func restoreBackup(ctx context.Context, cfg config, log *slog.Logger, stdin io.Reader, stderr io.Writer) error {
	from := stdin
	if cfg.file != "-" {
		f, err := os.Open(cfg.file)
		if err != nil {
			return err
		}
		defer f.Close()
		from = f
	}
	blobs, err := cfg.openStore(ctx, log, nil)
	if err != nil {
		return err
	}
	index, err := sqlindex.Open(ctx, cfg.index(log))
	if err != nil {
		return errors.Join(err, blobs.Close())
	}
	err = checkEmpty(ctx, blobs, index)
	if err == nil {
		var summary backup.Summary
		if summary, err = backup.Read(ctx, from, backup.Target{Index: index, Blobs: blobs}); err == nil {
			commandLine(log)("backup restored", "file", cfg.file, "objects", summary.Objects)
			report(stderr, "restored", summary)
		}
	}
	return errors.Join(err, index.Close(), blobs.Close())
}

// checkEmpty refuses to mix a backup with what is there.
func checkEmpty(ctx context.Context, blobs blobStore, index *sqlindex.DB) error {
	page, err := index.List(ctx, api.ListQuery{Sort: api.SortKey, Limit: 1})
	if err != nil {
		return err
	}
	if len(page.Objects) > 0 {
		return fmt.Errorf("%s has objects already: restore into an empty one", index.Name())
	}
	has, err := blobs.HasBlobs(ctx)
	if err == nil && has {
		err = fmt.Errorf("%s has files of objects already: restore into an empty one", blobs)
	}
	return err
}

// command takes the command off args, "" if there is none.
func command(args []string) (string, []string) {
	if len(args) > 0 {
		switch args[0] {
		case commandBackup, commandRestore, commandCopy, commandLogin, commandService:
			return args[0], args[1:]
		}
	}
	return "", args
}

// checkFile checks what follows a command.
func (c config) checkFile(files []string) error {
	switch {
	case (c.command == "" || c.command == commandCopy) && len(files) > 0:
		return fmt.Errorf("there is no argument %q: -h lists the flags", files[0])
	case c.command == commandLogin && len(files) > 1:
		return fmt.Errorf("login takes the name of one account; it was given %d: %s", len(files), strings.Join(files, " "))
	case c.command == commandService && len(files) == 0:
		return errors.New("service takes a FOLDER; it was given none")
	case c.command == commandService && len(files) > 1:
		return fmt.Errorf("there is no argument %q: -h lists the flags", files[1])
	case (c.command == commandBackup || c.command == commandRestore) && len(files) != 1:
		return fmt.Errorf("%s takes one FILE, or - for %s; it was given %d: %s", c.command,
			map[string]string{commandBackup: "the standard output", commandRestore: "the standard input"}[c.command], len(files), strings.Join(files, " "))
	}
	return nil
}
