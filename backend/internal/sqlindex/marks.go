package sqlindex

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"memcache/shared/api"
)

const markColumns = "time_ms, kind, node, was, became"

// startsApart is how far apart the starts of one node are at least: backends that
// see the same one tell of about the same time.
const startsApart = 5 * time.Second

// MarkStart notes when a cache node began, unless that is noted already.
func (db *DB) MarkStart(ctx context.Context, node string, at time.Time) error {
	return db.write(ctx, defaultTimeout, "mark a start", func(ctx context.Context, tx *sql.Tx) error {
		var n int
		err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM marks WHERE time_ms > ? AND time_ms < ? AND kind = ? AND node = ?",
			at.Add(-startsApart).UnixMilli(), at.Add(startsApart).UnixMilli(), api.MarkStart, node).Scan(&n)
		if err != nil || n > 0 {
			return err
		}
		return putMark(ctx, tx, api.Mark{Time: at.UnixMilli(), Kind: api.MarkStart, Node: node})
	})
}

// markChange notes what changes of the settings.
func markChange(ctx context.Context, tx *sql.Tx, was, now Settings) error {
	for _, m := range SettingMarks(was, now, time.Now()) {
		if err := putMark(ctx, tx, m); err != nil {
			return err
		}
	}
	return nil
}

// SettingMarks are the marks of a change of the settings.
func SettingMarks(was, now Settings, at time.Time) (marks []api.Mark) {
	if was.Capacity != now.Capacity {
		marks = append(marks, api.Mark{
			Time: at.UnixMilli(), Kind: api.MarkCapacity, Was: strconv.FormatInt(was.Capacity, 10), Now: strconv.FormatInt(now.Capacity, 10),
		})
	}
	if was.Policy != now.Policy {
		marks = append(marks, api.Mark{Time: at.UnixMilli(), Kind: api.MarkPolicy, Was: was.Policy, Now: now.Policy})
	}
	return marks
}

func putMark(ctx context.Context, tx *sql.Tx, m api.Mark) error {
	_, err := tx.ExecContext(ctx, "REPLACE INTO marks ("+markColumns+") VALUES (?, ?, ?, ?, ?)", m.Time, m.Kind, m.Node, m.Was, m.Now)
	return err
}

// Marks returns the marks with since < Time <= until, oldest first, at most the
// newest limit ones.
func (db *DB) Marks(ctx context.Context, since, until time.Time, limit int) ([]api.Mark, error) {
	short, cancel := withTimeout(ctx, defaultTimeout)
	defer cancel()
	rows, err := db.reader.QueryContext(short, "SELECT * FROM (SELECT "+markColumns+
		" FROM marks WHERE time_ms > ? AND time_ms <= ? ORDER BY time_ms DESC, kind, node LIMIT ?) AS newest ORDER BY time_ms, kind, node",
		since.UnixMilli(), until.UnixMilli(), limit)
	if err != nil {
		return nil, db.fail(ctx, "read marks", err)
	}
	defer rows.Close()
	marks := []api.Mark{}
	for rows.Next() {
		m, err := scanMark(rows.Scan)
		if err != nil {
			return nil, db.fail(ctx, "read marks", err)
		}
		marks = append(marks, m)
	}
	return marks, db.fail(ctx, "read marks", rows.Err())
}

func scanMark(scan func(...any) error) (m api.Mark, err error) {
	err = scan(&m.Time, &m.Kind, &m.Node, &m.Was, &m.Now)
	return m, err
}

// pruneMarks deletes the marks that are older than samples may be.
func (db *DB) pruneMarks(ctx context.Context, now time.Time) error {
	return db.write(ctx, bulkTimeout, "delete old marks", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM marks WHERE time_ms <= ?", now.Add(-keepMinutes).UnixMilli())
		return err
	})
}
