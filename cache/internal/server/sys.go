package server

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sockets do not block, so that reading and writing take some microseconds,
// and at most what it takes to fill a socket's buffer. The scheduler is not told
// of it: that would cost as much as a lookup, and after 20 µs it would give the
// processor away. Recv and send do less than read and write, which know files too.

// readSome reads what is there, at most len(b) bytes. 0 bytes without an error
// are the end.
func readSome(fd int, b []byte) (int, error) {
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

// readTwo fills first a and then b with what is there.
func readTwo(fd int, a, b []byte) (int, error) {
	switch {
	case len(a) == 0:
		return readSome(fd, b)
	case len(b) == 0:
		return readSome(fd, a)
	}
	var iov [2]unix.Iovec
	setIovec(&iov[0], a)
	setIovec(&iov[1], b)
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), 2)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// writeSome writes what the socket takes of b.
func writeSome(fd int, b []byte) (int, error) {
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

// writeVecs writes what the socket takes of vecs, as many at once as iov has
// room for.
func writeVecs(fd int, vecs [][]byte, iov []unix.Iovec) (int, error) {
	count := min(len(vecs), len(iov))
	for i, b := range vecs[:count] {
		setIovec(&iov[i], b)
	}
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(count))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

func setIovec(v *unix.Iovec, b []byte) {
	v.Base = unsafe.SliceData(b)
	v.SetLen(len(b))
}

// poll waits for events, at most so many milliseconds, and returns how many
// there are. It holds its processor meanwhile: see loop.wait.
func poll(epoll int, events []unix.EpollEvent, timeout int) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(timeout), 0, 0)
	if errno != 0 { // EINTR
		return 0
	}
	return int(n)
}
