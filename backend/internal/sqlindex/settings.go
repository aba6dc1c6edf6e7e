package sqlindex

import (
	"context"
	"database/sql"
	"time"

	"memcache/backend/internal/storage"
)

// Settings are what the database keeps of the cache's configuration.
type Settings struct {
	Capacity   int64  // bytes
	Policy     string // a policy's name
	Generation int64  // the cache generation
}

const (
	settingsQuery = "SELECT capacity, policy, generation FROM settings"
	saveSettings  = "UPDATE settings SET capacity = ?, policy = ?"
)

// Settings returns the settings.
func (db *DB) Settings(ctx context.Context) (Settings, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	var s Settings
	row := db.reader.QueryRowContext(short, settingsQuery)
	err := row.Scan(&s.Capacity, &s.Policy, &s.Generation)
	return s, db.fail(ctx, "read the settings", err)
}

// SaveSettings changes the capacity and the policy, both or neither, and marks what
// changes. It leaves the generation alone. The caller has checked that they can be
// applied.
func (db *DB) SaveSettings(ctx context.Context, capacity int64, policy string) error {
	if err := checkSettings(capacity, policy); err != nil {
		return err
	}
	return db.write(ctx, defaultTimeout, "save the settings", func(ctx context.Context, tx *sql.Tx) error {
		var was Settings
		err := tx.QueryRowContext(ctx, settingsQuery+db.dialect.forUpdate).Scan(&was.Capacity, &was.Policy, &was.Generation)
		if err == nil {
			_, err = tx.ExecContext(ctx, saveSettings, capacity, policy)
		}
		if err == nil {
			err = markChange(ctx, tx, was, Settings{Capacity: capacity, Policy: policy})
		}
		return err
	})
}

// Generation returns the cache generation.
func (db *DB) Generation(ctx context.Context) (int64, error) {
	s, err := db.Settings(ctx)
	return s.Generation, err
}

// RaiseGeneration makes the cache generation to if it is from, and returns what
// it is then.
func (db *DB) RaiseGeneration(ctx context.Context, from, to int64) (generation int64, err error) {
	err = db.write(ctx, defaultTimeout, "raise the cache generation", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE settings SET generation = ? WHERE generation = ?", to, from); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT generation FROM settings"+db.dialect.forUpdate).Scan(&generation)
	})
	if err != nil {
		return 0, err
	}
	return generation, nil
}

// fenced is the rows under a fence: they change only while the cache generation
// is this one.
type fenced struct {
	*DB
	generation int64
}

// Fenced returns the Index whose changes fail with [storage.ErrFenced] unless the
// cache generation is this one.
func (db *DB) Fenced(generation int64) storage.Index { return fenced{db, generation} }

// Put is that of DB, fenced.
func (f fenced) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	return f.DB.Put(f.within(ctx), o)
}

// Copy is that of DB, fenced.
func (f fenced) Copy(ctx context.Context, from, to string, modified time.Time, remove bool) (storage.Object, error) {
	return f.DB.Copy(f.within(ctx), from, to, modified, remove)
}

// Delete is that of DB, fenced.
func (f fenced) Delete(ctx context.Context, key string) error { return f.DB.Delete(f.within(ctx), key) }

// Discard is that of DB, fenced.
func (f fenced) Discard(ctx context.Context, key string, deleted time.Time) error {
	return f.DB.Discard(f.within(ctx), key, deleted)
}

// Restore is that of DB, fenced.
func (f fenced) Restore(ctx context.Context, key string, since time.Time) (storage.Object, error) {
	return f.DB.Restore(f.within(ctx), key, since)
}

// DeleteAll is that of DB, fenced.
func (f fenced) DeleteAll(ctx context.Context) (int64, error) { return f.DB.DeleteAll(f.within(ctx)) }

// fenceKey is under which a context carries its fence to the transaction.
type fenceKey struct{}

func (f fenced) within(ctx context.Context) context.Context {
	return context.WithValue(ctx, fenceKey{}, f.generation)
}

// checkFence fails with [storage.ErrFenced] unless the cache generation is that
// of ctx's fence, if it has one. The generation cannot be raised until tx ends.
func (db *DB) checkFence(ctx context.Context, tx *sql.Tx) error {
	fence, ok := ctx.Value(fenceKey{}).(int64)
	if !ok {
		return nil
	}
	var now int64
	err := tx.QueryRowContext(ctx, "SELECT generation FROM settings"+db.dialect.forShare).Scan(&now)
	if err == nil && now != fence {
		err = storage.ErrFenced
	}
	return err
}

// firstSettings adds the settings to a fresh database.
func (db *DB) firstSettings(ctx context.Context, capacity int64, policy string) error {
	return db.write(ctx, defaultTimeout, "make the first settings", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, db.dialect.firstSetting, capacity, policy, (time.Now().UnixMilli()+1)&^1) // even: the cache is open
		return err
	})
}
