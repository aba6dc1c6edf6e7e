package sqlindex

import (
	"context"
	"database/sql"
	"time"

	"memcache/shared/api"
)

// runningFor is how long a backend that is not heard of is taken to run.
const runningFor = time.Minute

// ShareReads notes what a backend has read since its start, and returns what each of
// the others that run on this database has. The database's clock decides who runs.
func (db *DB) ShareReads(ctx context.Context, backend string, reads api.Reads) (others map[string]api.Reads, err error) {
	err = db.write(ctx, defaultTimeout, "note what was read", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "REPLACE INTO running (backend, heard_ms, memory_bytes, disk_bytes, hit_times, miss_times) VALUES (?, "+db.dialect.clock+", ?, ?, ?, ?)",
			backend, reads.MemoryBytes, reads.DiskBytes, packTimes(reads.Hits), packTimes(reads.Misses))
		return err
	})
	if err != nil {
		return nil, err
	}
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	rows, err := db.reader.QueryContext(short, "SELECT backend, memory_bytes, disk_bytes, hit_times, miss_times FROM running WHERE backend <> ? AND heard_ms > "+db.dialect.clock+" - ?",
		backend, runningFor.Milliseconds())
	if err != nil {
		return nil, db.fail(ctx, "read what others have read", err)
	}
	defer rows.Close()
	others = map[string]api.Reads{}
	for rows.Next() {
		var name string
		var r api.Reads
		var hits, misses []byte
		if err = rows.Scan(&name, &r.MemoryBytes, &r.DiskBytes, &hits, &misses); err == nil {
			err = unpackBoth(&r, hits, misses)
		}
		if err != nil {
			return nil, db.fail(ctx, "read what others have read", err)
		}
		others[name] = r
	}
	return others, db.fail(ctx, "read what others have read", rows.Err())
}

// pruneRunning forgets the backends that run no more.
func (db *DB) pruneRunning(ctx context.Context) error {
	return db.write(ctx, bulkTimeout, "forget backends that ended", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM running WHERE heard_ms < "+db.dialect.clock+" - ?", runningFor.Milliseconds())
		return err
	})
}
