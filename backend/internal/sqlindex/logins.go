package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"time"

	"memcache/backend/internal/login"
)

var _ login.Store = (*DB)(nil)

const loginColumns = "id, kind, account, scope, name, password, address, created, seen, expires, data"

const insertLogin = "INTO logins (" + loginColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "

func loginRow(l login.Login) []any {
	return []any{l.ID[:], l.Kind, l.Account, l.Scope, l.Name, l.Password, l.Address, l.Created, l.Seen, l.Expires, l.Data}
}

// Login returns the login with that id; [fs.ErrNotExist] when there is none.
func (db *DB) Login(ctx context.Context, id [32]byte) (login.Login, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	l, err := scanLogin(db.reader.QueryRowContext(short, "SELECT "+loginColumns+" FROM logins WHERE id = ?", id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return l, fs.ErrNotExist
	}
	return l, db.fail(ctx, "look a login up", err)
}

// Logins returns all logins, the oldest first.
func (db *DB) Logins(ctx context.Context) (all []login.Login, err error) {
	err = db.read(ctx, "list the logins", func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT "+loginColumns+" FROM logins ORDER BY created, id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			l, err := scanLogin(rows)
			if err != nil {
				return err
			}
			all = append(all, l)
		}
		return rows.Err()
	})
	return all, err
}

func scanLogin(row interface{ Scan(...any) error }) (l login.Login, err error) {
	var id []byte
	err = row.Scan(&id, &l.Kind, &l.Account, &l.Scope, &l.Name, &l.Password, &l.Address, &l.Created, &l.Seen, &l.Expires, &l.Data)
	copy(l.ID[:], id)
	return l, err
}

// SaveLogin adds a login, in the place of one with the same id.
func (db *DB) SaveLogin(ctx context.Context, l login.Login) error {
	return db.changeLogin(ctx, "save a login", l.Kind, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "REPLACE "+insertLogin, loginRow(l)...)
		return err
	})
}

// AddLogin adds a login. It reports false when there is one with the same id, which
// then stays as it is.
func (db *DB) AddLogin(ctx context.Context, l login.Login) (added bool, err error) {
	err = db.changeLogin(ctx, "add a login", l.Kind, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execCount(ctx, tx, db.dialect.addLogin, loginRow(l)...)
		added = n == 1
		return err
	})
	return added && err == nil, err
}

// UseLogin notes when and from where a login was used, and its data. It reports
// false, and notes nothing, when the data were not those before any more.
func (db *DB) UseLogin(ctx context.Context, l login.Login, before string) (used bool, err error) {
	err = db.write(ctx, defaultTimeout, "note a login's use", func(ctx context.Context, tx *sql.Tx) error {
		n, err := execCount(ctx, tx, "UPDATE logins SET seen = ?, address = ?, data = ? WHERE id = ? AND data = ?", l.Seen, l.Address, l.Data, l.ID[:], before)
		used = n == 1
		return err
	})
	return used && err == nil, err
}

// SeeLogin notes when and from where a login was used, and until when it may be.
// One that is gone stays so.
func (db *DB) SeeLogin(ctx context.Context, l login.Login) error {
	return db.write(ctx, defaultTimeout, "note a login's use", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE logins SET seen = ?, expires = ?, address = ? WHERE id = ?", l.Seen, l.Expires, l.Address, l.ID[:])
		return err
	})
}

// DeleteLogin deletes a login. It reports false when that was gone already.
func (db *DB) DeleteLogin(ctx context.Context, id [32]byte) (deleted bool, err error) {
	err = db.change(ctx, defaultTimeout, "delete a login", func(ctx context.Context, tx *sql.Tx) error {
		n, err := execCount(ctx, tx, "DELETE FROM logins WHERE id = ?", id[:])
		deleted = n == 1
		return err
	})
	return deleted && err == nil, err
}

// pruneLogins deletes the logins that have expired by now.
func (db *DB) pruneLogins(ctx context.Context, now time.Time) error {
	return db.write(ctx, bulkTimeout, "delete old logins", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM logins WHERE expires > 0 AND expires <= ?", now.UnixMilli())
		return err
	})
}
