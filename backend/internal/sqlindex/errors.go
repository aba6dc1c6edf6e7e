package sqlindex

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// The error numbers of MySQL that are told apart.
const (
	mysqlTooManyConnections = 1040
	mysqlUnknownDatabase    = 1049
	mysqlDuplicateColumn    = 1060
	mysqlDuplicateIndex     = 1061
	mysqlShuttingDown       = 1053
	mysqlTableFull          = 1114
	mysqlDiskFull           = 1021
	mysqlLockWaitTimeout    = 1205
	mysqlDeadlock           = 1213
)

// maxAttempts bounds how often a transaction is tried that MySQL rolls back
// because of others; dozens of writers of one new key need more than a few.
const maxAttempts = 20

// retryConflicts runs attempt until it is not the victim of a deadlock, nor of a
// connection lost before the commit. Such a victim has changed nothing, so that running it again is safe.
func retryConflicts(ctx context.Context, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if !isConflict(err) || n == maxAttempts {
			return err
		}
		// A random wait, or the same transactions meet again.
		pause := time.NewTimer(rand.N(time.Duration(n) * 2 * time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// isConflict tells whether a transaction changed nothing and is worth trying again.
func isConflict(err error) bool {
	n := mysqlNumber(err)
	return n == mysqlDeadlock || n == mysqlLockWaitTimeout || errors.Is(err, errNotCommitted)
}

// mysqlNumber returns the number of the MySQL error in err's chain, or 0.
func mysqlNumber(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// fail gives a failed operation its context and, where a caller can act on it,
// its code. ctx is the caller's.
func (db *DB) fail(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*api.Error](err); ok || errors.Is(err, fs.ErrNotExist) || errors.Is(err, storage.ErrFenced) {
		return err
	}
	err = fmt.Errorf("%s: %s: %w", db.name, op, err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return err // the caller went away: the database is not to blame
	case isFull(err):
		return api.Errorf(api.Full, "the database has no room left: free some disk space and try again").Because(err)
	case isUnreachable(err):
		return api.Errorf(api.Unavailable, "the database does not answer: try again in a moment").Because(err)
	}
	return err
}

func isFull(err error) bool {
	n := mysqlNumber(err)
	return sqliteCode(err) == sqlite3.SQLITE_FULL || n == mysqlTableFull || n == mysqlDiskFull
}

func isUnreachable(err error) bool {
	for _, target := range []error{
		context.DeadlineExceeded, driver.ErrBadConn, mysql.ErrInvalidConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF,
		errStarting, errNotCommitted,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	switch mysqlNumber(err) {
	case mysqlTooManyConnections, mysqlShuttingDown, mysqlLockWaitTimeout, mysqlDeadlock:
		return true
	}
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED || code == sqlite3.SQLITE_INTERRUPT
}

// sqliteCode returns the primary result code of the SQLite error in err's chain, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
