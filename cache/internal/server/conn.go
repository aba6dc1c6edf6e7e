package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
)

const inSize = 16 << 10

// errQuit ends a connection without anything being wrong.
var errQuit = errors.New("the client is done")

// conn is one connection, served by one goroutine.
type conn struct {
	s      *Server
	nc     net.Conn
	in     []byte // in[r:w] has been read and not used yet
	r, w   int
	out    out
	req    memproto.Request
	saved  []byte // the line of a request whose data is still to be read
	writer store.Writer
	readBy time.Time // the deadline that is set; zero for none
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	c.out.c = c
	return c
}

func (c *conn) serve() {
	defer c.nc.Close()
	c.in = make([]byte, inSize)
	c.s.Log.Debug("connected", "client", c.nc.RemoteAddr())
	why := c.run()
	if err := c.out.flush(); err != nil {
		why = errors.Join(why, err)
	}
	c.s.Log.Debug("disconnected", "client", c.nc.RemoteAddr(), "why", why)
}

// run answers requests until there is a reason to end, which it returns.
func (c *conn) run() error {
	for {
		line, long, err := c.readLine()
		if long {
			err = c.getLong()
		} else if err == nil {
			err = c.handle(line)
		}
		if err == nil {
			continue
		}
		if refused, ok := errors.AsType[*memproto.Error](err); ok {
			err = c.refuse(refused)
		}
		if err != nil {
			return err
		}
	}
}

// refuse answers a request that cannot be carried out, and skips its data.
func (c *conn) refuse(e *memproto.Error) error {
	c.s.badRequest.Add(1)
	if c.req.Length >= 0 {
		if err := c.skipData(c.req.Length); err != nil {
			return err
		}
	}
	if e.Answer != "" && !c.req.NoReply {
		if err := c.out.line(e.Answer); err != nil {
			return err
		}
	}
	if e.Close {
		return e
	}
	return nil
}

// readLine returns the next line without its end, which is a newline or a
// carriage return and a newline. The keys of a get may be of any length: when
// they fill the buffer before their end comes, long is true and nothing is used up.
func (c *conn) readLine() (line []byte, long bool, err error) {
	c.req.Length, c.req.NoReply = -1, false // of the request before
	for searched := 0; ; {
		if c.r < c.w && c.in[c.r]&0xfe == 0x80 {
			return nil, false, memproto.ErrForeign // the binary protocol
		}
		i := bytes.IndexByte(c.in[c.r+searched:c.w], '\n')
		if i >= 0 {
			searched += i
		} else {
			searched = c.w - c.r
		}
		switch {
		case searched > memproto.MaxLine && !memproto.MayBeLong(c.in[c.r:c.w]):
			return nil, false, memproto.ErrLineTooLong
		case i >= 0:
			line = c.in[c.r : c.r+searched]
			c.r += searched + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), false, nil
		case searched == len(c.in):
			return nil, true, nil
		}
		if err := c.fill(searched > 0); err != nil {
			return nil, false, err
		}
	}
}

// fill reads more into the buffer, which is not full.
func (c *conn) fill(midway bool) error {
	if c.r > 0 {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	n, err := c.read(c.in[c.w:], midway)
	c.w += n
	return err
}

// read reads from the client, once everything is answered that it may be waiting
// for. Midway in a request the client must go on within the stall limit,
// between requests within the idle limit.
func (c *conn) read(b []byte, midway bool) (int, error) {
	if err := c.out.flush(); err != nil {
		return 0, err
	}
	limit := c.s.idle
	if midway && (limit == 0 || limit > c.s.stall) {
		limit = c.s.stall
	}
	if err := c.setReadDeadline(limit); err != nil {
		return 0, err
	}
	n, err := c.nc.Read(b)
	c.s.bytesRead.Add(int64(n))
	if n > 0 {
		return n, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, err
}

// setReadDeadline makes reading fail after limit, 0 for never. It leaves a
// deadline that is nearly right, because setting one is not free.
func (c *conn) setReadDeadline(limit time.Duration) error {
	var by time.Time
	if limit > 0 {
		by = time.Now().Add(limit)
	}
	if off := by.Sub(c.readBy); by.IsZero() != c.readBy.IsZero() || off < 0 || off > limit/8 {
		if err := c.nc.SetReadDeadline(by); err != nil {
			return err
		}
		c.readBy = by
	}
	if c.s.closing.Load() { // checked after: endConns stores it before it sets the deadline
		return os.ErrDeadlineExceeded
	}
	return nil
}

// readData reads the whole of b, a part of a data block.
func (c *conn) readData(b []byte) error {
	n := copy(b, c.in[c.r:c.w])
	c.r += n
	for n < len(b) {
		m, err := c.read(b[n:], true)
		if err != nil {
			return err
		}
		n += m
	}
	return nil
}

// endData reads the line end after a data block. Where there is something else,
// the client is out of step: it is in step again after the next line end. A bare
// newline ends no data block, but is not read beyond.
func (c *conn) endData() (ok bool, err error) {
	b, err := c.readByte()
	if err == nil && b == '\r' {
		if b, err = c.readByte(); b == '\n' {
			return true, err
		}
	}
	for err == nil && b != '\n' {
		b, err = c.readByte()
	}
	return false, err
}

func (c *conn) readByte() (byte, error) {
	if c.r == c.w {
		if err := c.fill(true); err != nil {
			return 0, err
		}
	}
	c.r++
	return c.in[c.r-1], nil
}

// skipData reads a data block of n bytes and its line end for nothing.
func (c *conn) skipData(n int) error {
	for {
		have := min(n, c.w-c.r)
		c.r += have
		if n -= have; n == 0 {
			break
		}
		if err := c.fill(true); err != nil {
			return err
		}
	}
	_, err := c.endData()
	return err
}
