package server

import (
	"bytes"
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
	"memcache/shared/sock"
)

// Why a connection does not go on for now, or for ever.
var (
	errMore  = errors.New("more must be read")
	errTurn  = errors.New("its turn is over")
	errAside = errors.New("its request is carried out aside")
	errQuit  = errors.New("the client is done")
	errStill = errors.New("the client was still for too long")
	errEnd   = errors.New("the server ends")
)

// conn is one connection. It belongs to a loop, which alone touches it; what it
// needs only while it has its turn is the loop's.
type conn struct {
	l      *loop
	s      *Server
	fd     int
	from   unix.Sockaddr     // the client
	slot   int32             // its place in the loop
	watch  uint32            // the events that the loop waits for
	active time.Duration     // when it last made progress
	req    *memproto.Request // the loop's: that of the request under way
	out    *out              // borrowed from the loop; nil when there is nothing to send

	in     []byte // read and not used yet
	own    bool   // in is the connection's own memory, not the loop's
	hungry bool   // what is in does not suffice to go on
	unread bool   // the client may have sent more
	ended  bool   // the client sends no more after that
	ready  bool   // it goes on without waiting for an event
	over   error  // why it ends when all is sent; nil while it goes on

	state   state
	current []byte           // the line under way, while its turn lasts
	saved   []byte           // while a request goes on beyond its turn: a line that says the same
	left    int              // bytes of the data block that are still to come; -1 for none
	parts   [][]byte         // where the next of them go
	room    [maxParts][]byte // for parts
	ahead   int              // how many parts are asked for next
	writer  store.Writer
	writing bool            // writer is in use
	refused *memproto.Error // what is answered when the rest of the request is skipped
}

// note takes down what an event tells, and returns whether the connection should
// have a turn for it.
func (c *conn) note(events uint32) bool {
	c.unread = c.unread || events&^unix.EPOLLOUT != 0
	c.ended = c.ended || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	return !c.ready
}

// turn lets the connection go on: it sends what is pending, reads once, or a good
// piece of a value, carries out what it can, and sends the answers. Then it waits for what it needs next.
func (c *conn) turn() {
	if c.out != nil && !c.send() {
		return
	}
	err := c.over
	if err == nil {
		err = c.work()
	}
	if err != errMore && err != errTurn && err != errAside {
		c.over = err
	}
	c.l.reader.Count()
	if c.out != nil && !c.send() {
		return
	}
	c.settle(err)
}

// settle is called when all answers are sent.
func (c *conn) settle(err error) {
	switch {
	case c.over != nil:
		c.close(c.over)
	case err == errAside:
		c.await(0)
	case c.l.ending && c.hungry:
		c.close(errEnd)
	case err == errTurn || c.unread:
		c.l.again(c)
	default:
		c.await(input)
	}
}

// maxData is how many bytes of a value a turn reads, about: what is in the socket is
// best read while the processor has it in its cache.
const maxData = 1 << 20

// work reads, if it must, and carries out what is there.
func (c *conn) work() error {
	if c.hungry && !c.unread {
		return errMore
	}
	if len(c.saved) > 0 {
		// The loop's request was another connection's meanwhile. It was parsed
		// before without an error that matters here.
		_ = c.req.Parse(c.saved)
	}
	c.l.borrowOut(c)
	for left := maxData; ; {
		if c.hungry {
			n, err := c.read()
			if err != nil {
				return err
			}
			left -= n
		}
		err := c.serve()
		c.hungry = err == errMore
		c.keep()
		if !c.hungry || !c.unread || c.state != inData || left <= 0 {
			return err
		}
	}
}

// keep moves what is left in the loop's buffer to the connection's own memory,
// and of its own memory what is needed when that is little.
func (c *conn) keep() {
	switch {
	case len(c.in) == 0:
		c.in = nil
	case !c.own || c.hungry:
		c.in, c.own = bytes.Clone(c.in), true
	}
}

// read reads once: the data of a data block straight to where they go, and all
// else into the loop's buffer. It returns how much that was. What does not fill the
// room was all that there is.
func (c *conn) read() (int, error) {
	have := copy(c.l.in, c.in)
	due, room := c.due(), c.l.in[have:]
	if due > 0 && c.left > due {
		room = nil // only behind the last part comes what is not data
	}
	n, err := sock.RecvAll(c.fd, c.parts, room, c.l.iov[:])
	c.unread = c.ended || n == due+len(room)
	switch {
	case err == unix.EAGAIN:
		c.unread = false
		return 0, errMore
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	c.active = c.l.now
	c.l.bytesRead.Add(int64(n))
	due = min(n, due)
	c.gotData(due)
	c.in, c.own = c.l.in[:have+n-due], false
	return n, nil
}

// send sends what is pending, for as long as the socket takes some: while a long
// value is being sent, its client often reads on another processor. It tells
// whether the connection can go on: all is gone, and the loop has its buffer back.
func (c *conn) send() bool {
	for !c.out.empty() {
		n, err := c.out.send(c.fd, c.l.iov[:])
		c.l.bytesWritten.Add(int64(n))
		if n > 0 {
			c.active = c.l.now
		}
		if err != nil {
			c.close(err)
			return false
		}
		if n == 0 {
			c.await(unix.EPOLLOUT)
			return false
		}
	}
	c.l.returnOut(c)
	return true
}

// input are the events of a client that sends something. Each is told once, which
// costs the system less: what it tells of must be read to its end before the next.
const input = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// await makes the loop wait for events of the connection, 0 for none.
func (c *conn) await(events uint32) {
	if events == c.watch {
		return
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case events == 0:
		op = unix.EPOLL_CTL_DEL // or a client that is gone would wake the loop all the time
	case c.watch == 0:
		op = unix.EPOLL_CTL_ADD
	}
	if err := unix.EpollCtl(c.l.epoll, op, c.fd, &unix.EpollEvent{Events: events, Fd: c.slot}); err != nil {
		c.close(err)
		return
	}
	c.watch = events
}

// aside carries out in a goroutine of its own what may take longer than the
// other connections of the loop should wait, and answers with the line that work
// returns. Until then the connection waits.
func (c *conn) aside(work func() string) error {
	quiet := c.req.NoReply
	c.s.serving.Go(func() {
		answer := work()
		c.l.inbox.Do(func() {
			if c.fd < 0 {
				return
			}
			c.active = c.l.now
			if !quiet {
				c.l.borrowOut(c)
				_ = c.out.line(answer)
			}
			c.state, c.hungry = atLine, false
			c.turn()
		})
	})
	c.state = isAside
	return errAside
}

// expired tells whether the client was still for longer than it may be: midway
// in a request or an answer, or between requests.
func (c *conn) expired(now time.Duration) bool {
	limit := c.s.idle
	midway := c.state != atLine || len(c.in) > 0 || c.out != nil
	if midway && (limit == 0 || limit > c.s.stall) {
		limit = c.s.stall
	}
	return limit > 0 && c.state != isAside && now-c.active > limit
}

func (c *conn) close(why error) {
	if c.fd < 0 {
		return
	}
	if c.writing {
		c.abort()
	}
	if c.out != nil {
		c.out.reset()
		c.l.returnOut(c)
	}
	if err := unix.Close(c.fd); err != nil {
		why = errors.Join(why, err)
	}
	c.fd = -1
	c.l.remove(c)
	c.s.Log.Debug("disconnected", "client", c, "why", why)
}
