package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"memcache/shared/api"
)

// Moving is what a database knows of a copy of all that is kept, from one place to
// another. A place is a database and a store of blobs; the copy may be about one of
// them alone.
type Moving struct {
	Frozen    bool   // nobody may change rows
	OnlyStore string // the name of the only store whose servers may; "": of any
	From      string // a copy from there is not whole yet: no server may start on it
	To        string // where to it is, or was, copied
}

// What the column moving begins with.
const (
	movingFrom = "from "
	movingTo   = "to "
)

// ErrOccupied says that a database has rows that are of no copy.
var ErrOccupied = errors.New("it has objects or accounts already, which are not of this copy: give an empty one")

// generationStep is by how much the cache generation of a copy is beyond that of its
// source, at the least: the source may go on raising its own.
const generationStep = 1 << 20

const movingQuery = "SELECT frozen, only_store, moving FROM settings"

func scanMoving(scan func(...any) error) (m Moving, err error) {
	var moving string
	err = scan(&m.Frozen, &m.OnlyStore, &moving)
	if place, ok := strings.CutPrefix(moving, movingFrom); ok {
		m.From = place
	}
	if place, ok := strings.CutPrefix(moving, movingTo); ok {
		m.To = place
	}
	return m, err
}

// Moving returns what is known of a copy.
func (db *DB) Moving(ctx context.Context) (Moving, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	m, err := scanMoving(db.reader.QueryRowContext(short, movingQuery).Scan)
	return m, db.fail(ctx, "look for a copy", err)
}

// checkWhole fails where a copy into the database has not ended.
func (db *DB) checkWhole(ctx context.Context, receives bool) error {
	m, err := db.Moving(ctx)
	if err == nil && m.From != "" && !receives {
		err = fmt.Errorf("it holds a part of a copy from %s: end that with \"memcache-backend copy … -finish\", or give another database", m.From)
	}
	return err
}

// BeginReceiving makes an empty database one that becomes the copy of from: nobody
// changes its rows, and no server starts on it, until EndReceiving. One that is so
// already goes on. [ErrOccupied] when it is not empty.
func (db *DB) BeginReceiving(ctx context.Context, from string) error {
	return db.beginMoving(ctx, movingFrom+from, true, func(ctx context.Context, tx *sql.Tx, m Moving) error {
		if m.From != "" {
			return fmt.Errorf("it holds a part of a copy from %s: end that one, or give an empty database", m.From)
		}
		return db.checkEmpty(ctx, tx)
	})
}

// BeginRehousing notes that the blobs are being copied to another store, whose rows
// stay here. If that is noted already, what was verified there is known.
func (db *DB) BeginRehousing(ctx context.Context, to string) error {
	return db.beginMoving(ctx, movingTo+to, false, func(context.Context, *sql.Tx, Moving) error { return nil })
}

func (db *DB) beginMoving(ctx context.Context, moving string, freeze bool, check func(context.Context, *sql.Tx, Moving) error) error {
	return db.write(ctx, bulkTimeout, "begin a copy", func(ctx context.Context, tx *sql.Tx) error {
		m, err := scanMoving(tx.QueryRowContext(ctx, movingQuery+db.dialect.forUpdate).Scan)
		if err != nil || moving == movingFrom+m.From || moving == movingTo+m.To {
			return err
		}
		if err := check(ctx, tx, m); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM moved_blobs"); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE settings SET moving = ?, frozen = ?", moving, freeze || m.Frozen)
		return err
	})
}

// checkEmpty fails with ErrOccupied where there are objects, or logins that somebody
// has made.
func (db *DB) checkEmpty(ctx context.Context, tx *sql.Tx) error {
	var n int64
	err := tx.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM objects LIMIT 1) AS o) + (SELECT COUNT(*) FROM logins WHERE kind IN (?, ?, ?))",
		api.LoginAccount, api.LoginToken, api.LoginPasskey).Scan(&n)
	if err == nil && n > 0 {
		err = ErrOccupied
	}
	return err
}

// Freeze keeps everybody from changing rows: what was committed before, and that
// alone, is there when it returns. Reads, sessions and statistics go on.
func (db *DB) Freeze(ctx context.Context, to string) error {
	return db.write(ctx, bulkTimeout, "stop changes", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE settings SET frozen = 1, moving = ?", movingTo+to)
		return err
	})
}

