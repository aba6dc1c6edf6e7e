package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// maxUploads is how many uploads in progress Prune leaves.
const maxUploads = 10_000

const insertUpload = `INSERT INTO uploads (id, turn, expires, state) VALUES (?, 1, ?, ?) `

// TakeUpload makes it the caller's turn to go on with the upload id, until another
// takes it or it is not kept any more. It returns the turn, and the state that was
// kept last; empty when there is none.
func (db *DB) TakeUpload(ctx context.Context, id [32]byte, keep time.Duration) (turn int64, state []byte, err error) {
	expires := time.Now().Add(keep).UnixMilli()
	err = db.write(ctx, defaultTimeout, "take an upload", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, db.dialect.takeUpload, id[:], expires, []byte{}); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT turn, state FROM uploads WHERE id = ?", id[:]).Scan(&turn, &state)
	})
	return turn, state, err
}

// KeepUpload keeps the state of an upload, unless it is another's turn by now.
func (db *DB) KeepUpload(ctx context.Context, id [32]byte, turn int64, state []byte, keep time.Duration) (kept bool, err error) {
	expires := time.Now().Add(keep).UnixMilli()
	err = db.write(ctx, defaultTimeout, "keep the state of an upload", func(ctx context.Context, tx *sql.Tx) error {
		n, err := execCount(ctx, tx, "UPDATE uploads SET state = ?, expires = ? WHERE id = ? AND turn = ?", state, expires, id[:], turn)
		kept = n == 1
		return err
	})
	return kept && err == nil, err
}

// OwnsUpload tells whether it is still that turn.
func (db *DB) OwnsUpload(ctx context.Context, id [32]byte, turn int64) (bool, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	var one int
	row := db.reader.QueryRowContext(short, "SELECT 1 FROM uploads WHERE id = ? AND turn = ?", id[:], turn)
	if err := row.Scan(&one); errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, db.fail(ctx, "look an upload up", err)
	}
	return true, nil
}

// DropUpload forgets an upload, unless it is another's turn by now.
func (db *DB) DropUpload(ctx context.Context, id [32]byte, turn int64) error {
	return db.write(ctx, defaultTimeout, "forget an upload", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM uploads WHERE id = ? AND turn = ?", id[:], turn)
		return err
	})
}

// pruneUploads forgets the uploads that nobody has gone on with, and the oldest of
// those that are more than most.
func (db *DB) pruneUploads(ctx context.Context, now time.Time, most int) error {
	return db.write(ctx, bulkTimeout, "forget old uploads", func(ctx context.Context, tx *sql.Tx) error {
		until := now.UnixMilli()
		var beyond int64
		row := tx.QueryRowContext(ctx, "SELECT expires FROM uploads ORDER BY expires DESC LIMIT 1 OFFSET ?", most)
		if err := row.Scan(&beyond); err == nil {
			until = max(until, beyond)
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM uploads WHERE expires <= ?", until)
		return err
	})
}
