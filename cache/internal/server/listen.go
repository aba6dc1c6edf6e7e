package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxSocketPath is the longest path that the system takes for a unix socket.
const maxSocketPath = 107

// ListenUnix listens on a unix socket with the permissions of mode; 0600 lets
// only its owner connect. A socket that a killed process left behind is replaced. It is an error when a
// live one answers there, or when path is something else than a socket.
//
// Beside the socket stands a lock file, which a process holds as long as it
// serves: of several that start at once, exactly one wins. Closing the listener
// removes both.
func ListenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the socket path %q has %d bytes: the system allows %d, choose a shorter one", path, len(path), maxSocketPath)
	}
	lock, err := lockFile(path + ".lock")
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another cache process serves on the socket %s: stop it, or choose another path with -s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the socket %s cannot be locked: %w", path, err)
	}
	l, err := listenLocked(path, mode)
	if err != nil {
		return nil, errors.Join(err, unlock(lock))
	}
	return &unixListener{UnixListener: l, lock: lock}, nil
}

func listenLocked(path string, mode fs.FileMode) (*net.UnixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The mode is set before the socket has a name, so that nobody else can ever
	// connect.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), uint32(mode)) }); err != nil {
			return err
		}
		return failed
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil { // where the system ignores it before
		return nil, errors.Join(err, l.Close())
	}
	return l.(*net.UnixListener), nil
}

// removeStale removes a socket on which nobody answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket: remove it, or choose another path with -s", path)
	}
	nc, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(fmt.Errorf("another program answers on the socket %s: stop it, or choose another path with -s", path), nc.Close())
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("the socket %s exists, and it cannot be told whether it is in use: %w", path, err)
	}
	return os.Remove(path)
}

type unixListener struct {
	*net.UnixListener
	lock *os.File
}

func (l *unixListener) Close() error {
	return errors.Join(l.UnixListener.Close(), unlock(l.lock))
}

// lockFile creates and locks a file, for as long as it stays open.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		// The holder before may have removed the file after it was opened here.
		mine, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return f, nil
		}
		if err := errors.Join(err1, f.Close()); err != nil {
			return nil, err
		}
	}
}

// unlock removes the file while it is still locked, and lets it go.
func unlock(f *os.File) error { return errors.Join(os.Remove(f.Name()), f.Close()) }
