package sqlindex

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations
var migrations embed.FS

// versionTable is goose's record of the migrations that were applied.
const versionTable = "goose_db_version"

// migrate brings the tables up to date.
func (db *DB) migrate(ctx context.Context, log *slog.Logger) error {
	unlock, err := db.lockMigrations(ctx)
	if err != nil {
		return err
	}
	err = db.applyMigrations(ctx, log)
	return errors.Join(err, unlock())
}

func (db *DB) applyMigrations(ctx context.Context, log *slog.Logger) error {
	if err := db.repairVersions(ctx); err != nil {
		return err
	}
	folder, err := fs.Sub(migrations, db.dialect.migrations)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(db.dialect.goose, db.writer, folder,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return err
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	if current > known {
		return fmt.Errorf("its tables have version %d, but this program knows only up to %d: "+
			"start the newer program that changed them, or give this one another database", current, known)
	}
	_, err = p.Up(ctx)
	if n := mysqlNumber(err); n == mysqlDuplicateIndex || n == mysqlDuplicateColumn {
		// The server went on with the change of a start that was killed, and
		// made it after this one had looked for it.
		_, err = p.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// repairVersions adds the first row to goose's table where a start was killed
// between creating the one (which MySQL commits at once) and adding the other.
func (db *DB) repairVersions(ctx context.Context) error {
	store, err := database.NewStore(db.dialect.goose, versionTable)
	if err != nil {
		return err
	}
	_, err = store.GetLatestVersion(ctx, db.writer)
	if !errors.Is(err, database.ErrVersionNotFound) {
		return nil // there is a version or no table yet; any other trouble goose meets too
	}
	return store.Insert(ctx, db.writer, database.InsertRequest{Version: 0})
}

// lockMigrations keeps other backends from migrating the same MySQL server at
// the same time. A SQLite file has one backend.
func (db *DB) lockMigrations(ctx context.Context) (unlock func() error, err error) {
	if db.dialect.goose != goose.DialectMySQL {
		return func() error { return nil }, nil
	}
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK('memcache migrations', 30)").Scan(&got)
	if err == nil && got.Int64 != 1 {
		err = errors.New("another backend has been changing the tables for 30 s: wait for it, then start again")
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error { return releaseMigrations(conn) }, nil
}

// releaseMigrations has a deadline of its own: the lock must go also when the
// start was cancelled.
func releaseMigrations(conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK('memcache migrations')")
	return errors.Join(err, conn.Close())
}
