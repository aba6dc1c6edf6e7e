package sqlindex

import (
	"encoding/base64"
	"encoding/binary"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// cursor is the place after a row in a list. On the wire it is opaque:
// base64url of the sort's first letter, the time as 8 bytes, and the key.
type cursor struct {
	modified int64 // Unix milliseconds
	key      string
}

const cursorHeader = 1 + 8

func formatCursor(sort string, o storage.Object) string {
	b := append(make([]byte, 0, cursorHeader+len(o.Key)), sort[0])
	b = binary.BigEndian.AppendUint64(b, uint64(o.Modified.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(b, o.Key...))
}

// parseCursor returns the cursor in s, nil if s is empty.
func parseCursor(sort, s string) (*cursor, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) <= cursorHeader || b[0] != sort[0] {
		return nil, badCursor(s)
	}
	c := &cursor{modified: int64(binary.BigEndian.Uint64(b[1:])), key: string(b[cursorHeader:])}
	if api.CheckKey(c.key) != nil {
		return nil, badCursor(s)
	}
	return c, nil
}

func badCursor(s string) error {
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return api.Errorf(api.Invalid, "the page marker %q is not one that a list in this order gave: leave \"after\" out to begin at the first page", s)
}
