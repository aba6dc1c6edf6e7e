// Package sock reads and writes sockets for event loops, which wait for them
// with epoll and not with package net.
//
// The sockets do not block, so that reading and writing take some microseconds,
// and at most what it takes to fill a socket's buffer. The scheduler is not told
// of it: that would cost as much as a lookup, and after 20 µs it would give the
// processor away. Recv and send do less than read and write, which know files too.
package sock

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Take returns the socket of nc, which is closed: package net waits for it no
// more. The caller closes the descriptor.
func Take(nc net.Conn) (fd int, err error) {
	defer nc.Close()
	fd = -1
	from, ok := nc.(syscall.Conn)
	if !ok {
		return fd, fmt.Errorf("a connection of type %T has no descriptor", nc)
	}
	raw, err := from.SyscallConn()
	if err != nil {
		return fd, err
	}
	ended := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if ended != nil {
		return -1, ended
	}
	return fd, err
}

// Give makes a connection of package net of a socket, which is closed also if
// that fails.
func Give(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	return net.FileConn(f)
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

// Recv2 fills first a and then b with what is there.
func Recv2(fd int, a, b []byte) (int, error) {
	return vectored(unix.SYS_READV, fd, a, b)
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
	return vectored(unix.SYS_WRITEV, fd, a, b)
}

func vectored(call uintptr, fd int, a, b []byte) (int, error) {
	var iov [2]unix.Iovec
	for i, part := range [2][]byte{a, b} {
		iov[i].Base = unsafe.SliceData(part)
		iov[i].SetLen(len(part))
	}
	for {
		n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
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