// Thaw undoes Freeze. It fails where a copy into the database has not ended.
func (db *DB) Thaw(ctx context.Context) error {
	if err := db.checkWhole(ctx, false); err != nil {
		return err
	}
	return db.write(ctx, bulkTimeout, "allow changes again", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE settings SET frozen = 0")
		return err
	})
}

// EndReceiving ends what BeginReceiving has begun: servers can start on the database.
// The cache generation is raised beyond the one given, that of the source, and no cache
// nodes are known, so that nothing is read that any have kept of an earlier time.
func (db *DB) EndReceiving(ctx context.Context, generation int64) error {
	return db.write(ctx, bulkTimeout, "end a copy", func(ctx context.Context, tx *sql.Tx) error {
		var own int64
		if err := tx.QueryRowContext(ctx, "SELECT generation FROM settings"+db.dialect.forUpdate).Scan(&own); err != nil {
			return err
		}
		next := max(time.Now().UnixMilli(), max(own, generation)+generationStep)
		_, err := tx.ExecContext(ctx, "UPDATE settings SET frozen = 0, moving = '', generation = ?, nodes = NULL", next)
		return err
	})
}

// EndRehousing ends what BeginRehousing and Freeze have begun: servers with that store
// may change rows. What is cached is the same as before.
func (db *DB) EndRehousing(ctx context.Context, store string) error {
	return db.write(ctx, bulkTimeout, "end a copy", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE settings SET frozen = 0, moving = '', only_store = ?", store)
		return err
	})
}

