package server

import (
	"bytes"
	"slices"

	"memcache/cache/internal/memproto"
)

// state is where in a request a connection is: what the next bytes that it reads
// are.
type state uint8

const (
	atLine  state = iota // the beginning of a line
	inKeys               // the keys of a get, taken one by one
	inData               // a data block
	inSkip               // a data block that nobody wants
	atEnd                // the line end behind a data block
	inLine               // the rest of a line that is refused
	isAside              // nothing: the request is being carried out aside
)

// serve uses up what was read until there is a reason to stop, which it returns.
func (c *conn) serve() error {
	for {
		if c.out.full() {
			return errTurn
		}
		err := c.step()
		if err == nil {
			continue
		}
		if refused, ok := err.(*memproto.Error); ok {
			err = c.refuse(refused)
		}
		if err != nil {
			return err
		}
	}
}

func (c *conn) step() error {
	switch c.state {
	case inKeys:
		return c.nextKey()
	case inData:
		return c.data()
	case inSkip:
		return c.skip()
	case atEnd:
		return c.end()
	case inLine:
		return c.skipLine()
	default:
		return c.line()
	}
}

// refuse answers a request that cannot be carried out, once its data is skipped.
func (c *conn) refuse(e *memproto.Error) error {
	next := atLine
	if c.left >= 0 {
		next = inSkip
	}
	return c.refuseAfter(next, e)
}

// refuseAfter answers a request that cannot be carried out, once the rest of it
// is skipped.
func (c *conn) refuseAfter(rest state, e *memproto.Error) error {
	c.l.badRequests.Add(1)
	if c.req.NoReply {
		e = &memproto.Error{Close: e.Close}
	}
	c.refused, c.state = e, rest
	if rest == atLine {
		return c.answerRefused()
	}
	return nil
}

func (c *conn) answerRefused() error {
	e := c.refused
	c.refused = nil
	c.begin()
	if e.Answer != "" {
		_ = c.out.line(e.Answer)
	}
	if e.Close {
		return e
	}
	return nil
}

// begin makes the next bytes a new request.
func (c *conn) begin() {
	c.state, c.left, c.saved = atLine, -1, nil
}

// line carries out the request of the next line, whose end is a newline or a
// carriage return and a newline. The keys of a get may be of any length: they
// are taken one by one when the line is longer than others may be.
func (c *conn) line() error {
	c.req.NoReply = false // of the request before
	if len(c.in) > 0 && c.in[0]&0xfe == 0x80 {
		return memproto.ErrForeign // the binary protocol
	}
	i := bytes.IndexByte(c.in[:min(len(c.in), memproto.MaxLine+1)], '\n')
	switch {
	case i >= 0:
		line := c.in[:i]
		c.in = c.in[i+1:]
		return c.handle(bytes.TrimSuffix(line, []byte{'\r'}))
	case len(c.in) <= memproto.MaxLine:
		return errMore
	}
	return c.longLine()
}

// handle carries out the request of one line, after its data has come.
func (c *conn) handle(line []byte) error {
	c.current = line
	err := c.req.Parse(line)
	c.left = c.req.Length
	if err != nil {
		return err
	}
	if c.left < 0 {
		return c.carryOut()
	}
	if len(c.in) < c.left+len(memproto.End) {
		// Reading on will overwrite the line, and the request with it.
		c.saved = bytes.Clone(line)
		if err := c.req.Parse(c.saved); err != nil {
			return err
		}
	}
	return c.beginData()
}

// beginData prepares the store's memory for the data block of the request. When
// there is no room for it, what is stored under the key is dropped, because its
// client takes it for replaced.
func (c *conn) beginData() error {
	c.l.reader.Flush() // what was looked up counts before room is made
	if err := c.s.Store.Begin(&c.writer, c.req.Key, c.left); err != nil {
		c.dropOld()
		return refusal(err)
	}
	c.writing, c.state, c.ahead = true, inData, 1
	return c.data()
}

// maxParts is how many parts of a value are filled at once: more than a socket
// holds of them.
const maxParts = 4

// data takes over what has come of the data block. Each time that all parts are
// full, more of them are asked for than before: a value that is long in coming
// takes no more memory than what has come, and another fewer steps.
func (c *conn) data() error {
	for {
		c.fill()
		if len(c.parts) > 0 {
			return errMore
		}
		c.l.reader.Rest()
		parts, err := c.writer.NextParts(c.room[:0], c.ahead)
		if err != nil {
			c.abort()
			c.dropOld()
			return refusal(err)
		}
		if len(parts) == 0 {
			c.state = atEnd
			return c.end()
		}
		c.parts, c.ahead = parts, min(2*c.ahead, maxParts)
	}
}

