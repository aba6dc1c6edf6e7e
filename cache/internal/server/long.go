package server

import (
	"bytes"

	"memcache/cache/internal/memproto"
)

// getLong carries out a get whose line does not fit the buffer, key by key as
// they come: a line of any length takes no more memory than another.
func (c *conn) getLong() error {
	start := c.in[c.r:c.w]
	keys, refused := c.req.ParseLong(start)
	c.r += len(start) - len(keys)
	if refused != nil {
		if refused.Close {
			return refused
		}
		return c.endLong(false, refused)
	}
	for {
		token, last, err := c.nextLongKey()
		if err != nil {
			return err
		}
		if len(token) > 0 {
			if err := c.getOne(token); err != nil {
				return err
			}
		}
		if last {
			return c.out.line("END")
		}
	}
}

// nextLongKey uses up the line to the end of the next key; last tells that it
// was the line's last, and may be empty.
func (c *conn) nextLongKey() (key []byte, last bool, err error) {
	for {
		for c.r < c.w && c.in[c.r] == ' ' {
			c.r++
		}
		rest := c.in[c.r:c.w]
		if i := bytes.IndexAny(rest, " \n"); i >= 0 {
			c.r += i + 1
			last = rest[i] == '\n'
			token := rest[:i]
			if last {
				token = bytes.TrimSuffix(token, []byte{'\r'})
			}
			key, _, refused := memproto.NextKey(token)
			if refused != nil {
				return nil, last, c.endLong(last, refused)
			}
			return key, last, nil
		}
		if len(rest) > memproto.MaxKey+1 {
			_, _, refused := memproto.NextKey(rest)
			return nil, false, c.endLong(false, refused)
		}
		if err := c.fill(true); err != nil {
			return nil, false, err
		}
	}
}

// endLong skips the rest of a line that is refused.
func (c *conn) endLong(ended bool, refused *memproto.Error) error {
	for !ended {
		b, err := c.readByte()
		if err != nil {
			return err
		}
		ended = b == '\n'
	}
	return refused
}
