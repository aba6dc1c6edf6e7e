package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"

	"memcache/backend/internal/storage"
)

// maxIDs is how many blobs one statement asks for.
const maxIDs = 500

const objectColumns = "object_key, blob_id, size, content_type, created, modified, version, checksum"

// Get returns the row of key; [fs.ErrNotExist] when there is none.
func (db *DB) Get(ctx context.Context, key string) (storage.Object, error) {
	short, cancel := db.forOneRow(ctx)
	defer cancel()
	get, err := db.getObject.on(short, db.finder)
	if err != nil {
		return storage.Object{}, db.fail(ctx, "prepare to get the row of an object", err)
	}
	o, err := scanObject(get.QueryRowContext(short, []byte(key)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return storage.Object{}, missing(key)
	}
	return o, db.fail(ctx, "get the row of an object", err)
}

// forOneRow is a context for a look at one row by its key. In a file, that is done
// before anyone could stop it, and to be ready to would take longer: a goroutine in
// the driver and one more in database/sql.
func (db *DB) forOneRow(ctx context.Context) (context.Context, context.CancelFunc) {
	if db.finder == db.writer || ctx.Err() != nil {
		return withTimeout(ctx, defaultTimeout)
	}
	return context.WithoutCancel(ctx), func() {}
}

// Put inserts or replaces the row of o.Key and returns it with its Version,
// which is 1 or one more than before, and its Created, which is Modified on an
// insert. Times are cut to milliseconds. After an error, the row may have been
// written or not.
func (db *DB) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	o.Modified = fromMillis(o.Modified.UnixMilli())
	err := db.write(ctx, defaultTimeout, "put the row of an object", func(ctx context.Context, tx *sql.Tx) error {
		if err := db.putRow(ctx, tx, &o); err != nil {
			return err
		}
		return db.addTotal(ctx, tx, added(o))
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// putRow inserts or replaces the row of o, and fills in Created and Version.
func (db *DB) putRow(ctx context.Context, tx *sql.Tx, o *storage.Object) error {
	modified := o.Modified.UnixMilli()
	_, err := tx.ExecContext(ctx, db.dialect.putObject, []byte(o.Key), o.Blob, o.Size, o.Type, modified, modified, o.Checksum)
	if err != nil {
		return err
	}
	// The row is locked by now: nobody else's version can be read here.
	row := tx.QueryRowContext(ctx, "SELECT id, created, version FROM objects WHERE object_key = ?", []byte(o.Key))
	var id, created int64
	err = row.Scan(&id, &created, &o.Version)
	o.Created = fromMillis(created)
	if err != nil || o.Version > 1 {
		return err
	}
	return db.addParts(ctx, tx, map[int64]string{id: o.Key})
}

// Copy gives the row of to what that of from has, as Put would; with remove, the
// row of from goes in the same transaction. [fs.ErrNotExist] when there is none.
func (db *DB) Copy(ctx context.Context, from, to string, modified time.Time, remove bool) (storage.Object, error) {
	var o storage.Object
	err := db.write(ctx, defaultTimeout, "copy the row of an object", func(ctx context.Context, tx *sql.Tx) error {
		row := tx.QueryRowContext(ctx, "SELECT "+objectColumns+" FROM objects WHERE object_key = ?"+db.dialect.forUpdate, []byte(from))
		var err error
		if o, err = scanObject(row.Scan); errors.Is(err, sql.ErrNoRows) {
			return missing(from)
		}
		if err != nil {
			return err
		}
		o.Key, o.Modified = to, fromMillis(modified.UnixMilli())
		if err := db.putRow(ctx, tx, &o); err != nil {
			return err
		}
		if !remove {
			return db.addTotal(ctx, tx, added(o))
		}
		n, err := db.removeRow(ctx, tx, from)
		if err != nil {
			return err
		}
		return db.addTotal(ctx, tx, added(o)-n)
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// SetChecksum notes the checksum of a blob in the rows that name it. It is about
// the blob alone, so it changes no version.
func (db *DB) SetChecksum(ctx context.Context, blob, checksum string) error {
	return db.write(ctx, defaultTimeout, "note a checksum", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE objects SET checksum = ? WHERE blob_id = ? AND checksum <> ?", checksum, blob, checksum)
		return err
	})
}

// Delete removes the row of key; [fs.ErrNotExist] when there is none.
func (db *DB) Delete(ctx context.Context, key string) error {
	return db.write(ctx, defaultTimeout, "delete the row of an object", func(ctx context.Context, tx *sql.Tx) error {
		return db.deleteRow(ctx, tx, key)
	})
}

func (db *DB) deleteRow(ctx context.Context, tx *sql.Tx, key string) error {
	n, err := db.removeRow(ctx, tx, key)
	if err == nil && n == 0 {
		return missing(key)
	}
	if err != nil {
		return err
	}
	return db.addTotal(ctx, tx, -n)
}

// removeRow removes the row of key and its parts, and returns how many there were.
func (db *DB) removeRow(ctx context.Context, tx *sql.Tx, key string) (int64, error) {
	if err := db.removeParts(ctx, tx, key); err != nil {
		return 0, err
	}
	return execCount(ctx, tx, "DELETE FROM objects WHERE object_key = ?", []byte(key))
}

// DeleteAll removes every row, all at once, and returns how many there were. What
// was discarded before is gone, too.
func (db *DB) DeleteAll(ctx context.Context) (n int64, err error) {
	err = db.write(ctx, bulkTimeout, "delete all rows of objects", func(ctx context.Context, tx *sql.Tx) error {
		if err := execAll(ctx, tx, db.dialect.beforeDeleteAll); err != nil {
			return err
		}
		if n, err = execCount(ctx, tx, "DELETE FROM objects"); err != nil {
			return err
		}
		if err := db.addTotal(ctx, tx, -n); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM trash"); err != nil {
			return err
		}
		return execAll(ctx, tx, db.dialect.afterDeleteAll)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// insertRows adds rows as they are, with their versions and times.
func (db *DB) insertRows(ctx context.Context, tx *sql.Tx, rows []storage.Object) error {
	for some := range slices.Chunk(rows, loadRows) {
		var args, keys []any
		for _, o := range some {
			keys = append(keys, []byte(o.Key))
			args = append(args, []byte(o.Key), o.Blob, o.Size, o.Type, o.Created.UnixMilli(), o.Modified.UnixMilli(), o.Version, o.Checksum)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO objects ("+objectColumns+") VALUES "+marks("(?, ?, ?, ?, ?, ?, ?, ?)", len(some)), args...); err != nil {
			return err
		}
		if err := db.addPartsOf(ctx, tx, keys); err != nil {
			return err
		}
	}
	return db.addTotal(ctx, tx, int64(len(rows)))
}

// totalSlots is how many rows the total is the sum of.
const totalSlots = 16

// addTotal notes, as the last thing in a transaction, that there are more objects
// by that many.
func (db *DB) addTotal(ctx context.Context, tx *sql.Tx, by int64) error {
	if by == 0 || db.dialect.addTotal == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, db.dialect.addTotal, by, rand.IntN(totalSlots))
	return err
}

// added is 1 if o was inserted and 0 if it replaced another version.
func added(o storage.Object) int64 {
	if o.Version == 1 {
		return 1
	}
	return 0
}

func execAll(ctx context.Context, tx *sql.Tx, statements []string) error {
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// execCount runs a statement and returns how many rows it changed.
func execCount(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// BlobsInUse tells which of the blobs are named by a row, also by one that can be
// restored: those are true in the result, the others are absent. It fails where rows
// may not be changed: then the blobs may be in use by a copy of the rows.
func (db *DB) BlobsInUse(ctx context.Context, ids []string) (map[string]bool, error) {
	m, err := db.Moving(ctx)
	if err == nil {
		err = m.check(db.store)
	}
	if err != nil {
		return nil, err
	}
	return db.NamedBlobs(ctx, ids)
}

// NamedBlobs does as BlobsInUse, and does not fail so.
func (db *DB) NamedBlobs(ctx context.Context, ids []string) (map[string]bool, error) {
	used := make(map[string]bool, len(ids))
	for chunk := range slices.Chunk(ids, maxIDs) {
		if err := db.addUsed(ctx, used, chunk); err != nil {
			return nil, db.fail(ctx, "look for blobs in use", err)
		}
	}
	return used, nil
}

func (db *DB) addUsed(ctx context.Context, used map[string]bool, ids []string) error {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	args := anys(ids)
	named := " WHERE blob_id IN (" + marks("?", len(ids)) + ")"
	// One statement sees one moment: a row that goes from one table to the other is in it.
	rows, err := db.reader.QueryContext(short, "SELECT blob_id FROM objects"+named+" UNION SELECT blob_id FROM trash"+named, slices.Concat(args, args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		used[id] = true
	}
	return rows.Err()
}

func scanObject(scan func(...any) error) (storage.Object, error) {
	var o storage.Object
	var created, modified int64
	if err := scan(&o.Key, &o.Blob, &o.Size, &o.Type, &created, &modified, &o.Version, &o.Checksum); err != nil {
		return storage.Object{}, err
	}
	o.Created, o.Modified = fromMillis(created), fromMillis(modified)
	return o, nil
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func missing(key string) error {
	return fmt.Errorf("no object has the key %q: %w", key, fs.ErrNotExist)
}