// fill copies what has been read to where it belongs.
func (c *conn) fill() {
	for len(c.parts) > 0 && len(c.in) > 0 {
		n := copy(c.parts[0], c.in)
		c.in = c.in[n:]
		c.gotData(n)
	}
}

// gotData notes that n bytes have come to where they belong.
func (c *conn) gotData(n int) {
	c.left -= n
	for len(c.parts) > 0 && n >= len(c.parts[0]) {
		n -= len(c.parts[0])
		c.parts = c.parts[1:]
	}
	if n > 0 {
		c.parts[0] = c.parts[0][n:]
	}
}

// due is how many bytes there is a place for.
func (c *conn) due() (n int) {
	for _, part := range c.parts {
		n += len(part)
	}
	return n
}

func (c *conn) abort() {
	c.l.reader.Rest()
	c.writer.Abort()
	c.writing, c.parts = false, nil
}

// skip uses up a data block for nothing.
func (c *conn) skip() error {
	n := min(c.left, len(c.in))
	c.in = c.in[n:]
	if c.left -= n; c.left > 0 {
		return errMore
	}
	c.state = atEnd
	return nil
}

// end reads the line end after a data block. Where there is something else, the
// client is out of step: it is in step again after the next line end. A bare
// newline ends no data block, but is not read beyond.
func (c *conn) end() error {
	if len(c.in) == 0 || len(c.in) == 1 && c.in[0] == '\r' {
		return errMore
	}
	c.left = -1
	if bytes.HasPrefix(c.in, []byte(memproto.End)) {
		c.in = c.in[len(memproto.End):]
		return c.finish()
	}
	if c.refused != nil {
		c.state = inLine
		return nil
	}
	c.abort()
	return c.refuseAfter(inLine, memproto.ErrBadData)
}

// finish carries out the request whose data has come, or answers that it is
// refused.
func (c *conn) finish() error {
	if c.refused != nil {
		return c.answerRefused()
	}
	c.writing = false
	c.begin()
	return c.carryOut()
}

// skipLine uses up a line to its end for nothing.
func (c *conn) skipLine() error {
	i := bytes.IndexByte(c.in, '\n')
	if i < 0 {
		c.in = nil
		return errMore
	}
	c.in = c.in[i+1:]
	return c.answerRefused()
}

// longLine begins a get whose line is longer than others may be.
func (c *conn) longLine() error {
	head := c.in[:memproto.MaxLine]
	if !memproto.MayBeLong(head) {
		return memproto.ErrLineTooLong
	}
	keys, refused := c.req.ParseLong(head)
	head = head[:len(head)-len(keys)]
	c.in = c.in[len(head):]
	if refused != nil {
		return c.refuseAfter(inLine, refused)
	}
	c.saved = append(bytes.Clone(head), " k"...) // any key: they come in later
	c.state = inKeys
	return nil
}

// leaveKeys ends the turn in the middle of a get, of whose keys these are left:
// it goes on with them one by one.
func (c *conn) leaveKeys(key, rest []byte) error {
	c.saved = bytes.Clone(c.current[:len(c.current)-len(c.req.Keys)])
	c.in, c.own = slices.Concat(key, rest, []byte{'\n'}, c.in), true
	c.state = inKeys
	return errTurn
}

// nextKey carries out a get for the next key of its line, so that a line of any
// length takes no more memory than another.
func (c *conn) nextKey() error {
	c.in = bytes.TrimLeft(c.in, " ")
	i := bytes.IndexAny(c.in[:min(len(c.in), memproto.MaxKey+len(memproto.End))], " \n")
	if i < 0 {
		if len(c.in) < memproto.MaxKey+len(memproto.End) {
			return errMore
		}
		_, _, refused := memproto.NextKey(c.in)
		return c.refuseAfter(inLine, refused)
	}
	token, last := c.in[:i], c.in[i] == '\n'
	c.in = c.in[i+1:]
	if last {
		token = bytes.TrimSuffix(token, []byte{'\r'})
		c.begin()
	}
	key, _, refused := memproto.NextKey(token)
	if refused != nil {
		if last {
			return refused
		}
		return c.refuseAfter(inLine, refused)
	}
	if len(key) > 0 {
		if err := c.getOne(key); err != nil {
			return err
		}
	}
	if last {
		return c.out.line("END")
	}
	return nil
}
