package sock

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Take returns the socket of nc, which is closed: package net waits for it no
// more. The caller closes the descriptor. It needs one more for a moment; when it
// fails for want of one, or otherwise, nc is as it was.
func Take(nc net.Conn) (fd int, err error) {
	from, ok := nc.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("a connection of type %T has no descriptor", nc)
	}
	raw, err := from.SyscallConn()
	if err != nil {
		return -1, err
	}
	ended := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(ended, err); err != nil {
		return -1, err
	}
	_ = nc.Close()
	return fd, nil
}

// Give makes a connection of package net of a socket, which is closed also if
// that fails. It needs one descriptor more for a moment.
func Give(fd int, spare *Spare) (nc net.Conn, err error) {
	defer spare.Refill()
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	err = spare.try(func() (err error) {
		nc, err = net.FileConn(f)
		return err
	})
	return nc, err
}

// Spare is a descriptor that is kept for when there is no other one left, so that
// a connection that is there can still change hands.
type Spare struct {
	mu sync.Mutex
	fd int // 0: none
}

// try calls f, once more without the spare descriptor if there are too few.
func (s *Spare) try(f func() error) error {
	err := f()
	if !errors.Is(err, unix.EMFILE) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
	return f()
}

// Refill gets a spare descriptor, if there is one to be had.
func (s *Spare) Refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd == 0 {
		if fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC); err == nil {
			s.fd = fd
		}
	}
}

func (s *Spare) close() {
	if s.fd != 0 {
		_ = unix.Close(s.fd)
		s.fd = 0
	}
}

// Close gives the descriptor up.
func (s *Spare) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
}

// Recv reads what is there, at most len(b) bytes. 0 bytes without an error are
// the end; the error is EAGAIN when there is nothing yet.
func Recv(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Recv2 fills first a and then b with what is there, as Recv does.
func Recv2(fd int, a, b []byte) (int, error) {
	switch {
	case len(a) == 0:
		return Recv(fd, b)
	case len(b) == 0:
		return Recv(fd, a)
	}
	return vectored(unix.SYS_READV, fd, two(a, b))
}

// RecvAll fills first parts and then b with what is there, as Recv does. iov is
// room for one more than there are parts.
func RecvAll(fd int, parts [][]byte, b []byte, iov []unix.Iovec) (int, error) {
	if len(parts) == 0 {
		return Recv(fd, b)
	}
	if len(parts) == 1 {
		return Recv2(fd, parts[0], b)
	}
	count := 0
	for _, part := range parts {
		set(&iov[count], part)
		count++
	}
	if len(b) > 0 {
		set(&iov[count], b)
		count++
	}
	return vectored(unix.SYS_READV, fd, iov[:count])
}

// sendRoom is asked for as the room for what was written to a unix socket and not
// yet read. The system gives twice as much, but no more than net.core.wmem_max
// times two: 416 KiB where nobody has changed it, beside 208 KiB unasked.
const sendRoom = 512 << 10

// Widen gives the unix socket more room for what was written and not yet read, so
// that long values need fewer turns of both ends.
func Widen(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendRoom))
}

// Send writes what the socket takes of b; EAGAIN when that is nothing.
func Send(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Send2 writes what the socket takes of a and b.
func Send2(fd int, a, b []byte) (int, error) {
	switch {
	case len(a) == 0:
		return Send(fd, b)
	case len(b) == 0:
		return Send(fd, a)
	}
	return vectored(unix.SYS_WRITEV, fd, two(a, b))
}

// SendAll writes what the socket takes of vecs, as many of them at once as iov
// has room for.
func SendAll(fd int, vecs [][]byte, iov []unix.Iovec) (int, error) {
	count := min(len(vecs), len(iov))
	for i, b := range vecs[:count] {
		set(&iov[i], b)
	}
	return vectored(unix.SYS_WRITEV, fd, iov[:count])
}

func two(a, b []byte) []unix.Iovec {
	var iov [2]unix.Iovec
	set(&iov[0], a)
	set(&iov[1], b)
	return iov[:]
}

func set(v *unix.Iovec, b []byte) {
	v.Base = unsafe.SliceData(b)
	v.SetLen(len(b))
}

func vectored(call uintptr, fd int, iov []unix.Iovec) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(len(iov)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Poll waits for events of an epoll for at most so many milliseconds, which must
// be few, and returns how many there are. It holds its processor meanwhile.
func Poll(epoll int, events []unix.EpollEvent, timeout int) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(timeout), 0, 0)
	if errno != 0 { // EINTR
		return 0
	}
	return int(n)
}
