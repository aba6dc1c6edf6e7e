package cachelink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxQueue bounds the requests under way on one connection.
const maxQueue = 1024

// errStale is in the error of a request whose connection the node had closed
// before a reply began: it may be sent again.
var errStale = errors.New("the connection was closed before a reply")

// errTimeout is in the error of a request that got no reply in its time.
var errTimeout = fmt.Errorf("no reply in time: %w", os.ErrDeadlineExceeded)

// errBusy is the error of a request over maxQueue. The node is not to blame.
var errBusy = errors.New("too many requests to the cache are under way")

// conn is one connection with its requests under way.
type conn struct {
	nc      net.Conn
	br      *bufio.Reader
	buffers *buffers
	limit   int // bytes of the largest value to expect

	waiting atomic.Int32 // senders in front of mu
	mu      sync.Mutex   // guards w, sends on queue, and ended
	w       *bufio.Writer
	queue   chan *call
	ended   error

	cause atomic.Pointer[error] // the first reason to end
}

func newConn(nc net.Conn, br *bufio.Reader, p *buffers, limit int) *conn {
	return &conn{nc: nc, br: br, buffers: p, limit: limit, w: bufio.NewWriterSize(nc, 64<<10), queue: make(chan *call, maxQueue)}
}

// fail ends the connection; the reader then tells all who wait.
func (cn *conn) fail(cause error) {
	cn.cause.CompareAndSwap(nil, &cause)
	cn.nc.Close()
}

// dead tells whether the connection is of no use any more.
func (cn *conn) dead() bool { return cn.cause.Load() != nil }

// roundTrip sends q and waits for the reply until deadline or ctx ends.
// After an error other than [errStale] or [errBusy], q must not be used again.
func (cn *conn) roundTrip(ctx context.Context, q *call, deadline time.Time) error {
	if err := cn.send(q, deadline); err != nil {
		return err
	}
	q.timer.Reset(time.Until(deadline))
	defer q.timer.Stop()
	select {
	case <-q.done:
		return q.err
	case <-q.timer.C:
		if q.abandon() {
			cn.fail(errTimeout)
			return errTimeout
		}
	case <-ctx.Done():
		if q.abandon() {
			return ctx.Err()
		}
	}
	<-q.done
	return q.err
}

// send queues q and writes it. When others wait to send, the last of them
// flushes for all.
func (cn *conn) send(q *call, deadline time.Time) error {
	cn.waiting.Add(1)
	cn.mu.Lock()
	defer cn.mu.Unlock()
	last := cn.waiting.Add(-1) == 0
	if cn.ended != nil {
		return cn.ended
	}
	err := cn.nc.SetWriteDeadline(deadline)
	var busy error
	if err == nil {
		select {
		case cn.queue <- q:
			err = cn.write(q)
		default:
			busy = errBusy
		}
	}
	if err == nil && last {
		err = cn.w.Flush()
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errTimeout
		}
		cn.fail(err) // q is in the queue, so the reader answers it
	}
	return busy
}

func (cn *conn) write(q *call) error {
	_, err := cn.w.Write(q.line)
	if err != nil || q.body == nil && q.head == nil {
		return err
	}
	for _, b := range [][]byte{q.head, q.body, {'\r', '\n'}} {
		if _, err := cn.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// read matches replies to requests until the connection ends.
func (cn *conn) read() {
	for {
		_, err := cn.br.Peek(1)
		if err != nil {
			cn.end(err)
			return
		}
		var q *call
		select {
		case q = <-cn.queue:
		default:
			cn.end(errors.New("the node sent something that nobody asked for"))
			return
		}
		if err := cn.readReply(q); err != nil {
			q.err = fmt.Errorf("read a reply of the cache: %w", err)
			q.finish()
			cn.end(err)
			return
		}
		q.finish()
	}
}

// end closes the connection and answers every request that is still queued.
func (cn *conn) end(err error) {
	cn.fail(err)
	if cause := *cn.cause.Load(); errors.Is(cause, errTimeout) {
		err = cause // the node hangs: asking it again would only take longer
	} else {
		err = fmt.Errorf("%w: %w", errStale, cause)
	}
	cn.mu.Lock()
	cn.ended = err
	cn.mu.Unlock()
	for {
		select {
		case q := <-cn.queue:
			q.err = err
			q.finish()
		default:
			return
		}
	}
}
