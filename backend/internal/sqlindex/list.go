package sqlindex

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// CountLimit is up to where the total of a list is counted exactly.
const CountLimit = 100_000

// orders are the ORDER BY of each sort.
var orders = map[string]string{
	api.SortNewest: "modified DESC, object_key",
	api.SortOldest: "modified, object_key",
	api.SortKey:    "object_key",
}

// List returns the page of rows after q.After. A row that does not change
// while the pages are fetched is on exactly one of them.
func (db *DB) List(ctx context.Context, q api.ListQuery) (storage.Page, error) {
	if orders[q.Sort] == "" {
		return storage.Page{}, api.Errorf(api.Invalid, "the order %q is unknown: use one of %s", q.Sort, strings.Join(api.Sorts, ", "))
	}
	if q.Limit < 1 || q.Limit > api.MaxListLimit {
		return storage.Page{}, api.Errorf(api.Invalid, "the limit %d is not between 1 and %d", q.Limit, api.MaxListLimit)
	}
	after, err := parseCursor(q.Sort, q.After)
	if err != nil {
		return storage.Page{}, err
	}
	match := db.matching(q)
	var page storage.Page
	err = db.read(ctx, "list objects", func(ctx context.Context, tx *sql.Tx) error {
		page = storage.Page{}
		if err := fillPage(ctx, tx, &page, q, match, after); err != nil {
			return err
		}
		return count(ctx, tx, &page, match)
	})
	return page, err
}

// fillPage fills in the rows of the page and its Next.
func fillPage(ctx context.Context, tx *sql.Tx, page *storage.Page, q api.ListQuery, match condition, after *cursor) error {
	for _, part := range partsAfter(q.Sort, after) {
		// One row more than the page has tells whether there is another page.
		left := q.Limit + 1 - len(page.Objects)
		if left == 0 {
			break
		}
		objects, err := selectObjects(ctx, tx, match.and(part), orders[q.Sort], left)
		if err != nil {
			return err
		}
		page.Objects = append(page.Objects, objects...)
	}
	if len(page.Objects) > q.Limit {
		page.Objects = page.Objects[:q.Limit]
		page.Next = formatCursor(q.Sort, page.Objects[q.Limit-1])
	}
	return nil
}

// count fills in the page's Total and Exact.
func count(ctx context.Context, tx *sql.Tx, page *storage.Page, match condition) error {
	statement := "SELECT COUNT(*) FROM (SELECT 1 FROM objects" + match.where() + " LIMIT ?) AS counted"
	err := tx.QueryRowContext(ctx, statement, append(slices.Clone(match.args), CountLimit+1)...).Scan(&page.Total)
	page.Exact = page.Total <= CountLimit
	page.Total = min(page.Total, CountLimit)
	return err
}

func selectObjects(ctx context.Context, tx *sql.Tx, c condition, order string, limit int) ([]storage.Object, error) {
	statement := fmt.Sprintf("SELECT %s FROM objects%s ORDER BY %s LIMIT ?", objectColumns, c.where(), order)
	rows, err := tx.QueryContext(ctx, statement, append(slices.Clone(c.args), limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var objects []storage.Object
	for rows.Next() {
		o, err := scanObject(rows.Scan)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, rows.Err()
}

// condition is a WHERE clause: terms that all hold, and their arguments. The
// terms are constants of this package; what users wrote is in args alone.
type condition struct {
	terms []string
	args  []any
}

func (c condition) and(d condition) condition {
	return condition{slices.Concat(c.terms, d.terms), slices.Concat(c.args, d.args)}
}

func (c condition) where() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// matching is the condition that a key has q's prefix and contains its search.
func (db *DB) matching(q api.ListQuery) condition {
	var c condition
	if q.Prefix != "" {
		c = c.and(condition{[]string{"object_key >= ?"}, []any{[]byte(q.Prefix)}})
	}
	if end := prefixEnd(q.Prefix); end != nil {
		c = c.and(condition{[]string{"object_key < ?"}, []any{end}})
	}
	if q.Search != "" {
		term, arg := db.dialect.contains(q.Search)
		c = c.and(condition{[]string{term}, []any{arg}})
	}
	return c
}

// prefixEnd returns the smallest string above all that begin with prefix, nil
// if there is none.
func prefixEnd(prefix string) []byte {
	end := []byte(strings.TrimRight(prefix, "\xff"))
	if len(end) == 0 {
		return nil
	}
	end[len(end)-1]++
	return end
}

// partsAfter splits what follows the cursor in the order of sort into parts
// that each are one range of an index.
func partsAfter(sort string, after *cursor) []condition {
	if after == nil {
		return []condition{{}}
	}
	key := []byte(after.key)
	if sort == api.SortKey {
		return []condition{{[]string{"object_key > ?"}, []any{key}}}
	}
	beyond := "modified < ?"
	if sort == api.SortOldest {
		beyond = "modified > ?"
	}
	return []condition{
		{[]string{"modified = ?", "object_key > ?"}, []any{after.modified, key}},
		{[]string{beyond}, []any{after.modified}},
	}
}
