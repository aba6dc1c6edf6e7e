package sqlindex

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"

	"memcache/backend/internal/share"
)

var _ share.Store = (*DB)(nil)

// ShareKey returns the key with which links to objects are signed. The first time it
// is asked for, it is made.
func (db *DB) ShareKey(ctx context.Context) (key [32]byte, err error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	var secret []byte
	err = db.reader.QueryRowContext(short, "SELECT secret FROM share_key").Scan(&secret)
	if err == nil && len(secret) == 0 {
		secret, err = db.firstShareKey(ctx)
	}
	if err == nil && len(secret) != len(key) {
		err = fmt.Errorf("it has %d bytes", len(secret))
	}
	copy(key[:], secret)
	return key, db.fail(ctx, "read the key of shared links", err)
}

// firstShareKey makes the key, or returns the one that another has made meanwhile.
func (db *DB) firstShareKey(ctx context.Context) (secret []byte, err error) {
	err = db.change(ctx, defaultTimeout, "make the key of shared links", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE share_key SET secret = ? WHERE LENGTH(secret) = 0", newSecret())
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT secret FROM share_key"+db.dialect.forUpdate).Scan(&secret)
	})
	return secret, err
}

// RenewShareKey makes another key: whatever was signed with the one before is void.
func (db *DB) RenewShareKey(ctx context.Context) error {
	return db.change(ctx, defaultTimeout, "renew the key of shared links", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE share_key SET secret = ?", newSecret())
		return err
	})
}

func newSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	return secret
}
