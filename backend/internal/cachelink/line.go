package cachelink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/storage"
	"memcache/shared/sock"
)

// lineBuffer is how much one system call of a Line may bring. Values that fit
// into it are handed out where they are, while they are still in the processor's
// cache; longer ones get memory of their own.
const lineBuffer = 256 << 10

// Line is a connection to one node for an event loop, which waits for its
// descriptor and alone uses it. It looks keys up and does nothing else: what a
// Line gathers between two calls of Flush leaves in one system call, and what one
// call of Read brings is handed out at once. A Line that failed is done with.
//
// An answer is matched to its request by order, so requests that get none in
// time end the Line, as they do other connections.
type Line struct {
	node  *node
	run   run
	limit int // bytes of the largest value to expect

	asked []question // from first on
	first int
	out   []byte
	in    []byte // of which from:to is not used yet
	from  int
	to    int

	reply reply   // of the value that is under way
	value *buffer // its memory; nil when none is
	have  int     // bytes of it that are there

	dead   atomic.Bool
	mu     sync.Mutex // guards fd against being shut down when it is another's
	fd     int
	closed bool
}

// question is a request under way.
type question struct {
	who      Asker
	deadline time.Time
}

// Asker is told what a Line found. An error means that the node could not be
// asked. Where there is a value but no Release, it is valid until Answered
// returns. Answered may call [Line.Get].
type Asker interface {
	Answered(found storage.Lookup, err error)
}

// Dial makes a Line to a node of a Client, unless that is left alone for a moment. It
// may take as long as a request.
func Dial(ctx context.Context, to storage.CacheNode) (*Line, error) {
	n, ok := to.(*node)
	if !ok {
		return nil, fmt.Errorf("a cache node of type %T has no lines", to)
	}
	if n.isClosed() {
		return nil, fmt.Errorf("cache node %s: %w", n.name, net.ErrClosed)
	}
	if n.breaker.open.Load() { // requests probe it
		return nil, fmt.Errorf("cache node %s: it is left alone for a moment", n.name)
	}
	cn, who, err := n.dial(ctx, time.Now().Add(n.timeout))
	if err != nil {
		return nil, fmt.Errorf("cache node %s: %w", n.name, err)
	}
	fd, err := sock.Take(cn.nc)
	if err != nil {
		_ = cn.nc.Close()
		return nil, fmt.Errorf("cache node %s: %w", n.name, err)
	}
	l := &Line{node: n, run: who.run, limit: cn.limit, fd: fd, in: make([]byte, lineBuffer)}
	if err := n.join(l, who); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return l, nil
}

// FD is the descriptor to wait for.
func (l *Line) FD() int { return l.fd }

// Get looks key up, and asks for the lease if it is not there. It reports false
// when the node cannot be asked now; otherwise who is told the answer.
func (l *Line) Get(key string, who Asker, now time.Time) bool {
	if l.dead.Load() || l.node.breaker.open.Load() || len(l.asked)-l.first >= maxQueue {
		return false
	}
	l.out = appendGet(l.out, key)
	l.asked = append(l.asked, question{who, now.Add(l.node.timeout)})
	return true
}

// Flush sends what has gathered, as far as the node takes it now: the rest needs
// another call when it takes more.
func (l *Line) Flush() error {
	if len(l.out) == 0 {
		return nil
	}
	n, err := sock.Send(l.fd, l.out)
	if err != nil && err != unix.EAGAIN {
		return l.failed(err)
	}
	l.out = l.out[:copy(l.out, l.out[n:])]
	return nil
}

