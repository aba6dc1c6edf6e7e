package front

import (
	"errors"
	"net/http"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/storage"
	"memcache/shared/sock"
)

const (
	inSize    = 16 << 10 // bytes of the longest request that is looked into
	maxEvents = 128
	// What epoll knows the loop's own event by, and the lines, which count down
	// from there. Clients have slots from 0 on.
	wakeSlot  = -1
	firstLine = -2
)

// loop answers the requests of its clients, one step of one client after the
// other, in one goroutine.
type loop struct {
	*Listener
	epoll    int
	inbox    *sock.Inbox // what others want to be done in the loop
	slots    []*conn
	free     []int32 // slots that hold none
	count    int     // of clients
	now      time.Time
	checked  time.Time // when requests to the cache were looked at
	swept    time.Time // when clients were
	ending   bool
	hold     int // milliseconds for which it may keep its processor while it waits
	handlers int // that answer its clients

	lines  []*line     // to the cache nodes
	in     []byte      // where requests are read to
	head   []byte      // memory for the header of a reply
	header http.Header // the same
}

// line is the place of a connection to a cache node.
type line struct {
	node            storage.CacheNode
	*cachelink.Line           // nil while there is none
	dialing         bool      // one is being made
	tried           time.Time // when that was last begun
}

// redial is how long after a try to reach a node there is another one.
const redial = 100 * time.Millisecond

func newLoop(l *Listener) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	inbox, err := sock.NewInbox(epoll, wakeSlot)
	if err != nil {
		return nil, errors.Join(err, unix.Close(epoll))
	}
	lp := &loop{Listener: l, epoll: epoll, inbox: inbox, in: make([]byte, inSize), header: make(http.Header, 16)}
	if runtime.GOMAXPROCS(0) > loopCount() {
		lp.hold = 1
	}
	return lp, nil
}

// both are the events of a socket, each of which is told once: what it tells of
// must be used up before the next.
const both = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

func (lp *loop) watch(fd int, slot int32, events uint32) error {
	return unix.EpollCtl(lp.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: slot})
}

// run is the loop. It returns when it was told to end and has no client any more.
func (lp *loop) run() {
	var events [maxEvents]unix.EpollEvent
	for !lp.ending || lp.count > 0 {
		n := lp.wait(events[:])
		lp.now = time.Now()
		woken := false
		for _, e := range events[:n] {
			switch {
			case e.Fd == wakeSlot:
				woken = true
			case e.Fd <= firstLine:
				lp.hear(int(firstLine-e.Fd), e.Events)
			default:
				if c := lp.slots[e.Fd]; c != nil {
					c.event(e.Events)
				}
			}
		}
		if woken { // after the events, whose slots must not be another's by then
			lp.inbox.Run()
		}
		lp.flush()
		lp.sweep()
	}
	for i := range lp.lines {
		lp.hangUp(i, errEnd)
	}
}

// wait waits for events. A short time it does so without telling the scheduler,
// which would take the processor away and give it back: that costs more than a
// request. It does not where handlers want the processor.
func (lp *loop) wait(events []unix.EpollEvent) int {
	hold := lp.hold
	if lp.handlers > 0 {
		hold = 0
		runtime.Gosched()
	}
	if n := sock.Poll(lp.epoll, events, hold); n > 0 {
		return n
	}
	n, err := unix.EpollWait(lp.epoll, events, int(lp.longest()/time.Millisecond))
	if err != nil && err != unix.EINTR {
		panic(err) // a wrong descriptor: nothing else can go wrong
	}
	return max(n, 0)
}

// ask has a hit looked up for c; false when the node cannot be asked now.
func (lp *loop) ask(hit Hit, c *conn) bool {
	i := lp.lineTo(hit.Node())
	to := lp.lines[i]
	if to.Line == nil {
		lp.dial(i)
		return false
	}
	return to.Get(hit.CacheKey(), c, lp.now)
}

// lineTo returns the number of the line to a node, if need be that of one that led to
// another and is not in use.
func (lp *loop) lineTo(node storage.CacheNode) int {
	unused := -1
	for i, l := range lp.lines {
		switch {
		case l.node == node:
			return i
		case l.Line == nil && !l.dialing && lp.now.Sub(l.tried) > redial:
			unused = i
		}
	}
	if unused < 0 {
		unused = len(lp.lines)
		lp.lines = append(lp.lines, nil)
	}
	lp.lines[unused] = &line{node: node}
	return unused
}

