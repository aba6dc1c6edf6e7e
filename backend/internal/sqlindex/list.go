package sqlindex

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// CountLimit is up to where the total of a list with a prefix is exact, and
// SearchCountLimit that of a search; that of all objects always is.
const (
	CountLimit       = 100_000
	SearchCountLimit = 10_000
)

// manyMatches is from how many keys with a prefix on the index of another order
// is the quicker way to the first of them.
const manyMatches = 2000

// List returns the page of rows after q.After, before q.Before or from q.From. A row that does not change
// while the pages are fetched is on exactly one of them.
func (db *DB) List(ctx context.Context, q api.ListQuery) (storage.Page, error) {
	order, ok := orders[q.Sort]
	if !ok {
		return storage.Page{}, api.Errorf(api.Invalid, "the order %q is unknown: use one of %s", q.Sort, strings.Join(api.Sorts, ", "))
	}
	if q.Limit < 1 || q.Limit > api.MaxListLimit {
		return storage.Page{}, api.Errorf(api.Invalid, "the limit %d is not between 1 and %d", q.Limit, api.MaxListLimit)
	}
	l := listing{db: db, query: q, order: order, match: db.matching(q), begun: q.After+q.Before+q.From != ""}
	if q.Before != "" {
		l.order = order.reversed()
	}
	parts, err := l.order.parts(q)
	if err != nil {
		return storage.Page{}, err
	}
	l.parts = parts
	err = db.read(ctx, "list objects", func(ctx context.Context, tx *sql.Tx) error {
		l.page = storage.Page{}
		return l.run(ctx, tx)
	})
	return l.page, err
}

// listing is one call of List.
type listing struct {
	db    *DB
	query api.ListQuery
	order order // in which the rows are read
	match condition
	parts []condition // where the page begins
	begun bool        // it is not the first page
	page  storage.Page

	hint      string // makes it go along an index
	matches   string // a query for exactly what the search matches, if there is a quick one
	matchArgs []any
}

// run fills in the page. How many keys match decides how to find the first of
// them: sorting a few is quick, and so is meeting one of many along the index of
// the order. A database cannot know which of the two it is.
func (l *listing) run(ctx context.Context, tx *sql.Tx) error {
	few, err := l.foundByIndex(ctx, tx)
	if err != nil {
		return err
	}
	if few || l.query.Prefix != "" {
		if err := l.count(ctx, tx); err != nil {
			return err
		}
		return l.fill(ctx, tx, !few && l.page.Total > l.db.manyMatches)
	}
	if err := l.fill(ctx, tx, true); err != nil {
		return err
	}
	if !l.begun && l.page.Next == "" {
		l.page.Total, l.page.Exact = int64(len(l.page.Objects)), true
		return nil
	}
	if len(l.match.terms) == 0 {
		l.page.Exact = true
		return tx.QueryRowContext(ctx, l.db.dialect.total).Scan(&l.page.Total)
	}
	return l.count(ctx, tx)
}

// minIndexed is how many characters a search must have for the index of trigrams.
const minIndexed = 3

// foundByIndex tells whether an index finds so few matches of the search that they
// are best taken from there. l.match names them then, so that the index is asked
// once.
func (l *listing) foundByIndex(ctx context.Context, tx *sql.Tx) (bool, error) {
	search := l.query.Search
	if search == "" || !canBeInKey(search) {
		return false, nil
	}
	if l.db.dialect.search == "" || utf8.RuneCountInString(search) < minIndexed {
		return l.foundByParts(ctx, tx)
	}
	args := []any{`"` + strings.ReplaceAll(lowerASCII(search), `"`, `""`) + `"`}
	ids, err := l.idsOf(ctx, tx, l.db.dialect.search, args)
	if ids == nil {
		l.matches, l.matchArgs = l.db.dialect.search, args
		return false, err
	}
	l.among(ids, prefixed(l.query.Prefix))
	return true, nil
}

