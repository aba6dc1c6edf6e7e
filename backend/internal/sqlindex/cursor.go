package sqlindex

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// order is how the rows of a list follow each other: by a column, then by key.
type order struct {
	code    byte   // marks the cursors of this order
	column  string // "" for the key alone
	index   string // has the column and the key in this order, forwards or backwards
	desc    bool   // the column descends
	keyDesc bool   // so do the keys
	// value is the column of a row, an int64 or a string; nil for the key alone.
	value func(storage.Object) any
}

var orders = map[string]order{
	api.SortNewest:   {code: 'n', column: "modified", index: "objects_newest", desc: true, value: modifiedOf},
	api.SortOldest:   {code: 'o', column: "modified", index: "objects_oldest", value: modifiedOf},
	api.SortKey:      {code: 'k'},
	api.SortKeyDown:  {code: 'K', keyDesc: true},
	api.SortSmallest: {code: 's', column: "size", index: "objects_size", value: sizeOf},
	api.SortLargest:  {code: 'S', column: "size", index: "objects_size", desc: true, keyDesc: true, value: sizeOf},
	api.SortType:     {code: 't', column: "content_type", index: "objects_type", value: typeOf},
	api.SortTypeDown: {code: 'T', column: "content_type", index: "objects_type", desc: true, keyDesc: true, value: typeOf},
}

func modifiedOf(o storage.Object) any { return o.Modified.UnixMilli() }

func sizeOf(o storage.Object) any { return o.Size }

func typeOf(o storage.Object) any { return o.Type }

// by is what follows ORDER BY.
func (o order) by() string {
	by := "object_key" + direction(o.keyDesc)
	if o.column != "" {
		by = o.column + direction(o.desc) + ", " + by
	}
	return by
}

func direction(desc bool) string {
	if desc {
		return " DESC"
	}
	return ""
}

// reversed is the order backwards.
func (o order) reversed() order {
	o.desc, o.keyDesc = !o.desc, !o.keyDesc
	return o
}

// parts are where the page that q asks for begins, each one range of the order's
// index. Of an order by key alone, it may begin at any key.
func (o order) parts(q api.ListQuery) ([]condition, error) {
	switch {
	case q.From == "":
		at, err := o.parse(q.After + q.Before)
		return o.after(at), err
	case !o.keyDesc:
		return []condition{{[]string{"object_key >= ?"}, []any{[]byte(q.From)}}}, nil
	}
	if end := prefixEnd(q.From); end != nil {
		return []condition{{[]string{"object_key < ?"}, []any{end}}}, nil
	}
	return []condition{{}}, nil
}

// after splits what follows the cursor into parts that each are one range of
// the order's index.
func (o order) after(c *cursor) []condition {
	if c == nil {
		return []condition{{}}
	}
	beyondKey := condition{[]string{"object_key" + beyond(o.keyDesc)}, []any{[]byte(c.key)}}
	if o.column == "" {
		return []condition{beyondKey}
	}
	return []condition{
		condition{[]string{o.column + " = ?"}, []any{c.value}}.and(beyondKey),
		{[]string{o.column + beyond(o.desc)}, []any{c.value}},
	}
}

func beyond(desc bool) string {
	if desc {
		return " < ?"
	}
	return " > ?"
}

// cursor is the place after a row in a list. On the wire it is opaque:
// base64url of the order's code, the value of its column (a number as 8 bytes,
// a text up to a NUL), and the key.
type cursor struct {
	value any // what order.value gave
	key   string
}

func (o order) format(row storage.Object) string {
	b := []byte{o.code}
	if o.value != nil {
		switch v := o.value(row).(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(b, uint64(v))
		case string:
			b = append(append(b, v...), 0)
		}
	}
	return base64.RawURLEncoding.EncodeToString(append(b, row.Key...))
}

// parse returns the cursor in s, nil if s is empty.
func (o order) parse(s string) (*cursor, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 || b[0] != o.code {
		return nil, badCursor(s)
	}
	c, ok := o.split(b[1:])
	if !ok || api.CheckKey(c.key) != nil {
		return nil, badCursor(s)
	}
	return c, nil
}

// split takes the value and the key apart.
func (o order) split(b []byte) (c *cursor, ok bool) {
	if o.value == nil {
		return &cursor{key: string(b)}, true
	}
	if _, number := o.value(storage.Object{}).(int64); number {
		if len(b) < 8 {
			return nil, false
		}
		return &cursor{value: int64(binary.BigEndian.Uint64(b)), key: string(b[8:])}, true
	}
	value, key, ok := strings.Cut(string(b), "\x00")
	return &cursor{value: value, key: key}, ok && len(value) <= maxType && utf8.ValidString(value)
}

// maxType is the longest media type in bytes; the column holds no longer one.
const maxType = 255

func badCursor(s string) error {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return api.Errorf(api.Invalid, "the page marker %q is not one that a list in this order gave: leave \"after\" out to begin at the first page", s)
}