// dial makes a line to a node, unless that is being done.
func (lp *loop) dial(i int) {
	to := lp.lines[i]
	if to.dialing || lp.ending || lp.now.Sub(to.tried) < redial {
		return
	}
	to.dialing, to.tried = true, lp.now
	lp.running.Go(func() {
		made, err := cachelink.Dial(lp.open, to.node)
		kept := lp.inbox.Do(func() {
			to.dialing = false
			if err == nil {
				lp.pickUp(i, made)
			}
		})
		if !kept && err == nil {
			made.Close(errEnd)
		}
	})
}

func (lp *loop) pickUp(i int, made *cachelink.Line) {
	if err := lp.watch(made.FD(), int32(firstLine-i), both); err != nil || lp.ending {
		made.Close(errEnd)
		return
	}
	lp.lines[i].Line = made
}

// hear takes the answers of a node.
func (lp *loop) hear(i int, events uint32) {
	from := lp.lines[i].Line
	if from == nil {
		return
	}
	if events&^unix.EPOLLOUT == 0 {
		return // flush sends what is left
	}
	for {
		more, err := from.Read()
		if err != nil {
			lp.hangUp(i, err)
			return
		}
		if !more && events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
			return
		}
	}
}

// hangUp ends a line; what was asked on it goes to the handler, which asks anew.
func (lp *loop) hangUp(i int, why error) {
	if from := lp.lines[i].Line; from != nil {
		lp.lines[i].Line = nil
		from.Close(why)
	}
}

// flush sends the nodes what has gathered for them.
func (lp *loop) flush() {
	for i := range lp.lines {
		if to := lp.lines[i].Line; to != nil {
			if err := to.Flush(); err != nil {
				lp.hangUp(i, err)
			}
		}
	}
}

// The loop looks for what has taken too long so often: requests to the cache
// soon, clients later.
const (
	checkEvery = 20 * time.Millisecond
	sweepEvery = 500 * time.Millisecond
)

// longest is how long the loop may wait for events.
func (lp *loop) longest() time.Duration {
	for i := range lp.lines {
		if to := lp.lines[i].Line; to != nil && to.Busy() {
			return checkEvery
		}
	}
	return sweepEvery
}

// sweep ends what has taken too long.
func (lp *loop) sweep() {
	if lp.now.Sub(lp.checked) < checkEvery {
		return
	}
	lp.checked = lp.now
	for i := range lp.lines {
		if from := lp.lines[i].Line; from != nil {
			if err := from.Check(lp.now); err != nil {
				lp.hangUp(i, err)
			}
		}
	}
	if lp.now.Sub(lp.swept) < sweepEvery {
		return
	}
	lp.swept = lp.now
	for _, c := range lp.slots {
		if c != nil && c.expired() {
			c.close()
		}
	}
}

// take makes a socket one of the loop's clients, of which a request was read
// already, or nil. It may be called by anyone.
func (lp *loop) take(fd int, remote string, read []byte) {
	if !lp.inbox.Do(func() { lp.add(fd, remote, read) }) {
		_ = unix.Close(fd)
	}
}

func (lp *loop) add(fd int, remote string, read []byte) {
	c := &conn{loop: lp, fd: fd, remote: remote, since: lp.now, limit: lp.cfg.First, room: make(chan struct{}, 1)}
	if n := len(lp.free); n > 0 {
		c.slot = lp.free[n-1]
		lp.free = lp.free[:n-1]
	} else {
		c.slot = int32(len(lp.slots))
		lp.slots = append(lp.slots, nil)
	}
	lp.slots[c.slot] = c
	lp.count++
	err := lp.watch(fd, c.slot, both)
	switch {
	case err != nil || lp.ending:
		c.close()
	case read != nil:
		c.unread = true
		c.request(read)
	}
}

// remove forgets a client, and waits for its socket no more.
func (lp *loop) remove(c *conn) {
	_ = unix.EpollCtl(lp.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
	lp.slots[c.slot] = nil
	lp.free = append(lp.free, c.slot)
	lp.count--
}

// end makes the loop end: clients that have asked nothing are closed, the others
// when they have their answer.
func (lp *loop) end() {
	lp.ending = true
	for _, c := range lp.slots {
		if c != nil && c.state == waiting {
			c.close()
		}
	}
}

// abort cuts off all clients.
func (lp *loop) abort() {
	for _, c := range lp.slots {
		if c != nil {
			c.cut()
		}
	}
}

// close gives the descriptors back, when nothing runs any more.
func (lp *loop) close() error {
	return errors.Join(lp.inbox.Close(), unix.Close(lp.epoll))
}