// fill fills in the rows of the page and its Next; along makes it go along the
// index of the order, where that is not the key's.
func (l *listing) fill(ctx context.Context, tx *sql.Tx, along bool) error {
	limit, hint := l.query.Limit, l.hint
	if along && l.order.index != "" {
		hint = fmt.Sprintf(l.db.dialect.useIndex, l.order.index)
	}
	for _, part := range l.parts {
		// One row more than the page has tells whether there is another page.
		left := limit + 1 - len(l.page.Objects)
		if left == 0 {
			break
		}
		c := l.match.and(part)
		statement := pageStatement(hint, c, l.order.by())
		objects, err := selectObjects(ctx, tx, statement, append(slices.Clone(c.args), left)...)
		if err != nil {
			return err
		}
		l.page.Objects = append(l.page.Objects, objects...)
	}
	more := len(l.page.Objects) > limit
	l.page.Objects = l.page.Objects[:min(limit, len(l.page.Objects))]
	l.mark(more)
	return nil
}

// mark fills in what leads to the pages beside this one, and puts the rows in the
// order that was asked for; more tells whether rows follow those that were read.
func (l *listing) mark(more bool) {
	rows := l.page.Objects
	if len(rows) == 0 {
		return
	}
	before, after := l.begun, more
	if l.query.Before != "" {
		slices.Reverse(rows)
		before, after = more, true
	}
	if before {
		l.page.Prev = l.order.format(rows[0])
	}
	if after {
		l.page.Next = l.order.format(rows[len(rows)-1])
	}
}

// keysStatement finds the keys of a page, and pageStatement their rows. Only the
// keys can be found in the index alone, without the row of each that a search
// passes over.
func keysStatement(hint string, c condition, order string) string {
	return fmt.Sprintf("SELECT object_key AS page_key FROM objects%s%s ORDER BY %s LIMIT ?", hint, c.where(), order)
}

func pageStatement(hint string, c condition, order string) string {
	return fmt.Sprintf("SELECT %s FROM (%s) AS page JOIN objects ON object_key = page_key ORDER BY %s",
		objectColumns, keysStatement(hint, c, order), order)
}

// count fills in the page's Total and Exact.
func (l *listing) count(ctx context.Context, tx *sql.Tx) error {
	matches, args, limit := "SELECT 1 FROM objects"+l.hint+l.match.where(), l.match.args, l.db.countLimit
	if l.query.Search != "" {
		limit = min(limit, SearchCountLimit)
	}
	if l.matches != "" && l.query.Prefix == "" {
		matches, args = l.matches, l.matchArgs
	}
	var total int64
	err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM ("+matches+" LIMIT ?) AS counted", append(slices.Clone(args), limit+1)...).Scan(&total)
	l.page.Total, l.page.Exact = min(total, limit), total <= limit
	return err
}

func selectObjects(ctx context.Context, tx *sql.Tx, statement string, args ...any) ([]storage.Object, error) {
	rows, err := tx.QueryContext(ctx, statement, args...)
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
	c := prefixed(q.Prefix)
	if !canBeInKey(q.Search) {
		return condition{terms: []string{"1 = 0"}}
	}
	if q.Search != "" {
		term, arg := db.dialect.contains(q.Search)
		c = c.and(condition{[]string{term}, []any{arg}})
	}
	return c
}

// prefixed is the condition that a key has the prefix.
func prefixed(prefix string) condition {
	var c condition
	if prefix != "" {
		c = c.and(condition{[]string{"object_key >= ?"}, []any{[]byte(prefix)}})
	}
	if end := prefixEnd(prefix); end != nil {
		c = c.and(condition{[]string{"object_key < ?"}, []any{end}})
	}
	return c
}

// canBeInKey tells whether a key can contain s. Databases differ in what they
// make of the strings that none can.
func canBeInKey(s string) bool {
	return len(s) <= api.MaxKeyBytes && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// prefixEnd returns the smallest string above all that begin with prefix, nil
// if there is none.
func prefixEnd(prefix string) []byte {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return nil
	}
	end[len(end)-1]++
	return end
}
