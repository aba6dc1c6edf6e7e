package server

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/store"
	"memcache/shared/sock"
)

const (
	inSize    = 16 << 10 // bytes of requests that are read at once: what of a value comes with them is copied
	maxEvents = 128
	maxSpare  = 16  // buffers for answers that are kept for the next turns
	maxIovecs = 512 // parts of answers in one system call
	wakeSlot  = -1  // stands for the loop's own event
)

// loop carries out the requests of its connections, one turn of one connection
// after the other, in one goroutine. A turn is bounded: what 16 KiB of requests
// ask for, or the answers that fill a buffer, whichever comes first. So the
// connections share a loop fairly, and none of them needs more than its
// registration while it has nothing to say.
type loop struct {
	s            *Server
	epoll        int
	inbox        *sock.Inbox   // what others want to be done in the loop
	slots        []*conn       // by slot, which is what epoll knows a connection by
	free         []int32       // slots that hold none
	count        int           // of connections
	ready, other []*conn       // those that go on without waiting; other is room for the next of them
	now          time.Duration // the server's uptime when the wait ended
	swept        time.Duration // when expired connections were looked for
	ending       bool
	endBy        time.Duration // of ending: when connections are closed whatever they are at

	reader *store.Reader
	in     []byte
	req    memproto.Request
	spare  []*out
	iov    [maxIovecs]unix.Iovec
	hold   int // milliseconds for which it may keep its processor while it waits

	counters
}

// counters count what a loop does. Each has its own, so that they do not take
// them out of each other's cache; statistics sum them.
type counters struct {
	bytesRead, bytesWritten   atomic.Int64
	metaCommands, badRequests atomic.Int64
}

// counts are the sums over all loops.
type counts struct{ bytesRead, bytesWritten, metaCommands, badRequests int64 }

func (s *Server) counts() (sum counts) {
	for _, l := range s.loops {
		sum.bytesRead += l.bytesRead.Load()
		sum.bytesWritten += l.bytesWritten.Load()
		sum.metaCommands += l.metaCommands.Load()
		sum.badRequests += l.badRequests.Load()
	}
	return sum
}

func newLoop(s *Server) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	inbox, err := sock.NewInbox(epoll, wakeSlot)
	if err != nil {
		return nil, errors.Join(err, unix.Close(epoll))
	}
	hold := 0
	if runtime.GOMAXPROCS(0) > s.threads {
		hold = 1
	}
	return &loop{s: s, hold: hold, epoll: epoll, inbox: inbox, reader: s.Store.NewReader(), in: make([]byte, inSize)}, nil
}

// run is the loop. It returns when it was told to end and has no connection any
// more.
func (l *loop) run() {
	var events [maxEvents]unix.EpollEvent
	defer l.reader.Flush()
	for !l.ending || l.count > 0 {
		n := l.wait(events[:])
		l.now = l.s.uptime()
		l.reader.Tick()
		woken := false
		for _, e := range events[:n] {
			if e.Fd == wakeSlot {
				woken = true
			} else if c := l.slots[e.Fd]; c != nil && c.note(e.Events) {
				c.turn()
			}
		}
		l.runReady()
		if woken { // after the events, whose slots must not be another's by then
			l.inbox.Run()
		}
		l.sweep()
	}
}

// wait waits for events. A short time it does so without telling the scheduler,
// which would take the processor away and give it back, and watch over it every
// 20 µs: that costs more than a request. Reader.Flush comes before a longer wait.
func (l *loop) wait(events []unix.EpollEvent) int {
	l.reader.Rest()
	hold := l.hold
	if len(l.ready) > 0 {
		hold = 0
	}
	n := sock.Poll(l.epoll, events, hold)
	if n > 0 || len(l.ready) > 0 {
		return n
	}
	l.reader.Flush()
	timeout := -1
	if l.count > 0 {
		timeout = int(l.sweepEvery() / time.Millisecond)
	}
	n, err := unix.EpollWait(l.epoll, events, timeout)
	if err != nil && err != unix.EINTR {
		panic(err) // a wrong descriptor: nothing else can go wrong
	}
	return max(n, 0)
}

// runReady gives each connection that can go on one turn.
func (l *loop) runReady() {
	ready := l.ready
	l.ready = l.other[:0]
	for _, c := range ready {
		c.ready = false
		if c.fd >= 0 {
			c.turn()
		}
	}
	clear(ready)
	l.other = ready
}

// again gives the connection another turn after the others had theirs.
func (l *loop) again(c *conn) {
	c.await(input)
	if c.fd >= 0 && !c.ready {
		c.ready = true
		l.ready = append(l.ready, c)
	}
}

// sweepEvery is how often expired connections are looked for.
func (l *loop) sweepEvery() time.Duration {
	shortest := l.s.stall
	if l.s.idle > 0 {
		shortest = min(shortest, l.s.idle)
	}
	return min(max(shortest/4, 10*time.Millisecond), time.Second)
}

func (l *loop) sweep() {
	if l.now-l.swept < l.sweepEvery() {
		return
	}
	l.swept = l.now
	late := l.ending && l.now > l.endBy
	for _, c := range l.slots {
		switch {
		case c == nil:
		case late:
			c.close(errEnd)
		case c.expired(l.now):
			c.close(errStill)
		}
	}
}

// add makes the loop serve a connection.
func (l *loop) add(c *conn) {
	if n := len(l.free); n > 0 {
		c.slot = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		c.slot = int32(len(l.slots))
		l.slots = append(l.slots, nil)
	}
	l.slots[c.slot] = c
	l.count++
	c.l, c.req, c.active = l, &l.req, l.now
	c.begin()
	c.hungry = true
	c.await(input)
}

// remove is for the connection to call when it is closed.
func (l *loop) remove(c *conn) {
	l.slots[c.slot] = nil
	l.free = append(l.free, c.slot)
	l.count--
	l.s.connections.Add(-1)
}

// end makes the loop end: connections that wait for their client are closed, the
// others when they have answered, or by a time.
func (l *loop) end(by time.Duration) {
	l.ending, l.endBy = true, by
	for _, c := range l.slots {
		if c != nil && c.hungry && c.out == nil {
			c.close(errEnd)
		}
	}
}

// close gives the descriptors back, when nothing runs any more.
func (l *loop) close() error {
	return errors.Join(l.inbox.Close(), unix.Close(l.epoll))
}

// borrowOut lends the connection a buffer for answers, if it has none.
func (l *loop) borrowOut(c *conn) {
	if c.out != nil {
		return
	}
	if n := len(l.spare); n > 0 {
		c.out = l.spare[n-1]
		l.spare = l.spare[:n-1]
		return
	}
	c.out = newOut()
}

// returnOut takes the empty buffer of the connection back.
func (l *loop) returnOut(c *conn) {
	if len(l.spare) < maxSpare && !c.out.large() {
		l.spare = append(l.spare, c.out)
	}
	c.out = nil
}
