package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The table key_parts has the parts of each key: what it has from each of its
// bytes on, in lower case and at most partBytes of the dialect. So whatever a key
// contains is the beginning of one of its parts, or has such in it. In MySQL,
// whoever changes the rows changes it too; it may have parts of keys that are gone,
// see pruneParts. In SQLite it is an index of FTS5, which triggers keep; it is asked
// when a search is too short for the index of trigrams.

// partRows is how many rows of parts one statement adds or deletes.
const partRows = 1000

// maxWindows bounds how many of the parts of a search are tried.
const maxWindows = 16

// windows are the parts of a search by which keys that contain it can be found.
// The last ones come first: names often differ at their ends.
func windows(search string, partBytes int) []string {
	search = lowerASCII(search)
	if len(search) <= partBytes {
		return []string{search}
	}
	var all []string
	for from := len(search) - partBytes; from >= 0 && len(all) < maxWindows; from-- {
		if window := search[from : from+partBytes]; !slices.Contains(all, window) {
			all = append(all, window)
		}
	}
	return all
}

// partsOf are the parts of a key, each once.
func partsOf(key string, partBytes int) []string {
	key = lowerASCII(key)
	parts := make([]string, len(key))
	for i := range parts {
		parts[i] = key[i:min(i+partBytes, len(key))]
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// mysqlWithPart is the query for the ids of the rows that have a part which begins
// with a window, and its arguments.
func mysqlWithPart(window string) (string, []any) {
	args := []any{[]byte(window), prefixEnd(window)}
	return "SELECT DISTINCT objects.id FROM key_parts STRAIGHT_JOIN objects ON objects.id = key_parts.id WHERE part >= ? AND part < ?", args
}

func sqliteWithPart(window string) (string, []any) {
	return "SELECT rowid FROM key_parts WHERE key_parts MATCH ?", []any{fmt.Sprintf("%q", fmt.Sprintf("%X", window))}
}

// addParts adds the parts of new rows, by their ids, where no triggers do.
func (db *DB) addParts(ctx context.Context, tx *sql.Tx, keys map[int64]string) error {
	if db.dialect.triggers {
		return nil
	}
	var args []any
	for id, key := range keys {
		for _, part := range partsOf(key, db.dialect.partBytes) {
			args = append(args, []byte(part), id)
		}
	}
	for chunk := range slices.Chunk(args, 2*partRows) {
		statement := "INSERT IGNORE INTO key_parts (part, id) VALUES " + marks("(?, ?)", len(chunk)/2)
		if _, err := tx.ExecContext(ctx, statement, chunk...); err != nil {
			return err
		}
	}
	return nil
}

// addPartsOf adds those of the rows with these keys.
func (db *DB) addPartsOf(ctx context.Context, tx *sql.Tx, keys []any) error {
	if db.dialect.triggers {
		return nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, object_key FROM objects WHERE object_key IN ("+marks("?", len(keys))+")", keys...)
	if err != nil {
		return err
	}
	defer rows.Close()
	found := make(map[int64]string, len(keys))
	for rows.Next() {
		var id int64
		var key string
		if err := rows.Scan(&id, &key); err != nil {
			return err
		}
		found[id] = key
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return db.addParts(ctx, tx, found)
}

// removeParts removes the parts of the row of key, which is about to go.
func (db *DB) removeParts(ctx context.Context, tx *sql.Tx, key string) error {
	if db.dialect.triggers {
		return nil
	}
	var id int64
	row := tx.QueryRowContext(ctx, "SELECT id FROM objects WHERE object_key = ? FOR UPDATE", []byte(key))
	if err := row.Scan(&id); errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	args := []any{id}
	for _, part := range partsOf(key, db.dialect.partBytes) {
		args = append(args, []byte(part))
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM key_parts WHERE id = ? AND part IN ("+marks("?", len(args)-1)+")", args...)
	return err
}

// marks repeats mark, with commas between.
func marks(mark string, n int) string {
	return strings.TrimSuffix(strings.Repeat(mark+",", n), ",")
}

// foundByParts tells whether the parts of the search lead to so few keys that the
// matches are best looked for among these. l.match names them then.
func (l *listing) foundByParts(ctx context.Context, tx *sql.Tx) (bool, error) {
	partBytes := l.db.dialect.partBytes
	for _, window := range windows(l.query.Search, partBytes) {
		query, args := l.db.dialect.withPart(window)
		ids, err := l.idsOf(ctx, tx, query, args)
		if err != nil {
			return false, err
		}
		if ids != nil {
			l.among(ids, l.match)
			return true, nil
		}
		if len(l.query.Search) <= partBytes { // exactly these
			l.matches, l.matchArgs = query, args
		}
	}
	return false, nil
}

// idsOf returns what a query for ids finds, as a list that begins with 0, which no
// row has; nil if that is too much.
func (l *listing) idsOf(ctx context.Context, tx *sql.Tx, query string, args []any) ([]byte, error) {
	rows, err := tx.QueryContext(ctx, query+" LIMIT ?", append(slices.Clone(args), l.db.manyMatches+1)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids, n := []byte("0"), int64(0)
	for ; rows.Next(); n++ {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = strconv.AppendInt(append(ids, ','), id, 10)
	}
	if err := rows.Err(); err != nil || n > l.db.manyMatches {
		return nil, err
	}
	return ids, nil
}

// among makes the list go through the rows with these ids alone.
func (l *listing) among(ids []byte, match condition) {
	l.match = condition{terms: []string{"id IN (" + string(ids) + ")"}}.and(match)
	l.hint = l.db.dialect.byID
}
