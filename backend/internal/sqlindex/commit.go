package sqlindex

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

const (
	// lookupTimeout bounds the search for the outcome of a commit.
	lookupTimeout = 3 * time.Second
	lookupPause   = 50 * time.Millisecond
	// keepTokens is how long it can be looked up; nobody asks later.
	keepTokens = time.Hour
)

// errNotCommitted says that a transaction certainly changed nothing, so that it
// can be tried again.
var errNotCommitted = errors.New("the connection was lost before the commit")

// commitError is the failure of a commit: the outcome is in doubt.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }

func (e *commitError) Unwrap() error { return e.err }

// transact runs fn in a transaction that commits when fn returns nil. Where the
// connection is lost while it commits, it looks for the outcome: nil if it was
// committed, errNotCommitted if it was not and ctx still lasts. That is also what
// a connection lost before the commit gives.
func (db *DB) transact(ctx context.Context, fn func(context.Context, *sql.Tx) error) error {
	if db.dialect.putToken == "" {
		return inTx(ctx, db.writer, nil, fn)
	}
	token := []byte(rand.Text()[:16])
	err := inTx(ctx, db.writer, nil, func(ctx context.Context, tx *sql.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, db.dialect.putToken, token, time.Now().UnixMilli())
		return err
	})
	_, doubtful := errors.AsType[*commitError](err)
	switch {
	case !doubtful && lost(err) && ctx.Err() == nil:
		// An idle connection may have died unnoticed, or its server takes no writes any more.
		return fmt.Errorf("%w: %w", errNotCommitted, err)
	case !doubtful || mysqlNumber(err) != 0 && !lost(err):
		return err // the server itself refused
	}
	done, lookupErr := db.outcome(ctx, token)
	switch {
	case lookupErr != nil:
		return api.Errorf(api.Unavailable, "the database did not say whether the change was made: see what is there before you try again").
			Because(errors.Join(storage.ErrInDoubt, err, lookupErr))
	case done:
		return nil
	case ctx.Err() != nil:
		return err
	}
	return fmt.Errorf("%w: %w", errNotCommitted, err)
}

// lost tells whether the connection is what failed.
func lost(err error) bool {
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn)
}

// outcome tells whether the transaction with the token was committed. It has
// time of its own, because ctx may have ended, and outlasts a short failure.
func (db *DB) outcome(ctx context.Context, token []byte) (committed bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	tick := time.NewTicker(lookupPause)
	defer tick.Stop()
	for {
		// The lock makes it wait where the server has not decided yet.
		var one int
		err = db.reader.QueryRowContext(ctx, "SELECT 1 FROM commits WHERE token = ? LOCK IN SHARE MODE", token).Scan(&one)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, sql.ErrNoRows):
			return false, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, err
		}
	}
}

// pruneTokens deletes the tokens that nobody looks for any more.
func (db *DB) pruneTokens(ctx context.Context, now time.Time) error {
	if db.dialect.putToken == "" {
		return nil
	}
	for {
		result, err := db.writer.ExecContext(ctx, "DELETE FROM commits WHERE time_ms < ? ORDER BY time_ms LIMIT 1000", now.Add(-keepTokens).UnixMilli())
		if err != nil {
			return db.fail(ctx, "delete old tokens", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
	}
}
