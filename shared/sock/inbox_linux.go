package sock

import (
	"encoding/binary"
	"errors"
	"sync"

	"golang.org/x/sys/unix"
)

// Inbox holds what others want to be done in an event loop, and wakes it up.
type Inbox struct {
	fd int // an event

	mu     sync.Mutex
	todo   []func()
	closed bool
}

// NewInbox makes an Inbox, of which epoll tells with an event in slot.
func NewInbox(epoll int, slot int32) (*Inbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: slot}); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &Inbox{fd: fd}, nil
}

// Do has f carried out in the loop; false when that has ended.
func (b *Inbox) Do(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.todo = append(b.todo, f)
	if len(b.todo) > 1 {
		return true // the loop has been woken
	}
	one := binary.NativeEndian.AppendUint64(nil, 1)
	if _, err := unix.Write(b.fd, one); err != nil && err != unix.EAGAIN { // then it wakes up anyway
		panic(err) // a wrong descriptor: nothing else can go wrong
	}
	return true
}

// Run carries out what there is. It is for the loop to call.
func (b *Inbox) Run() {
	var count [8]byte
	_, _ = unix.Read(b.fd, count[:]) // it does not block, and what it counts does not matter
	b.mu.Lock()
	todo := b.todo
	b.todo = nil
	b.mu.Unlock()
	for _, f := range todo {
		f()
	}
}

// Close gives the descriptor back, when the loop has ended.
func (b *Inbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return unix.Close(b.fd)
}
