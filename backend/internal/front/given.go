package front

import (
	"io"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"memcache/shared/sock"
)

// given is a connection that net/http has. When it reads a request that can be
// answered by a loop, the socket is taken away again: to net/http the client
// seems to have left.
type given struct {
	*net.TCPConn // its ReadFrom keeps the way open for sendfile
	loop         *loop
	remote       string
	read         []byte // what was read before it was given
	aligned      bool   // what is read next begins a request
	unasked      bool   // no handler has a request of it; see Attach
}

// Read returns what is net/http's.
func (c *given) Read(p []byte) (n int, err error) {
	switch {
	case len(c.read) > 0:
		n = copy(p, c.read)
	case c.aligned && len(p) == 1:
		return 0, c.awaitEnd()
	default:
		n, err = c.TCPConn.Read(p)
	}
	if c.aligned && err == nil {
		err = c.look(p[:n])
	}
	if err != nil {
		return 0, err
	}
	c.read = c.read[min(n, len(c.read)):]
	return n, nil
}

// look looks into what was read, and takes the connection back for a request
// that is the loop's.
func (c *given) look(b []byte) error {
	request := parse(b)
	c.aligned = request != nil && len(c.read) <= len(b)
	if !c.aligned || len(c.read) > 0 || !strings.HasPrefix(request.RequestURI, c.loop.cfg.Prefix) {
		return nil
	}
	fd, err := sock.Take(c.TCPConn)
	if err != nil {
		return nil // as for want of descriptors: net/http answers as well
	}
	c.loop.take(fd, c.remote, append([]byte(nil), b...))
	return io.EOF
}

// awaitEnd is for the read of one byte by which net/http looks out for the
// client's leaving while a handler runs. A byte that it got would be the first of
// a request, and lost for us; so it gets none until it gives up.
func (c *given) awaitEnd() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var end error
	err = raw.Read(func(fd uintptr) bool {
		n, err := 0, error(unix.EINTR)
		for err == unix.EINTR {
			n, _, err = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		}
		if err == nil && n == 0 {
			err = io.EOF
		}
		end = err
		return err != nil && err != unix.EAGAIN
	})
	if err == nil {
		err = end
	}
	return err
}
