package front

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/storage"
	"memcache/shared/sock"
)

// errEnd is told those who asked a line that the loop hung up.
var errEnd = errors.New("the server ends")

// patienceBytes is how much of a reply a client must take in each Config.Stall.
const patienceBytes = 256 << 10

// state is what a client is at.
type state int

const (
	waiting  state = iota // for a request
	asking                // the cache
	sending               // a hit, of which the socket did not take all at once
	handling              // the handler has the request
)

// conn is a connection of a loop, which alone touches it, but for what serves a
// handler.
type conn struct {
	loop   *loop
	fd     int // -1 when it is closed
	slot   int32
	remote string
	state  state
	unread bool          // there may be more to read
	ended  bool          // the client sends no more after that
	since  time.Time     // when the present state began, or made progress
	limit  time.Duration // to wait for a request

	hit  Hit
	out  rest  // while sending
	lent int64 // bytes of Config.Memory

	reply    reply         // of the handler
	room     chan struct{} // gets an element when the socket takes more
	deadline time.Time     // of the handler's writing; none if zero
}

// rest is what is left of a reply.
type rest struct {
	head, body []byte
	release    func() // gives body back; nil for none
	size       int    // of the whole body
	step       int    // bytes to take until since is set anew
}

// event takes note of what epoll tells of the socket.
func (c *conn) event(events uint32) {
	defer c.caught()
	if events&^unix.EPOLLOUT != 0 {
		c.unread = true
		c.ended = c.ended || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	}
	switch c.state {
	case waiting:
		c.next()
	case sending:
		if events&^unix.EPOLLIN != 0 {
			c.push()
		}
	case handling:
		if events&^unix.EPOLLIN != 0 {
			select {
			case c.room <- struct{}{}:
			default:
			}
		}
	}
}

// next reads the next request if there is one.
func (c *conn) next() {
	if !c.unread || c.state != waiting {
		return
	}
	n, err := sock.Recv(c.fd, c.loop.in)
	switch {
	case err == unix.EAGAIN:
		c.unread = false
	case err != nil || n == 0:
		c.close()
	default:
		c.unread = c.ended || n == len(c.loop.in) // what does not fill the room was all there is
		c.request(c.loop.in[:n])
	}
}

// request begins to answer what was read.
func (c *conn) request(b []byte) {
	r := parse(b)
	if r == nil || !strings.HasPrefix(r.RequestURI, c.loop.cfg.Prefix) {
		c.give(b)
		return
	}
	r.RemoteAddr = c.remote
	if c.loop.cfg.Hits == nil {
		c.handle(r)
		return
	}
	hit := c.loop.cfg.Hits.Begin(r)
	switch {
	case hit == nil:
		c.handle(r)
	case c.loop.ask(hit, c):
		c.state, c.hit = asking, hit
	default:
		c.handle(hit.GoOn(storage.Lookup{}))
	}
}

// give makes the connection net/http's.
func (c *conn) give(read []byte) {
	lp, fd, remote := c.loop, c.fd, c.remote
	lp.remove(c)
	c.fd = -1
	read = bytes.Clone(read)
	lp.running.Go(func() { lp.give(lp, fd, remote, read) })
}

// caught keeps a panic of Hits from ending more than the connection.
func (c *conn) caught() {
	if reason := recover(); reason != nil {
		c.loop.cfg.Log.Error("a request panicked", "panic", reason, "stack", string(debug.Stack()))
		c.hit = nil
		c.giveBack()
		c.close()
	}
}

// Answered goes on with what the cache said.
func (c *conn) Answered(found storage.Lookup, err error) {
	defer c.caught()
	switch {
	case err != nil:
		c.goOn(storage.Lookup{})
	case found.Value == nil:
		c.goOn(found)
	case !c.lend(int64(len(found.Value))):
		free(found)
		hit := c.hit
		c.hit = nil
		c.handle(hit.GoPast())
	case !c.answer(found):
		free(found)
		c.giveBack()
		c.goOn(storage.Lookup{})
	}
}

func free(found storage.Lookup) {
	if found.Release != nil {
		found.Release()
	}
}

// lend takes memory for a value, until giveBack.
func (c *conn) lend(bytes int64) bool {
	if c.loop.cfg.Memory == nil {
		return true
	}
	if !c.loop.cfg.Memory.TryAcquire(bytes) {
		return false
	}
	c.lent = bytes
	return true
}

func (c *conn) giveBack() {
	if c.lent > 0 {
		c.loop.cfg.Memory.Release(c.lent)
		c.lent = 0
	}
}

// goOn leaves the rest to the handler.
func (c *conn) goOn(found storage.Lookup) {
	hit := c.hit
	c.hit = nil
	c.handle(hit.GoOn(found))
}

