package cachelink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxQueue bounds the requests under way on one connection.
const maxQueue = 1024

// readBuffer is how much of short replies one system call may bring. What a
// longer value has of it is copied once more.
const readBuffer = 16 << 10

// maxSpare bounds the memory that a connection keeps for what it will write.
const maxSpare = 64 << 10

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
	limit   int             // bytes of the largest value to expect
	run     run             // of the process at its other end
	running *sync.WaitGroup // the reader, and who writes on behalf of others

	mu      sync.Mutex // guards what follows
	queue   [maxQueue]*call
	first   int // place in queue of the oldest request
	length  int // requests in queue
	out     outbox
	writing bool        // someone writes what is in out
	spare   []byte      // memory for out
	watched *time.Timer // looks after the queue while it is not empty
	ended   error

	cause atomic.Pointer[error] // the first reason to end
}

func newConn(nc net.Conn, br *bufio.Reader, p *buffers, limit int, running *sync.WaitGroup) *conn {
	return &conn{nc: nc, br: br, buffers: p, limit: limit, running: running}
}

// fail ends the connection; the reader then tells all who wait.
func (cn *conn) fail(cause error) {
	cn.cause.CompareAndSwap(nil, &cause)
	cn.nc.Close()
}

// dead tells whether the connection is of no use any more.
func (cn *conn) dead() bool { return cn.cause.Load() != nil }

// roundTrip sends q and waits for the reply until q.deadline or ctx ends.
// After an error other than [errStale] or [errBusy], q must not be used again.
func (cn *conn) roundTrip(ctx context.Context, q *call) error {
	if err := cn.send(q); err != nil {
		return err
	}
	if ctx.Done() == nil {
		<-q.done
		return q.err
	}
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		if q.abandon() {
			return ctx.Err()
		}
	}
	<-q.done
	return q.err
}

// send queues q and sees that it is written: by itself, or by who is writing.
func (cn *conn) send(q *call) error {
	cn.mu.Lock()
	if cn.ended != nil || cn.length == maxQueue {
		defer cn.mu.Unlock()
		if cn.ended != nil {
			return cn.ended
		}
		return errBusy
	}
	cn.queue[(cn.first+cn.length)%maxQueue] = q
	cn.length++
	cn.out.add(q)
	if cn.watched == nil {
		cn.watched = time.AfterFunc(time.Until(q.deadline), cn.watch)
	}
	mine := !cn.writing
	cn.writing = true
	cn.mu.Unlock()
	if mine {
		cn.flush()
	}
	return nil
}

// flush writes what has been queued. It first lets those go ahead who are about
// to queue something, so that one system call carries it all.
func (cn *conn) flush() {
	runtime.Gosched()
	cn.mu.Lock()
	out := cn.out
	cn.out = outbox{text: cn.spare[:0]}
	cn.mu.Unlock()
	err := out.writeTo(cn.nc)
	if err != nil {
		cn.fail(err) // what is in the queue is answered by the reader
	}
	cn.mu.Lock()
	defer cn.mu.Unlock()
	if cap(out.text) <= maxSpare {
		cn.spare = out.text
	}
	cn.writing = cn.ended == nil && !cn.out.empty()
	if cn.writing {
		cn.running.Go(cn.flush) // this caller has its own reply to see to
	}
}

// watchPause is how long the watchdog looks away.
const watchPause = 10 * time.Millisecond

// watch ends the connection when a request has waited too long: the replies
// come in order, so that no later one would come in time either. It costs less
// than a timer for each request.
func (cn *conn) watch() {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	if cn.ended != nil || cn.length == 0 {
		cn.watched = nil
		return
	}
	now := time.Now()
	for i := range cn.length {
		if now.After(cn.queue[(cn.first+i)%maxQueue].deadline) {
			cn.fail(errTimeout)
			return
		}
	}
	cn.watched.Reset(watchPause)
}

// next takes the oldest request off the queue; nil if there is none.
func (cn *conn) next() *call {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	if cn.length == 0 {
		return nil
	}
	q := cn.queue[cn.first]
	cn.queue[cn.first] = nil
	cn.first = (cn.first + 1) % maxQueue
	cn.length--
	return q
}

// read matches replies to requests until the connection ends.
func (cn *conn) read() {
	for {
		_, err := cn.br.Peek(1)
		if err != nil {
			cn.end(err)
			return
		}
		q := cn.next()
		if q == nil {
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
	if cn.watched != nil {
		cn.watched.Stop()
	}
	cn.mu.Unlock()
	for q := cn.next(); q != nil; q = cn.next() {
		q.err = err
		q.finish()
	}
}

// outbox gathers commands and their values. Short ones are copied; long ones
// are written from where they are.
type outbox struct {
	before net.Buffers // what goes before text
	text   []byte
}

// shortValue is the longest value that is copied.
const shortValue = 4 << 10

func (o *outbox) empty() bool { return len(o.before) == 0 && len(o.text) == 0 }

func (o *outbox) add(q *call) {
	o.text = append(o.text, q.line...)
	if q.body == nil && q.head == nil {
		return
	}
	o.text = append(o.text, q.head...)
	if len(q.body) <= shortValue {
		o.text = append(o.text, q.body...)
	} else {
		o.before = append(o.before, o.text, q.body)
		o.text = nil
	}
	o.text = append(o.text, "\r\n"...)
}

func (o *outbox) writeTo(nc net.Conn) error {
	if len(o.before) == 0 {
		_, err := nc.Write(o.text)
		return err
	}
	all := append(o.before, o.text)
	_, err := all.WriteTo(nc)
	return err
}
