package front

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptor accepts connections that belong to the loops and not to package net.
type acceptor struct {
	file *os.File // the listener's socket under a descriptor of its own
	raw  syscall.RawConn
}

// keepAlive is after how many quiet seconds a client is asked whether it is
// still there; package net does so, too.
const keepAlive = 15

func newAcceptor(l net.Listener) (*acceptor, error) {
	from, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("a listener of type %T is none of TCP", l)
	}
	file, err := from.File()
	if err != nil {
		return nil, err
	}
	raw, err := file.SyscallConn()
	if err == nil {
		err = setOptions(raw)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &acceptor{file, raw}, nil
}

// setOptions sets on the listener what its connections take over.
func setOptions(raw syscall.RawConn) error {
	var errs []error
	err := raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, option, value int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAlive},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAlive},
		} {
			errs = append(errs, unix.SetsockoptInt(int(fd), o.level, o.option, o.value))
		}
	})
	return errors.Join(append(errs, err)...)
}

func (a *acceptor) close() error { return a.file.Close() }

// The pauses when no connection can be accepted, as for want of descriptors.
const firstWait, longestWait = 5 * time.Millisecond, time.Second

// accept waits for a client, at most until closed is.
func (a *acceptor) accept(closed <-chan struct{}) (fd int, remote string, err error) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		var from unix.Sockaddr
		ended := a.raw.Read(func(listener uintptr) bool {
			fd, from, err = unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			return err != unix.EAGAIN
		})
		switch {
		case ended != nil:
			return -1, "", ended
		case err == nil:
			return fd, addressOf(from), nil
		case !passing(err):
			return -1, "", err
		}
		select {
		case <-closed:
			return -1, "", net.ErrClosed
		case <-time.After(wait):
		}
	}
}

func passing(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED, unix.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// addressOf is the address of a client as package net writes it.
func addressOf(from unix.Sockaddr) string {
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port)).String()
	case *unix.SockaddrInet6:
		address := netip.AddrFrom16(from.Addr).Unmap()
		if i, err := net.InterfaceByIndex(int(from.ZoneId)); err == nil && from.ZoneId != 0 {
			address = address.WithZone(i.Name)
		}
		return netip.AddrPortFrom(address, uint16(from.Port)).String()
	}
	return ""
}
