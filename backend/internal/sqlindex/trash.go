package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"memcache/backend/internal/storage"
)

// keepTrash is how long deleted rows, and with them their blobs, are kept at the
// least: longer than a deletion can be undone.
const keepTrash = time.Minute

// trashColumns are what is kept of a row.
const trashColumns = "object_key, blob_id, size, content_type, created, modified, version"

// Discard does as Delete, and keeps the row for Restore.
func (db *DB) Discard(ctx context.Context, key string, deleted time.Time) error {
	return db.write(ctx, defaultTimeout, "discard the row of an object", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "REPLACE INTO trash ("+trashColumns+", deleted) SELECT "+trashColumns+", ? FROM objects WHERE object_key = ?",
			deleted.UnixMilli(), []byte(key))
		if err != nil {
			return err
		}
		return db.deleteRow(ctx, tx, key)
	})
}

// Restore gives key the row back that Discard took at the time since or later.
func (db *DB) Restore(ctx context.Context, key string, since time.Time) (o storage.Object, err error) {
	err = db.write(ctx, defaultTimeout, "restore the row of an object", func(ctx context.Context, tx *sql.Tx) error {
		var one int
		row := tx.QueryRowContext(ctx, "SELECT 1 FROM objects WHERE object_key = ?"+db.dialect.forUpdate, []byte(key))
		if err := row.Scan(&one); err == nil {
			return fmt.Errorf("an object has the key %q: %w", key, fs.ErrExist)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		n, err := execCount(ctx, tx, "INSERT INTO objects ("+trashColumns+") SELECT "+trashColumns+" FROM trash WHERE object_key = ? AND deleted >= ?",
			[]byte(key), since.UnixMilli())
		if err == nil && n == 0 {
			return missing(key)
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM trash WHERE object_key = ?", []byte(key)); err != nil {
			return err
		}
		if o, err = scanObject(tx.QueryRowContext(ctx, "SELECT "+objectColumns+" FROM objects WHERE object_key = ?", []byte(key)).Scan); err != nil {
			return err
		}
		if err := db.addPartsOf(ctx, tx, []any{[]byte(key)}); err != nil {
			return err
		}
		return db.addTotal(ctx, tx, 1)
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// pruneTrash forgets what was deleted too long ago to be undone.
func (db *DB) pruneTrash(ctx context.Context, now time.Time) error {
	return db.write(ctx, bulkTimeout, "forget deleted rows", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM trash WHERE deleted < ?", now.Add(-keepTrash).UnixMilli())
		return err
	})
}
