package sqlindex

import (
	"context"
	"database/sql"
	"errors"

	"memcache/backend/internal/storage"
)

// loadRows is how many rows one statement inserts.
const loadRows = 100

// Loader fills an empty database; see [DB.Load].
type Loader struct {
	ctx context.Context // of the transaction
	db  *DB
	tx  *sql.Tx
}

// Load calls fn to fill the database, which must have no objects. All that fn
// adds shows at once when it returns nil, and nothing of it otherwise.
func (db *DB) Load(ctx context.Context, fn func(*Loader) error) error {
	err := db.transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var one int
		switch err := tx.QueryRowContext(ctx, "SELECT 1 FROM objects LIMIT 1"+db.dialect.forUpdate).Scan(&one); {
		case err == nil:
			return errors.New("it has objects already: give an empty one")
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		return fn(&Loader{ctx, db, tx})
	})
	return db.fail(ctx, "load", err)
}

// Settings sets the capacity and the policy. The generation stays: what a cache
// may hold of another time must not be read.
func (l *Loader) Settings(capacity int64, policy string) error {
	if err := checkSettings(capacity, policy); err != nil {
		return err
	}
	_, err := l.tx.ExecContext(l.ctx, saveSettings, capacity, policy)
	return err
}

// Objects adds rows as they are, with their versions and times.
func (l *Loader) Objects(rows []storage.Object) error { return l.db.insertRows(l.ctx, l.tx, rows) }

// Samples adds rows of the statistics.
func (l *Loader) Samples(rows []StoredSample) error {
	for _, s := range rows {
		if _, err := l.tx.ExecContext(l.ctx, putSample, s.args()...); err != nil {
			return err
		}
	}
	return nil
}
