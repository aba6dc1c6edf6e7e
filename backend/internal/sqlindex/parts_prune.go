package sqlindex

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// DeleteAll leaves the parts in MySQL, which would take it minutes. They do no
// harm, because what is found by its parts is looked at. A walk through all parts,
// some at a time, deletes those whose keys are gone.

const (
	walkRows = 5000 // of one step
	maxSteps = 100  // of one walk, while it finds something
)

// place is where the walk has come to.
type place struct {
	part string // "" at the beginning
	id   int64
}

// pruneParts goes on with the walk: a step, and more of them for as long as they
// find parts to delete.
func (db *DB) pruneParts(ctx context.Context) error {
	if db.dialect.triggers {
		return nil
	}
	for range maxSteps {
		n, err := db.pruneStep(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// pruneStep looks at the next parts, and returns how many it has deleted.
func (db *DB) pruneStep(ctx context.Context) (deleted int64, err error) {
	db.walking.Lock()
	defer db.walking.Unlock()
	var gone map[string][]byte
	next := db.walked
	err = db.read(ctx, "look for parts of keys that are gone", func(ctx context.Context, tx *sql.Tx) error {
		gone, next, err = goneParts(ctx, tx, db.walked)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = db.write(ctx, bulkTimeout, "delete parts of keys that are gone", func(ctx context.Context, tx *sql.Tx) error {
		deleted = 0
		for part, ids := range gone {
			n, err := execCount(ctx, tx, fmt.Sprintf("DELETE FROM key_parts WHERE part = ? AND id IN (%s) AND NOT EXISTS (SELECT 1 FROM objects WHERE objects.id = key_parts.id)", ids), []byte(part))
			if err != nil {
				return err
			}
			deleted += n
		}
		return nil
	})
	if err == nil {
		db.walked = next
	}
	return deleted, err
}

// goneParts returns those of the parts after from whose rows are gone, as lists of
// ids by part, and where the walk has come to: to the beginning after the last one.
func goneParts(ctx context.Context, tx *sql.Tx, from place) (gone map[string][]byte, next place, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT walked.part, walked.id, objects.id IS NULL
FROM (SELECT part, id FROM key_parts WHERE part > ? OR part = ? AND id > ? ORDER BY part, id LIMIT ?) AS walked
LEFT JOIN objects ON objects.id = walked.id`, []byte(from.part), []byte(from.part), from.id, walkRows)
	if err != nil {
		return nil, next, err
	}
	defer rows.Close()
	gone = make(map[string][]byte)
	n := 0
	for ; rows.Next(); n++ {
		var at place
		var isGone bool
		if err := rows.Scan(&at.part, &at.id, &isGone); err != nil {
			return nil, next, err
		}
		if isGone {
			ids := gone[at.part]
			if len(ids) > 0 {
				ids = append(ids, ',')
			}
			gone[at.part] = strconv.AppendInt(ids, at.id, 10)
		}
		if way := strings.Compare(at.part, next.part); way > 0 || way == 0 && at.id > next.id {
			next = at
		}
	}
	if n < walkRows {
		next = place{}
	}
	return gone, next, rows.Err()
}
