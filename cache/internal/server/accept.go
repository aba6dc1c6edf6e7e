package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"memcache/shared/sock"
)

const (
	firstWait, longestWait = 5 * time.Millisecond, time.Second
	// keepAlive is after how many quiet seconds a TCP client is asked whether it
	// is still there.
	keepAlive = 15
)

// accept takes connections until ctx ends. A shortage, as of file descriptors,
// is waited out.
func (s *Server) accept(ctx context.Context, l net.Listener) error {
	f, err := listenerFile(l)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.Close() })() // it ends the waiting for a client
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	for wait := firstWait; ; {
		fd, from, err := acceptOne(raw)
		switch {
		case err == nil:
			wait = firstWait
			s.welcome(fd, from)
		case ctx.Err() != nil:
			return nil
		case !passing(err):
			return err
		default:
			s.Log.Warn("no connection can be accepted for now", "error", err, "wait", wait)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			wait = min(2*wait, longestWait)
		}
	}
}

// listenerFile returns the listener's socket under a descriptor of its own, for
// its connections belong to the loops and not to package net.
func listenerFile(l net.Listener) (*os.File, error) {
	from, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("a listener of type %T has no descriptor", l)
	}
	f, err := from.File()
	if err != nil {
		return nil, err
	}
	if l.Addr().Network() == "tcp" {
		err = setTCPOptions(f)
	}
	return f, err
}

// setTCPOptions sets on the listener what its connections take over.
func setTCPOptions(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var errs []error
	err = raw.Control(func(fd uintptr) {
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

// acceptOne waits for a client.
func acceptOne(raw syscall.RawConn) (fd int, from unix.Sockaddr, err error) {
	ended := raw.Read(func(listener uintptr) bool {
		fd, from, err = unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return err != unix.EAGAIN
	})
	if ended != nil {
		return -1, nil, ended
	}
	return fd, from, err
}

func passing(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED, unix.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// welcome gives a connection to the next loop, or refuses it plainly when there
// are too many.
func (s *Server) welcome(fd int, from unix.Sockaddr) {
	if s.connections.Add(1) > int64(s.MaxConns) {
		s.connections.Add(-1)
		s.rejected.Add(1)
		s.Log.Warn("a connection is refused: the limit is reached", "limit", s.MaxConns)
		_, _ = unix.Write(fd, []byte("ERROR Too many open connections\r\n")) // it may be gone already
		_ = unix.Close(fd)
		return
	}
	if _, local := from.(*unix.SockaddrUnix); local {
		if err := sock.Widen(fd); err != nil {
			s.Log.Warn("a connection stays narrow", "error", err)
		}
	}
	c := &conn{s: s, fd: fd, from: from}
	s.Log.Debug("connected", "client", c)
	to := s.loops[s.accepted.Add(1)%int64(len(s.loops))]
	to.inbox.Do(func() { to.add(c) })
}

// String names the client, for the log.
func (c *conn) String() string {
	switch from := c.from.(type) {
	case *unix.SockaddrInet4:
		return net.JoinHostPort(net.IP(from.Addr[:]).String(), fmt.Sprint(from.Port))
	case *unix.SockaddrInet6:
		return net.JoinHostPort(net.IP(from.Addr[:]).String(), fmt.Sprint(from.Port))
	}
	return "local"
}
