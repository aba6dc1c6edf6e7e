package sqlindex

import (
	"context"
	"database/sql"
	"errors"
)

// errLost undoes a transaction that came too late.
var errLost = errors.New("somebody else was first")

// Autopilot returns the state of the autopilot, nil while none was saved, and its version.
func (db *DB) Autopilot(ctx context.Context) (state []byte, version int64, err error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	row := db.reader.QueryRowContext(short, "SELECT state, version FROM autopilot")
	err = row.Scan(&state, &version)
	return state, version, db.fail(ctx, "read the state of the autopilot", err)
}

// SaveAutopilot saves the state if its version is still the one that was read, and,
// with it, changes the capacity from one to another, if they differ and it is still the
// one, and marks that. It reports false, and changes nothing, when somebody else was first.
func (db *DB) SaveAutopilot(ctx context.Context, state []byte, version, from, to int64) (saved bool, err error) {
	err = db.change(ctx, defaultTimeout, "save the state of the autopilot", func(ctx context.Context, tx *sql.Tx) error {
		n, err := execCount(ctx, tx, "UPDATE autopilot SET state = ?, version = version + 1 WHERE version = ?", state, version)
		if err == nil && n == 1 && from != to {
			n, err = execCount(ctx, tx, "UPDATE settings SET capacity = ? WHERE capacity = ?", to, from)
		}
		if err == nil && n != 1 {
			return errLost
		}
		if err == nil {
			err = markChange(ctx, tx, Settings{Capacity: from}, Settings{Capacity: to})
		}
		return err
	})
	if errors.Is(err, errLost) {
		return false, nil
	}
	return err == nil, err
}
