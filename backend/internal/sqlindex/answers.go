package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"time"
)

// maxAnswers is how many answers Prune leaves.
const maxAnswers = 10_000

// Answer returns what KeepAnswer keeps under id; [fs.ErrNotExist] when that is
// nothing, or has expired.
func (db *DB) Answer(ctx context.Context, id [32]byte) (answer []byte, err error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	row := db.reader.QueryRowContext(short, "SELECT answer FROM answers WHERE id = ? AND expires > ? AND claim = ''", id[:], time.Now().UnixMilli())
	if err := row.Scan(&answer); errors.Is(err, sql.ErrNoRows) {
		return nil, fs.ErrNotExist
	} else if err != nil {
		return nil, db.fail(ctx, "look an answer up", err)
	}
	return answer, nil
}

// KeepAnswer keeps the answer under id for some time, in the place of any other.
func (db *DB) KeepAnswer(ctx context.Context, id [32]byte, answer []byte, keep time.Duration) error {
	expires := time.Now().Add(keep).UnixMilli()
	return db.write(ctx, defaultTimeout, "keep an answer", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "REPLACE INTO answers (id, expires, answer) VALUES (?, ?, ?)", id[:], expires, answer)
		return err
	})
}

// ClaimAnswer notes, for some time, that the owner of the claim is about to keep an
// answer under id. It reports false when there is an answer or another's claim.
func (db *DB) ClaimAnswer(ctx context.Context, id [32]byte, claim string, keep time.Duration) (claimed bool, err error) {
	now := time.Now()
	err = db.write(ctx, defaultTimeout, "claim an answer", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM answers WHERE id = ? AND expires <= ?", id[:], now.UnixMilli()); err != nil {
			return err
		}
		n, err := execCount(ctx, tx, db.dialect.claimAnswer, id[:], now.Add(keep).UnixMilli(), []byte{}, claim)
		claimed = n == 1
		return err
	})
	return claimed, err
}

// RenewClaim makes a claim last for some time from now on.
func (db *DB) RenewClaim(ctx context.Context, id [32]byte, claim string, keep time.Duration) error {
	return db.write(ctx, defaultTimeout, "renew a claim", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE answers SET expires = ? WHERE id = ? AND claim = ?", time.Now().Add(keep).UnixMilli(), id[:], claim)
		return err
	})
}

// ReleaseClaim gives a claim up, if it has not become an answer.
func (db *DB) ReleaseClaim(ctx context.Context, id [32]byte, claim string) error {
	return db.write(ctx, defaultTimeout, "give a claim up", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM answers WHERE id = ? AND claim = ?", id[:], claim)
		return err
	})
}

// pruneAnswers deletes the answers that have expired by now, and the oldest of
// those that are more than most.
func (db *DB) pruneAnswers(ctx context.Context, now time.Time, most int) error {
	return db.write(ctx, bulkTimeout, "delete old answers", func(ctx context.Context, tx *sql.Tx) error {
		until := now.UnixMilli()
		var beyond int64
		row := tx.QueryRowContext(ctx, "SELECT expires FROM answers WHERE claim = '' ORDER BY expires DESC LIMIT 1 OFFSET ?", most)
		if err := row.Scan(&beyond); err == nil {
			until = max(until, beyond)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM answers WHERE expires <= ? AND (claim = '' OR expires <= ?)", until, now.UnixMilli())
		return err
	})
}
