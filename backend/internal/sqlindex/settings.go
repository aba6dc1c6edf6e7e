package sqlindex

import (
	"context"
	"database/sql"
	"time"
)

// Settings are what the database keeps of the cache's configuration.
type Settings struct {
	Capacity   int64  // bytes
	Policy     string // a policy's name
	Generation int64  // the cache generation
}

// Settings returns the settings.
func (db *DB) Settings(ctx context.Context) (Settings, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	var s Settings
	row := db.reader.QueryRowContext(short, "SELECT capacity, policy, generation FROM settings")
	err := row.Scan(&s.Capacity, &s.Policy, &s.Generation)
	return s, db.fail(ctx, "read the settings", err)
}

// SaveSettings changes the capacity and the policy, both or neither. It leaves
// the generation alone. The caller has checked that they can be applied.
func (db *DB) SaveSettings(ctx context.Context, capacity int64, policy string) error {
	if err := checkSettings(capacity, policy); err != nil {
		return err
	}
	return db.write(ctx, defaultTimeout, "save the settings", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE settings SET capacity = ?, policy = ?", capacity, policy)
		return err
	})
}

// Generation returns the cache generation.
func (db *DB) Generation(ctx context.Context) (int64, error) {
	s, err := db.Settings(ctx)
	return s.Generation, err
}

// RaiseGeneration makes the cache generation one more and returns it; no two
// calls return the same.
func (db *DB) RaiseGeneration(ctx context.Context) (generation int64, err error) {
	err = db.write(ctx, defaultTimeout, "raise the cache generation", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE settings SET generation = generation + 1"); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT generation FROM settings").Scan(&generation)
	})
	if err != nil {
		return 0, err
	}
	return generation, nil
}

// firstSettings adds the settings to a fresh database.
func (db *DB) firstSettings(ctx context.Context, capacity int64, policy string) error {
	return db.write(ctx, defaultTimeout, "make the first settings", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, db.dialect.firstSetting, capacity, policy, time.Now().UnixMilli())
		return err
	})
}