// ForgetMovedBlobs forgets, in steps, what AddMovedBlobs has noted. The next copy
// would, too.
func (db *DB) ForgetMovedBlobs(ctx context.Context) error {
	for more := true; more; {
		err := db.write(ctx, bulkTimeout, "forget a copy", func(ctx context.Context, tx *sql.Tx) error {
			ids, err := queryAll(ctx, tx, scanID, "SELECT blob_id FROM moved_blobs LIMIT ?", maxIDs)
			if more = len(ids) > 0; err != nil || !more {
				return err
			}
			_, err = tx.ExecContext(ctx, "DELETE FROM moved_blobs WHERE blob_id IN ("+marks("?", len(ids))+")", anys(ids)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AddMovedBlobs notes that blobs are where they are copied to, and verified there.
func (db *DB) AddMovedBlobs(ctx context.Context, ids []string) error {
	return db.write(ctx, bulkTimeout, "note what was copied", func(ctx context.Context, tx *sql.Tx) error {
		for some := range slices.Chunk(ids, maxIDs) {
			if _, err := tx.ExecContext(ctx, "REPLACE INTO moved_blobs (blob_id) VALUES "+marks("(?)", len(some)), anys(some)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// MovedBlobs returns those of the ids that AddMovedBlobs has noted.
func (db *DB) MovedBlobs(ctx context.Context, ids []string) (map[string]bool, error) {
	moved := make(map[string]bool, len(ids))
	err := db.read(ctx, "look for what was copied", func(ctx context.Context, tx *sql.Tx) error {
		for some := range slices.Chunk(ids, maxIDs) {
			found, err := queryAll(ctx, tx, scanID, "SELECT blob_id FROM moved_blobs WHERE blob_id IN ("+marks("?", len(some))+")", anys(some)...)
			if err != nil {
				return err
			}
			for _, id := range found {
				moved[id] = true
			}
		}
		return nil
	})
	return moved, err
}

// BlobSize is a blob that rows name, with its size in bytes.
type BlobSize struct {
	ID   string
	Size int64
}

// BlobsAfter returns a page of the blobs that objects name, each once, which come
// after an id in the order of the ids. It sees what others commit meanwhile.
func (db *DB) BlobsAfter(ctx context.Context, after string) (page []BlobSize, err error) {
	return db.blobSizes(ctx, "SELECT blob_id, MAX(size) FROM objects"+fmt.Sprintf(db.dialect.useIndex, "objects_blob")+
		" WHERE blob_id > ? GROUP BY blob_id ORDER BY blob_id LIMIT ?", after)
}

// TrashBlobsAfter is that for objects that were discarded and may be restored.
func (db *DB) TrashBlobsAfter(ctx context.Context, after string) (page []BlobSize, err error) {
	return db.blobSizes(ctx, "SELECT blob_id, MAX(size) FROM trash WHERE blob_id > ? GROUP BY blob_id ORDER BY blob_id LIMIT ?", after)
}

func (db *DB) blobSizes(ctx context.Context, query, after string) (page []BlobSize, err error) {
	err = db.readFor(ctx, bulkTimeout, "list the blobs of objects", func(ctx context.Context, tx *sql.Tx) error {
		page, err = queryAll(ctx, tx, func(scan func(...any) error) (b BlobSize, err error) {
			err = scan(&b.ID, &b.Size)
			return b, err
		}, query, after, snapshotPage)
		return err
	})
	return page, err
}

// BlobTotal returns how many blobs objects name, and their bytes together.
func (db *DB) BlobTotal(ctx context.Context) (blobs, bytes int64, err error) {
	err = db.readFor(ctx, openTimeout, "count the blobs of objects", func(ctx context.Context, tx *sql.Tx) error {
		row := tx.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM (SELECT MAX(size) AS size FROM objects GROUP BY blob_id) AS blobs")
		return row.Scan(&blobs, &bytes)
	})
	return blobs, bytes, err
}

// ObjectTotal returns how many objects there are, as it is kept beside them.
func (db *DB) ObjectTotal(ctx context.Context) (int64, error) {
	return db.one(ctx, "read the number of objects", db.dialect.total)
}

// CountObjects counts the objects.
func (db *DB) CountObjects(ctx context.Context) (int64, error) {
	return db.one(ctx, "count the objects", "SELECT COUNT(*) FROM objects")
}

// one returns the number that a query gives.
func (db *DB) one(ctx context.Context, op, query string) (n int64, err error) {
	err = db.readFor(ctx, openTimeout, op, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, query).Scan(&n)
	})
	return n, err
}

// KeysOf returns keys of objects that name a blob, at most so many.
func (db *DB) KeysOf(ctx context.Context, blob string, most int) (keys []string, err error) {
	err = db.read(ctx, "look for the objects of a blob", func(ctx context.Context, tx *sql.Tx) error {
		keys, err = queryAll(ctx, tx, scanID, "SELECT object_key FROM objects WHERE blob_id = ? ORDER BY object_key LIMIT ?", blob, most)
		return err
	})
	return keys, err
}

// errFrozen and errOtherStore are what who may not change rows is told.
func errFrozen() error {
	return api.Errorf(api.Unavailable, "nothing can be changed here for now: all of it is being copied to another place, or was; try again later, or there")
}

func errOtherStore(only, own string) error {
	return api.Errorf(api.Unavailable, "nothing can be changed by way of this server: the objects are in another store by now, with which it has to be started (-store)").
		Because(fmt.Errorf("the store is %s, and this server has %q", only, own))
}

// check fails for a server with that store where it may not change rows.
func (m Moving) check(store string) error {
	switch {
	case m.Frozen:
		return errFrozen()
	case m.OnlyStore != "" && m.OnlyStore != store:
		return errOtherStore(m.OnlyStore, store)
	}
	return nil
}

// change is write for what is to be part of a copy: it fails where rows may not be
// changed. What has a fence is checked with that.
func (db *DB) change(ctx context.Context, limit time.Duration, op string, fn func(context.Context, *sql.Tx) error) error {
	return db.write(ctx, limit, op, func(ctx context.Context, tx *sql.Tx) error {
		m, err := scanMoving(tx.QueryRowContext(ctx, movingQuery+db.dialect.forShare).Scan)
		if err == nil {
			err = m.check(db.store)
		}
		if err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// changeLogin is write for what concerns a login. Sessions begin also where nothing
// may be changed: who reads has to log in.
func (db *DB) changeLogin(ctx context.Context, op, kind string, fn func(context.Context, *sql.Tx) error) error {
	switch kind {
	case api.LoginAccount, api.LoginToken, api.LoginPasskey, api.LoginLink:
		return db.change(ctx, defaultTimeout, op, fn)
	}
	return db.write(ctx, defaultTimeout, op, fn)
}
