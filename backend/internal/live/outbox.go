package live

import (
	"context"
	"errors"
	"sync"
)

// The bounds of what waits for one client. A client that answers slowly makes
// its own requests wait (soft); one that does not read at all is dropped (hard).
const (
	softBytes    = 1 << 20
	hardBytes    = 4 << 20
	hardMessages = 512
)

var errOverflow = errors.New("the client does not read what it is sent")

// outbox holds the messages that wait to be written to one client. Messages in
// its queue all go out, in order. In a slot, only the newest of its kind waits.
type outbox struct {
	mu    sync.Mutex
	queue [][]byte
	bytes int // in queue
	slots []slot
	wake  chan struct{} // something came
	room  chan struct{} // something went
}

// slot is the newest of one kind of message, encoded when it is sent.
type slot struct {
	kind   string
	encode func() []byte
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// add queues msg; errOverflow when too much waits already.
func (o *outbox) add(msg []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) >= hardMessages || o.bytes+len(msg) > hardBytes {
		return errOverflow
	}
	o.push(msg)
	return nil
}

// addWaiting queues msg once little enough waits.
func (o *outbox) addWaiting(ctx context.Context, msg []byte) error {
	for !o.addIfRoom(msg) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-o.room:
		}
	}
	return nil
}

func (o *outbox) addIfRoom(msg []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	fits := len(o.queue) < hardMessages/2 && (o.bytes == 0 || o.bytes+len(msg) <= softBytes)
	if fits {
		o.push(msg)
		signal(o.room) // another may fit as well
	}
	return fits
}

func (o *outbox) push(msg []byte) {
	o.queue = append(o.queue, msg)
	o.bytes += len(msg)
	signal(o.wake)
}

// set puts a message in the slot of its kind, in place of the one that waits.
func (o *outbox) set(kind string, encode func() []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer signal(o.wake)
	for i := range o.slots {
		if o.slots[i].kind == kind {
			o.slots[i].encode = encode
			return
		}
	}
	o.slots = append(o.slots, slot{kind, encode})
}

// next waits for a message and takes it. It returns false when ctx is done.
func (o *outbox) next(ctx context.Context) ([]byte, bool) {
	for {
		if encode := o.pop(); encode != nil {
			return encode(), true
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-o.wake:
		}
	}
}

// pop takes the oldest message of the queue, then of the slots. It does not
// encode under its lock: what encodes may be about to call set.
func (o *outbox) pop() func() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > 0 {
		msg := o.queue[0]
		o.queue[0] = nil
		o.queue = o.queue[1:]
		o.bytes -= len(msg)
		signal(o.room)
		return func() []byte { return msg }
	}
	if len(o.slots) > 0 {
		s := o.slots[0]
		o.slots = append(o.slots[:0], o.slots[1:]...)
		return s.encode
	}
	return nil
}

// signal wakes whoever waits on c, a channel with room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
