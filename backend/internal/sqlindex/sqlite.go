package sqlindex

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is where the two databases differ.
type dialect struct {
	goose        goose.Dialect
	migrations   string         // folder
	putObject    string         // key, blob, size, type, created, modified, checksum
	firstSetting string         // capacity, policy, generation
	claimAnswer  string         // a row of answers unless there is one: id, expires, answer, claim
	takeUpload   string         // the next turn of an upload, or its first: id, expires, state
	addLogin     string         // a row of logins unless there is one: loginColumns
	putToken     string         // a row of commits: token, time; "" where none is needed
	forShare     string         // keeps the rows that a SELECT in a writing transaction reads from changing
	forUpdate    string         // locks the rows that a SELECT in a writing transaction reads
	snapshot     *sql.TxOptions // of a transaction that sees one moment
	useIndex     string         // makes a SELECT go along an index
	total        string         // how many objects there are
	addTotal     string         // changes that number: by, slot; "" where triggers do
	search       string         // the ids of the keys that contain a phrase of trigrams; "" where nothing knows
	byID         string         // makes a SELECT find rows by their ids
	triggers     bool           // the database itself keeps what is kept beside the rows
	partBytes    int            // the length of the parts of keys
	// withPart is a query for the ids of keys with a part, and its arguments.
	withPart func(part string) (string, []any)
	// What goes around the removal of every object.
	beforeDeleteAll, afterDeleteAll []string
	// contains is the condition that a key contains the needle, ASCII
	// letters in either case, and the condition's argument.
	contains func(needle string) (string, any)
	// clock is the time of the database in Unix milliseconds.
	clock string
}

const (
	insertObject = `INSERT INTO objects (object_key, blob_id, size, content_type, created, modified, checksum, version)
VALUES (?, ?, ?, ?, ?, ?, ?, 1) `
	insertSetting = `INSERT INTO settings (id, capacity, policy, generation) VALUES (1, ?, ?, ?) `
	insertClaim   = `INSERT INTO answers (id, expires, answer, claim) VALUES (?, ?, ?, ?) `
)

var sqliteDialect = dialect{
	goose:      goose.DialectSQLite3,
	migrations: "migrations/sqlite",
	putObject: insertObject + `ON CONFLICT (object_key) DO UPDATE SET blob_id = excluded.blob_id, size = excluded.size,
content_type = excluded.content_type, modified = excluded.modified, checksum = excluded.checksum, version = version + 1`,
	firstSetting: insertSetting + `ON CONFLICT DO NOTHING`,
	claimAnswer:  insertClaim + `ON CONFLICT DO NOTHING`,
	takeUpload:   insertUpload + `ON CONFLICT (id) DO UPDATE SET turn = uploads.turn + 1, expires = excluded.expires`,
	addLogin:     "INSERT " + insertLogin + `ON CONFLICT DO NOTHING`,
	snapshot:     &sql.TxOptions{ReadOnly: true},
	useIndex:     " INDEXED BY %s",
	total:        "SELECT objects FROM totals",
	search:       "SELECT rowid FROM objects_search WHERE objects_search MATCH ?",
	triggers:     true, partBytes: 2, withPart: sqliteWithPart,
	// One by one they would leave the index of trigrams far more slowly.
	beforeDeleteAll: []string{"UPDATE totals SET bulk = 1"},
	afterDeleteAll: []string{
		"INSERT INTO objects_search (objects_search) VALUES ('delete-all')",
		"INSERT INTO key_parts (key_parts) VALUES ('delete-all')",
		"UPDATE totals SET objects = 0, bulk = 0",
	},
	contains: sqliteContains,
	clock:    "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
}

// sqliteContains relies on LIKE folding ASCII letters only, as SQLite documents
// it; it is several times as fast as instr on a lowered copy. SQLite's LIKE does
// not look into blobs, hence the cast, which changes no byte of a UTF-8 key.
func sqliteContains(needle string) (string, any) {
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(needle)
	return `CAST(object_key AS TEXT) LIKE ? ESCAPE '\'`, "%" + escaped + "%"
}

// openSQLite opens the file of c; the connections are made when needed.
func (c Config) openSQLite() (*DB, error) {
	driver, path := cmp.Or(c.sqliteDriver, "sqlite"), c.SQLitePath
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("create the SQLite file: %w", err)
	}
	read := sqliteURI(path, "deferred", "query_only(1)")
	var pools []*sql.DB // the writer, the reader and the finder
	readers := max(4, runtime.GOMAXPROCS(0))
	for _, p := range []struct {
		uri   string
		conns int
	}{{sqliteURI(path, "immediate"), 1}, {read, readers}, {read, readers}} {
		pool, err := sql.Open(driver, p.uri)
		if err != nil {
			err = fmt.Errorf("open the SQLite file %s: %w", path, err)
			for _, pool := range pools {
				err = errors.Join(err, pool.Close())
			}
			return nil, err
		}
		limitConns(pool, p.conns)
		pools = append(pools, pool)
	}
	return c.newDB("SQLite "+path, sqliteDialect, pools[0], pools[1], pools[2]), nil
}

// checkFile reads the whole file and fails if it is damaged: what a damaged
// database answers, or writes, may be anything.
func (db *DB) checkFile(ctx context.Context) error {
	rows, err := db.reader.QueryContext(ctx, "PRAGMA quick_check(3)")
	if err != nil {
		return explainDamage(err)
	}
	defer rows.Close()
	var found []error
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if line != "ok" {
			found = append(found, errors.New(line))
		}
	}
	if len(found) > 0 {
		return damageError(errors.Join(found...))
	}
	return explainDamage(rows.Err())
}

// explainDamage explains err if it says that the file is damaged.
func explainDamage(err error) error {
	if code := sqliteCode(err); code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB {
		return damageError(err)
	}
	return err
}

func damageError(found error) error {
	return fmt.Errorf("the file is damaged, and nothing was changed in it (%w): move the data folder away and make it anew from a backup "+
		"with \"memcache-backend restore\"; without one, what is readable can be saved with the command .recover of the program sqlite3", found)
}

// limitConns bounds the pool to n connections. They are to a file, so none
// grows stale: they live as long as the pool.
func limitConns(pool *sql.DB, n int) {
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	pool.SetConnMaxLifetime(0)
}

// createPrivate makes an empty file at path that only its owner can read, if
// there is none; SQLite gives its side files the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// sqliteURI addresses the file at path, whatever characters it has.
func sqliteURI(path, lock string, more ...string) string {
	pragmas := append([]string{
		"busy_timeout(10000)", // first: the next one may have to wait. The context ends it earlier.
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"journal_size_limit(67108864)",
		"cache_size(-16384)", // KiB a connection: the keys of 100,000 objects, so that a search stays in memory
	}, more...)
	q := url.Values{"_txlock": {lock}, "_pragma": pragmas}
	p := (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	return "file:" + p + "?" + q.Encode()
}
