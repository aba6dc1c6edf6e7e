package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

const putPromise = "REPLACE INTO promises (time_ms, promise) VALUES (?, ?)"

// KeepPromise keeps what was foretold of a change of the settings at a time, in the
// place of any other.
func (db *DB) KeepPromise(ctx context.Context, at time.Time, promise []byte) error {
	return db.write(ctx, defaultTimeout, "keep a promise", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putPromise, at.UnixMilli(), promise)
		return err
	})
}

// Promise returns the promise that was kept last, nil without one.
func (db *DB) Promise(ctx context.Context) (promise []byte, err error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	row := db.reader.QueryRowContext(short, "SELECT promise FROM promises ORDER BY time_ms DESC LIMIT 1")
	if err = row.Scan(&promise); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return promise, db.fail(ctx, "read a promise", err)
}

// prunePromises deletes the promises that are older than samples may be.
func (db *DB) prunePromises(ctx context.Context, now time.Time) error {
	return db.write(ctx, bulkTimeout, "delete old promises", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM promises WHERE time_ms <= ?", now.Add(-keepMinutes).UnixMilli())
		return err
	})
}
