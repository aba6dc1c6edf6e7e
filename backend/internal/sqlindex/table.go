package sqlindex

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// kind is what the values of a column are.
type kind int

const (
	asNumber kind = iota
	asFloat
	asText
	asBytes
)

type column struct {
	name string
	kind kind
}

// table is one that a copy of the database has, too. Its rows are found by the first
// of its columns, the key, in whose order they are read.
type table struct {
	name    string
	columns []column
	key     int    // how many columns are the key
	only    string // the condition for the rows that are copied; "" for all
	page    int    // rows in memory at once
}

// row is the values of a table's columns: int64, float64, string and []byte.
type row []any

// String tells rows with other values apart.
func (r row) String() string {
	var b []byte
	for _, v := range r {
		switch v := v.(type) {
		case string, []byte:
			b = fmt.Appendf(b, "%q ", v)
		default:
			b = fmt.Appendf(b, "%v ", v)
		}
	}
	return string(b)
}

func (t table) names() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

func (t table) isKey() string {
	conditions := make([]string, t.key)
	for i, c := range t.columns[:t.key] {
		conditions[i] = c.name + " = ?"
	}
	return strings.Join(conditions, " AND ")
}

// beyond is the condition that a row's key comes after another, or, with before,
// that it does not: by the first column, for an index, and then by the others.
func (t table) beyond(key row, before bool) (condition string, args []any) {
	first, between, last := " >= ?", " > ?", " > ?"
	if before {
		first, between, last = " <= ?", " < ?", " <= ?"
	}
	var either []string
	for i := range t.key {
		var all []string
		for _, c := range t.columns[:i] {
			all = append(all, c.name+" = ?")
		}
		sign := between
		if i == t.key-1 {
			sign = last
		}
		either = append(either, strings.Join(append(all, t.columns[i].name+sign), " AND "))
		args = append(args, key[:i+1]...)
	}
	if t.key == 1 {
		return either[0], args
	}
	return t.columns[0].name + first + " AND (" + strings.Join(either, " OR ") + ")", append([]any{key[0]}, args...)
}

// between reads a page of the rows after a key and until another one; nil is no
// limit.
func (t table) between(ctx context.Context, tx *sql.Tx, after, until row) ([]row, error) {
	conditions, args := []string{"1 = 1"}, []any{}
	if t.only != "" {
		conditions = append(conditions, t.only)
	}
	for _, end := range []struct {
		key    row
		before bool
	}{{after, false}, {until, true}} {
		if end.key != nil {
			condition, more := t.beyond(end.key, end.before)
			conditions, args = append(conditions, condition), append(args, more...)
		}
	}
	order := make([]string, t.key)
	for i, c := range t.columns[:t.key] {
		order[i] = c.name
	}
	return queryAll(ctx, tx, t.scan, "SELECT "+t.names()+" FROM "+t.name+" WHERE "+strings.Join(conditions, " AND ")+
		" ORDER BY "+strings.Join(order, ", ")+" LIMIT ?", append(args, t.page)...)
}

// scan reads a row, so that both databases give the same.
func (t table) scan(scan func(...any) error) (row, error) {
	into := make([]any, len(t.columns))
	for i, c := range t.columns {
		into[i] = [...]any{asNumber: new(int64), asFloat: new(float64), asText: new(string), asBytes: new([]byte)}[c.kind]
	}
	if err := scan(into...); err != nil {
		return nil, err
	}
	r := make(row, len(into))
	for i, v := range into {
		switch v := v.(type) {
		case *int64:
			r[i] = *v
		case *float64:
			r[i] = *v
		case *string:
			r[i] = *v
		case *[]byte:
			r[i] = append([]byte{}, *v...) // no nil, which would be NULL
		}
	}
	return r, nil
}

// put adds rows, in the place of those with the same keys. Long ones go one by one:
// a statement may have only so many bytes.
func (t table) put(ctx context.Context, tx *sql.Tx, rows []row) error {
	at := 1
	if t.page > notePage {
		at = loadRows
	}
	for some := range slices.Chunk(rows, at) {
		statement := "REPLACE INTO " + t.name + " (" + t.names() + ") VALUES " + marks("("+marks("?", len(t.columns))+")", len(some))
		if _, err := tx.ExecContext(ctx, statement, slices.Concat(some...)...); err != nil {
			return err
		}
	}
	return nil
}
