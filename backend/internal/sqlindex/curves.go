package sqlindex

import (
	"context"
	"database/sql"
	"time"
)

const putCurves = "REPLACE INTO curves (time_ms, node, curves) VALUES (?, ?, ?)"

// KeepCurves keeps the curves of a node at a time, in the place of any others.
func (db *DB) KeepCurves(ctx context.Context, node string, at time.Time, curves []byte) error {
	return db.write(ctx, defaultTimeout, "keep curves", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, putCurves, at.UnixMilli(), node, curves)
		return err
	})
}

// Curves yields the curves that were kept since, oldest first, and of one time by
// node. It ends with the first error.
func (db *DB) Curves(ctx context.Context, since time.Time, yield func(at time.Time, curves []byte) error) error {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	rows, err := db.reader.QueryContext(short, "SELECT time_ms, curves FROM curves WHERE time_ms > ? ORDER BY time_ms, node", since.UnixMilli())
	if err != nil {
		return db.fail(ctx, "read curves", err)
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		var curves []byte
		if err := rows.Scan(&at, &curves); err != nil {
			return db.fail(ctx, "read curves", err)
		}
		if err := yield(time.UnixMilli(at).UTC(), curves); err != nil {
			return err
		}
	}
	return db.fail(ctx, "read curves", rows.Err())
}

// pruneCurves deletes the curves that are older than samples may be.
func (db *DB) pruneCurves(ctx context.Context, now time.Time) error {
	return db.write(ctx, bulkTimeout, "delete old curves", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM curves WHERE time_ms <= ?", now.Add(-keepMinutes).UnixMilli())
		return err
	})
}
