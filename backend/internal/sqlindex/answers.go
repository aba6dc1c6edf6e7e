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
	row := db.reader.QueryRowContext(short, "SELECT answer FROM answers WHERE id = ? AND expires > ?", id[:], time.Now().UnixMilli())
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

// pruneAnswers deletes the answers that have expired by now, and the oldest of
// those that are more than most.
func (db *DB) pruneAnswers(ctx context.Context, now time.Time, most int) error {
	return db.write(ctx, bulkTimeout, "delete old answers", func(ctx context.Context, tx *sql.Tx) error {
		until := now.UnixMilli()
		var beyond int64
		row := tx.QueryRowContext(ctx, "SELECT expires FROM answers ORDER BY expires DESC LIMIT 1 OFFSET ?", most)
		if err := row.Scan(&beyond); err == nil {
			until = max(until, beyond)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM answers WHERE expires <= ?", until)
		return err
	})
}
