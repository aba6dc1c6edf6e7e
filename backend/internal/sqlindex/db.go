package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// The time an operation may take when its context has no deadline.
const (
	defaultTimeout = 5 * time.Second
	bulkTimeout    = time.Minute      // for what touches many rows
	openTimeout    = 15 * time.Minute // for the check and the migrations of a large database
)

// The pool of connections to MySQL, where nothing else is said: many enough for the
// uploads that a backend takes at once, and so that several backends fit the usual limit
// of a server, 151; and so short-lived that a proxy's servers are all used again.
const (
	DefaultConnections = 32
	DefaultLifetime    = 5 * time.Minute
)

// Config says which database to open. One of SQLitePath and DSN is set.
type Config struct {
	SQLitePath string // the file, created when missing; its folder exists
	DSN        string // a MySQL address: see CheckDSN

	// The settings of a fresh database.
	Capacity int64  // bytes
	Policy   string // a policy's name

	// The pool of connections to MySQL.
	Connections int           // at most; 0 for DefaultConnections
	Lifetime    time.Duration // of a connection; 0 for DefaultLifetime

	// Store is the name of the store that has the blobs: see [Moving]. Receives says that
	// a part of a copy is to be opened, too.
	Store    string
	Receives bool

	Log *slog.Logger

	sqliteDriver string // its name; "" for the real one. Tests watch its statements.
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	name    string // for messages: never with a password
	store   string // see [Config]
	dialect dialect
	writer  *sql.DB
	reader  *sql.DB // the same as writer on MySQL
	finder  *sql.DB // for one row by its key: lists must not keep it waiting; the same as writer on MySQL

	getObject statement

	primary *primary // nil on SQLite

	walking sync.Mutex // held by the one who prunes parts
	walked  place

	// Where MySQL did not answer at the start: whether it has since, and the
	// goroutine that goes on trying.
	ready      *atomic.Bool
	stopTrying context.CancelFunc
	trying     sync.WaitGroup

	// CountLimit and manyMatches; tests lower them.
	countLimit, manyMatches int64
}

func (c Config) newDB(name string, d dialect, writer, reader, finder *sql.DB) *DB {
	return &DB{
		name: name, store: c.Store, dialect: d, writer: writer, reader: reader, finder: finder, countLimit: CountLimit, manyMatches: manyMatches,
		getObject: statement{text: "SELECT " + objectColumns + " FROM objects WHERE object_key = ?"},
	}
}

var _ storage.Index = (*DB)(nil)

// Open opens the database, creates it and its tables when missing, and applies
// the migrations that are new. It fails within seconds, with an api.Error of
// code api.Unavailable, when MySQL does not answer: see [OpenOrRetry]. It refuses
// a database that a newer version of this program has changed, and a SQLite file
// that is damaged.
func Open(ctx context.Context, c Config) (*DB, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	ctx, cancel := withTimeout(ctx, openTimeout)
	defer cancel()
	db, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	if c.SQLitePath != "" {
		err = db.checkFile(ctx)
	}
	if err == nil {
		err = db.migrate(ctx, c.Log)
	}
	if err == nil {
		err = db.firstSettings(ctx, c.Capacity, c.Policy)
	}
	if err == nil {
		err = db.checkWhole(ctx, c.Receives)
	}
	if err != nil {
		return nil, errors.Join(db.fail(ctx, "open", err), db.Close())
	}
	return db, nil
}

func (c Config) check() error {
	switch {
	case (c.SQLitePath == "") == (c.DSN == ""):
		return errors.New("open the database: give either the path of a SQLite file or the address of a MySQL database")
	case c.Log == nil:
		return errors.New("open the database: no logger was given")
	}
	return checkSettings(c.Capacity, c.Policy)
}

func (c Config) connect(ctx context.Context) (*DB, error) {
	if c.DSN != "" {
		return openMySQL(ctx, c)
	}
	return c.openSQLite()
}

// Name describes the database for people, without its password.
func (db *DB) Name() string { return db.name }

// Ping checks that the database answers.
func (db *DB) Ping(ctx context.Context) error {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	var one int
	err := db.reader.QueryRowContext(short, "SELECT 1 FROM settings").Scan(&one)
	return db.fail(ctx, "ping", err)
}

// Close waits for the statements that run and closes all connections.
func (db *DB) Close() error {
	if db.stopTrying != nil {
		db.stopTrying()
		db.trying.Wait()
	}
	var err error
	if db.reader != db.writer {
		err = errors.Join(db.reader.Close(), db.finder.Close())
	}
	return errors.Join(err, db.writer.Close())
}

// write runs fn in a transaction that commits when fn returns nil. It may run
// fn again after a deadlock, or when the connection was lost before the commit.
func (db *DB) write(ctx context.Context, limit time.Duration, op string, fn func(context.Context, *sql.Tx) error) error {
	short, cancel := withTimeout(ctx, limit)
	defer cancel()
	err := retryConflicts(short, func() error {
		return db.transact(short, func(ctx context.Context, tx *sql.Tx) error {
			if err := db.checkFence(ctx, tx); err != nil {
				return err
			}
			return fn(ctx, tx)
		})
	})
	return db.fail(ctx, op, err)
}

// read runs fn on one snapshot of the database.
func (db *DB) read(ctx context.Context, op string, fn func(context.Context, *sql.Tx) error) error {
	return db.readFor(ctx, defaultTimeout, op, fn)
}

func (db *DB) readFor(ctx context.Context, limit time.Duration, op string, fn func(context.Context, *sql.Tx) error) error {
	short, cancel := withTimeout(ctx, limit)
	defer cancel()
	err := inTx(short, db.reader, &sql.TxOptions{ReadOnly: true}, fn)
	return db.fail(ctx, op, err)
}

func inTx(ctx context.Context, pool *sql.DB, opts *sql.TxOptions, fn func(context.Context, *sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(ctx, tx); err != nil {
		// The rollback's own failure adds nothing: the connection is dropped.
		_ = tx.Rollback()
		return err
	}
	switch err := tx.Commit(); {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil:
		return ctx.Err() // for which it was rolled back before
	default:
		return &commitError{err}
	}
}

// withTimeout gives ctx a deadline if it has none.
func withTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

func checkSettings(capacity int64, policy string) error {
	if capacity <= 0 {
		return api.Errorf(api.Invalid, "the capacity %d is not above 0 bytes: choose a larger one", capacity)
	}
	if policy == "" || len(policy) > 64 {
		return api.Errorf(api.Invalid, "the policy %q is not a name of 1 to 64 bytes: choose a known policy", policy)
	}
	return nil
}