// answer sends what was found; what the socket does not take now is kept for
// later. It reports false when the value is damaged.
func (c *conn) answer(found storage.Lookup) bool {
	lp := c.loop
	clear(lp.header)
	body, ok := c.hit.Answer(lp.header, found.Value)
	if !ok {
		return false
	}
	lp.head = appendHead(lp.head[:0], http.StatusOK, lp.header, false)
	c.out = rest{head: lp.head, body: body, release: found.Release, size: len(body), step: patienceBytes}
	if len(body) <= joined {
		lp.head = append(lp.head, body...)
		c.out.head, c.out.body = lp.head, nil
	}
	c.state, c.since = sending, lp.now
	c.push()
	if c.state == sending && c.fd >= 0 {
		c.out.head = bytes.Clone(c.out.head) // it is the loop's
		if found.Release == nil {
			c.out.body = bytes.Clone(c.out.body) // it is the line's
		}
	}
	return true
}

// push gives the socket as much of a hit as it takes.
func (c *conn) push() {
	for len(c.out.head)+len(c.out.body) > 0 {
		n, err := sock.Send2(c.fd, c.out.head, c.out.body)
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			c.close()
			return
		}
		c.progress(n)
	}
	c.endHit()
	c.wait()
}

// progress notes that n more bytes are gone.
func (c *conn) progress(n int) {
	o := &c.out
	fromHead := min(n, len(o.head))
	o.head, o.body = o.head[fromHead:], o.body[n-fromHead:]
	if o.step -= n; o.step <= 0 {
		o.step, c.since = patienceBytes, c.loop.now
	}
}

// endHit ends a hit, however much of it was sent.
func (c *conn) endHit() {
	out, hit := c.out, c.hit
	c.out, c.hit = rest{}, nil
	c.giveBack()
	if out.release != nil {
		out.release()
	}
	if hit != nil { // or it panicked
		hit.Sent(int64(max(out.size-len(out.head)-len(out.body), 0)))
	}
}

// wait lets the client ask again.
func (c *conn) wait() {
	c.state, c.since, c.limit = waiting, c.loop.now, c.loop.cfg.Idle
	if c.loop.ending {
		c.close()
		return
	}
	c.next()
}

// handle has the handler answer.
func (c *conn) handle(r *http.Request) {
	c.state = handling
	c.loop.handlers++
	c.loop.begin(job{c, r})
}

// handled goes on when the handler has answered.
func (c *conn) handled(err error) {
	c.loop.handlers--
	c.state = waiting
	if err != nil {
		c.close()
		return
	}
	c.wait()
}

// serve calls the handler and sends what it left unsent. The connection is of no
// use after an error.
func (c *conn) serve(r *http.Request) (err error) {
	defer func() {
		switch reason := recover(); reason {
		case nil:
		case http.ErrAbortHandler:
			err = http.ErrAbortHandler
		default:
			err = http.ErrAbortHandler
			c.loop.cfg.Log.Error("a handler panicked", "panic", reason, "stack", string(debug.Stack()))
		}
	}()
	c.deadline = time.Time{}
	c.reply.begin(c)
	c.loop.cfg.Handler.ServeHTTP(&c.reply, r)
	return c.reply.finish()
}

// write sends a and b for the handler, and waits while the socket takes no more.
func (c *conn) write(a, b []byte) error {
	for len(a)+len(b) > 0 {
		n, err := sock.Send2(c.fd, a, b)
		if err == unix.EAGAIN {
			err = c.awaitRoom()
		}
		if err != nil {
			return err
		}
		fromA := min(n, len(a))
		a, b = a[fromA:], b[n-fromA:]
	}
	return nil
}

// file has the kernel copy up to n bytes of it to a socket, from where the last ones
// ended; 0 without an error is the end.
type file interface {
	SendTo(socket, n int) (int, error)
}

// sendFile sends n bytes of f, or all that it has, without a copy here.
func (c *conn) sendFile(f file, n int64) (total int64, err error) {
	for err == nil && total < n {
		var sent int
		sent, err = f.SendTo(c.fd, int(min(n-total, patienceBytes)))
		total += int64(sent)
		switch {
		case err == unix.EAGAIN:
			err = c.awaitRoom()
		case err == unix.EINTR:
			err = nil
		case err == nil && sent == 0:
			return total, nil
		}
	}
	return total, err
}

// awaitRoom waits until the socket may take more, or the deadline passes.
func (c *conn) awaitRoom() error {
	if c.deadline.IsZero() {
		<-c.room
		return nil
	}
	timer := time.NewTimer(time.Until(c.deadline))
	defer timer.Stop()
	select {
	case <-c.room:
		return nil
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
}

// expired tells whether the client has been idle for too long, or takes too long
// over a hit. A handler sees to its own time.
func (c *conn) expired() bool {
	limit := time.Duration(0)
	switch c.state {
	case waiting:
		limit = c.limit
	case sending:
		limit = c.loop.cfg.Stall
	}
	return limit > 0 && c.loop.now.Sub(c.since) > limit
}

// close closes the connection, which no handler has.
func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	c.loop.remove(c)
	_ = unix.Close(c.fd)
	c.fd = -1
	if c.state == sending {
		c.endHit()
	}
}

// cut ends the connection; a handler fails to send the rest.
func (c *conn) cut() {
	switch c.state {
	case waiting, sending:
		c.close()
	default:
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
	}
}
