package sqlindex

import (
	"context"
	"database/sql"
	"time"

	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
)

// Settings are what the database keeps of the cache's configuration.
type Settings struct {
	Capacity   int64  // bytes
	Policy     string // a policy's name
	Generation int64  // of the cache nodes' state
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
	return db.change(ctx, defaultTimeout, "save the settings", func(ctx context.Context, tx *sql.Tx) error {
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

// poolQuery asks for the state of the cache nodes.
const poolQuery = "SELECT generation, COALESCE(nodes, '') FROM settings"

// Pool returns the state of the cache nodes; without nodes as long as none were set.
func (db *DB) Pool(ctx context.Context) (*pool.State, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	s, err := scanPool(db.reader.QueryRowContext(short, poolQuery))
	return s, db.fail(ctx, "read the cache nodes", err)
}

func scanPool(row *sql.Row) (*pool.State, error) {
	var generation int64
	var text string
	if err := row.Scan(&generation, &text); err != nil {
		return nil, err
	}
	return pool.Parse(generation, text)
}

// ChangePool makes the state of the cache nodes to, if the generation is from, and
// returns what there is then.
func (db *DB) ChangePool(ctx context.Context, from int64, to *pool.State) (*pool.State, error) {
	var state *pool.State
	err := db.write(ctx, defaultTimeout, "change the cache nodes", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE settings SET generation = ?, nodes = ? WHERE generation = ?", to.Generation, to.Text(), from)
		if err == nil {
			state, err = scanPool(tx.QueryRowContext(ctx, poolQuery+db.dialect.forUpdate))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return state, nil
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
// of ctx's fence, if it has one, and where rows may not be changed, because they are
// copied to another place. Neither changes until tx ends.
func (db *DB) checkFence(ctx context.Context, tx *sql.Tx) error {
	fence, ok := ctx.Value(fenceKey{}).(int64)
	if !ok {
		return nil
	}
	var now int64
	var m Moving
	err := tx.QueryRowContext(ctx, "SELECT generation, frozen, only_store FROM settings"+db.dialect.forShare).Scan(&now, &m.Frozen, &m.OnlyStore)
	if err == nil {
		err = m.check(db.store)
	}
	if err == nil && now != fence {
		err = storage.ErrFenced
	}
	return err
}

// firstSettings adds the settings to a fresh database.
func (db *DB) firstSettings(ctx context.Context, capacity int64, policy string) error {
	return db.write(ctx, defaultTimeout, "make the first settings", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, db.dialect.firstSetting, capacity, policy, time.Now().UnixMilli())
		return err
	})
}