// Read reads once and hands out the answers that are whole. It reports whether
// there may be more to read. After an error the Line must be closed.
func (l *Line) Read() (more bool, err error) {
	n, room, err := l.receive()
	if err == unix.EAGAIN {
		return false, nil
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if l.dead.Load() { // what it says counts no more, see node.meet
		err = errAnotherRun
	}
	for err == nil {
		var done bool
		if done, err = l.next(); !done {
			break
		}
	}
	if err != nil {
		return false, l.failed(err)
	}
	return n == room, nil
}

// receive reads into the value under way and behind it.
func (l *Line) receive() (n, room int, err error) {
	if l.from > 0 {
		l.to = copy(l.in, l.in[l.from:l.to])
		l.from = 0
	}
	free := l.in[l.to:]
	if l.value == nil || l.have == len(l.value.b) {
		n, err = sock.Recv(l.fd, free)
		l.to += n
		return n, len(free), err
	}
	part := l.value.b[l.have:]
	n, err = sock.Recv2(l.fd, part, free)
	mine := min(n, len(part))
	l.have += mine
	l.to += n - mine
	return n, len(part) + len(free), err
}

// next hands out the next answer if it is whole.
func (l *Line) next() (bool, error) {
	if l.value != nil {
		return l.longValue()
	}
	b := l.in[l.from:l.to]
	if len(b) == 0 {
		return false, nil
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) > maxLine {
			return false, errors.New("the node sent a line that does not end")
		}
		return false, nil
	}
	if l.first == len(l.asked) {
		return false, errors.New("the node sent something that nobody asked for")
	}
	line := bytes.TrimSuffix(b[:end], []byte("\r"))
	head, isValue := bytes.CutPrefix(line, []byte("VA "))
	if !isValue {
		return l.refusal(line, end+1)
	}
	r, err := parseValue(head, l.limit)
	if err != nil {
		return false, err
	}
	b = b[end+1:]
	whole := r.size + len(blockEnd)
	switch {
	case len(b) >= whole:
		l.from += end + 1 + whole
		return true, l.found(r, b[:whole], nil)
	case end+1+whole > len(l.in):
		l.reply, l.value = r, l.node.buffers.get(r.size)
		l.have = copy(l.value.b, b)
		l.from += end + 1 + l.have
		return true, nil
	}
	return false, nil
}

// maxLine is longer than any line that answers a lookup.
const maxLine = 2048

// refusal hands out an answer of one line, of which used bytes are taken.
func (l *Line) refusal(line []byte, used int) (bool, error) {
	word, _, _ := bytes.Cut(line, []byte(" "))
	if !knownReply(string(word)) {
		return false, fmt.Errorf("the node sent %q, which is no reply to the command", line)
	}
	l.from += used
	l.pop().Answered(storage.Lookup{}, &RefusedError{Node: l.node.name, Reply: string(line)})
	return true, nil
}

// longValue hands out the value that has memory of its own, if it is whole.
func (l *Line) longValue() (bool, error) {
	if l.have < len(l.value.b) || l.to-l.from < len(blockEnd) {
		return false, nil
	}
	value := l.value
	l.value = nil
	l.from += len(blockEnd)
	if end := l.in[l.from-len(blockEnd) : l.from]; string(end) != blockEnd {
		value.free()
		return false, wrongEnd(end)
	}
	l.pop().Answered(storage.Lookup{Value: value.b, Release: value.free}, nil)
	return true, nil
}

// found hands out a value with its line end, or a lease.
func (l *Line) found(r reply, block []byte, release func()) error {
	value, end := block[:r.size], block[r.size:]
	if string(end) != blockEnd {
		return wrongEnd(end)
	}
	if r.size == 0 {
		l.node.empty.Add(1)
		l.pop().Answered(l.node.lookup(l.run, r), nil)
		return nil
	}
	l.pop().Answered(storage.Lookup{Value: value, Release: release}, nil)
	return nil
}

// pop takes the oldest request.
func (l *Line) pop() Asker {
	who := l.asked[l.first].who
	l.asked[l.first].who = nil
	l.first++
	switch {
	case l.first == len(l.asked):
		l.asked, l.first = l.asked[:0], 0
	case l.first >= maxQueue:
		n := copy(l.asked, l.asked[l.first:])
		clear(l.asked[n:])
		l.asked, l.first = l.asked[:n], 0
	}
	return who
}

// Busy tells whether an answer is outstanding.
func (l *Line) Busy() bool { return l.first < len(l.asked) }

// Check fails when a request has waited too long: the Line must be closed.
func (l *Line) Check(now time.Time) error {
	if l.Busy() && now.After(l.asked[l.first].deadline) {
		return l.failed(errTimeout)
	}
	return nil
}

// failed tells the breaker of a failure. That the node closed the connection
// says nothing of it: requests find out.
func (l *Line) failed(err error) error {
	if !errors.Is(err, io.EOF) && !l.dead.Load() {
		_ = l.node.judge(context.Background(), false, err)
	}
	return err
}

// Close closes the Line; requests that have no answer fail with why.
func (l *Line) Close(why error) {
	l.node.leave(l)
	l.mu.Lock()
	l.closed = true
	_ = unix.Close(l.fd)
	l.mu.Unlock()
	l.dead.Store(true)
	if l.value != nil {
		l.value.free()
		l.value = nil
	}
	for l.first < len(l.asked) {
		l.pop().Answered(storage.Lookup{}, why)
	}
}

// fail makes the Line useless; its owner notices by reading from it.
func (l *Line) fail() {
	l.dead.Store(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		_ = unix.Shutdown(l.fd, unix.SHUT_RDWR)
	}
}
