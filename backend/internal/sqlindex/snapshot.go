package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// snapshotPage is how many rows of a snapshot are in memory at once.
const snapshotPage = 500

// Snapshot is the database as it was at one moment, while others write.
type Snapshot struct {
	ctx context.Context // of the transaction
	tx  *sql.Tx
}

// StoredSample is a row of the statistics: what a cache node or a backend did up to Time, as
// recorded (Span 0) or in the minute before (60).
type StoredSample struct {
	Node string `json:"node"`
	Span int    `json:"span"`
	api.Sample
}

// OpenExisting opens a database that is there, to read it as it is: unlike Open
// it makes and changes nothing, and it refuses tables of another version.
func OpenExisting(ctx context.Context, c Config) (*DB, error) {
	db, err := c.connectExisting()
	if err != nil {
		return nil, err
	}
	if c.SQLitePath != "" {
		err = db.checkFile(ctx)
	}
	if err == nil {
		err = db.checkVersion(ctx)
	}
	if err == nil {
		err = db.checkWhole(ctx, c.Receives)
	}
	if err != nil {
		return nil, errors.Join(db.fail(ctx, "open", err), db.Close())
	}
	return db, nil
}

func (c Config) connectExisting() (*DB, error) {
	if c.DSN != "" {
		conf, err := mysqlConfig(c.DSN, c.Log)
		if err != nil {
			return nil, err
		}
		return c.newMySQL(conf)
	}
	if _, err := os.Stat(c.SQLitePath); err != nil {
		return nil, fmt.Errorf("open the SQLite file: %w", err)
	}
	return c.openSQLite()
}

// checkVersion fails unless the tables are of the version that this program makes.
func (db *DB) checkVersion(ctx context.Context) error {
	var found sql.NullInt64
	err := db.reader.QueryRowContext(ctx, "SELECT MAX(version_id) FROM "+versionTable).Scan(&found)
	if err != nil {
		return fmt.Errorf("read the version of the tables: %w", err)
	}
	known, err := newestMigration(db.dialect.migrations)
	if err != nil {
		return err
	}
	if found.Int64 != known {
		return fmt.Errorf("its tables have version %d, but those of this program have %d: use the program that the server runs", found.Int64, known)
	}
	return nil
}

// newestMigration is the number of the last migration in a folder.
func newestMigration(folder string) (int64, error) {
	names, err := fs.Glob(migrations, folder+"/*.sql")
	if err != nil || len(names) == 0 {
		return 0, errors.Join(err, fmt.Errorf("no migrations in %s", folder))
	}
	number, _, _ := strings.Cut(path.Base(names[len(names)-1]), "_")
	return strconv.ParseInt(number, 10, 64)
}

// Snapshot calls fn with the database as it is now; what is written meanwhile
// does not show. It may take as long as ctx lasts.
func (db *DB) Snapshot(ctx context.Context, fn func(*Snapshot) error) error {
	err := inTx(ctx, db.reader, db.dialect.snapshot, func(ctx context.Context, tx *sql.Tx) error {
		// The first statement fixes the moment.
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM settings"); err != nil {
			return err
		}
		return fn(&Snapshot{ctx, tx})
	})
	return db.fail(ctx, "read a snapshot", err)
}

// Settings returns the settings.
func (s *Snapshot) Settings() (Settings, error) {
	var settings Settings
	err := s.tx.QueryRowContext(s.ctx, settingsQuery).Scan(&settings.Capacity, &settings.Policy, &settings.Generation)
	return settings, err
}

// Blobs calls yield with the blobs that rows name, each once, page by page.
func (s *Snapshot) Blobs(yield func(ids []string) error) error {
	after := ""
	return pages(func() ([]string, error) {
		return collect(s, scanID, "SELECT DISTINCT blob_id FROM objects WHERE blob_id > ? ORDER BY blob_id LIMIT ?", after, snapshotPage)
	}, func(page []string) error {
		after = page[len(page)-1]
		return yield(page)
	})
}

// Objects calls yield with the rows in the order of their keys, page by page.
func (s *Snapshot) Objects(yield func([]storage.Object) error) error {
	after := ""
	return pages(func() ([]storage.Object, error) {
		return collect(s, scanObject,
			"SELECT "+objectColumns+" FROM objects WHERE object_key > ? ORDER BY object_key LIMIT ?", []byte(after), snapshotPage)
	}, func(page []storage.Object) error {
		after = page[len(page)-1].Key
		return yield(page)
	})
}

// Samples calls yield with the statistics, the oldest first, page by page.
func (s *Snapshot) Samples(yield func([]StoredSample) error) error {
	last := StoredSample{Sample: api.Sample{Time: -1}}
	return pages(func() ([]StoredSample, error) {
		return collect(s, scanSample, "SELECT "+sampleColumns+" FROM samples WHERE time_ms >= ? AND (time_ms > ? OR node > ? OR node = ? AND span > ?) ORDER BY time_ms, node, span LIMIT ?",
			last.Time, last.Time, last.Node, last.Node, last.Span, snapshotPage)
	}, func(page []StoredSample) error {
		last = page[len(page)-1]
		return yield(page)
	})
}

// pages calls yield with what next returns, until that is nothing.
func pages[T any](next func() ([]T, error), yield func([]T) error) error {
	for {
		page, err := next()
		if err != nil || len(page) == 0 {
			return err
		}
		if err := yield(page); err != nil {
			return err
		}
	}
}

// collect returns the rows of a query.
func collect[T any](s *Snapshot, scan func(func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	return queryAll(s.ctx, s.tx, scan, query, args...)
}

// queryAll returns the rows of a query in a transaction.
func queryAll[T any](ctx context.Context, tx *sql.Tx, scan func(func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		row, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func scanID(scan func(...any) error) (id string, err error) {
	err = scan(&id)
	return id, err
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}
