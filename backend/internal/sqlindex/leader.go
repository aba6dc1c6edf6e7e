package sqlindex

import (
	"context"
	"database/sql"
	"time"
)

// Lead makes holder the leader of all backends for term from now on, unless another
// is. The database's clock decides: those of the backends may differ.
func (db *DB) Lead(ctx context.Context, holder string, term time.Duration) (leads bool, err error) {
	err = db.write(ctx, defaultTimeout, "ask for the lead", func(ctx context.Context, tx *sql.Tx) error {
		n, err := execCount(ctx, tx, "UPDATE leader SET holder = ?, terms = terms + 1, until_ms = "+db.dialect.clock+" + ? WHERE holder = ? OR until_ms < "+db.dialect.clock,
			holder, term.Milliseconds(), holder)
		leads = n == 1
		return err
	})
	return leads && err == nil, err
}

// Resign lets another be the leader at once, if holder is.
func (db *DB) Resign(ctx context.Context, holder string) error {
	return db.write(ctx, defaultTimeout, "give the lead back", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE leader SET holder = '', until_ms = 0 WHERE holder = ?", holder)
		return err
	})
}
