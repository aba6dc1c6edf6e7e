// Package front answers plain requests in front of net/http, which spends more
// on each than all of what our handler does: a second goroutine that looks out
// for the client, a context, several buffers.
//
// A [Listener] gives [http.Server] connections that look into what they read.
// What is exactly one whole GET without a body or anything unusual in it, below
// the paths that Config names, is handed to the same handler at once; everything
// else goes on to net/http, byte for byte. That includes the first request of
// every connection, so that net/http knows it as idle: its timeouts hold, and
// its Shutdown closes it.
//
// The two agree on where a request begins only for as long as net/http has had
// nothing but such requests (for other paths). After anything else, as a body, an
// upgrade or half a request, a connection is net/http's alone.
//
// What the handler can tell: its context does not end when the client goes away.
package front

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Config is what a Listener is made of. All fields are needed.
type Config struct {
	Listener net.Listener // of TCP
	Handler  http.Handler // that of the http.Server
	Prefix   string       // the paths answered here begin with it
	Idle     time.Duration
}

// Listener is a [net.Listener] for an [http.Server] without TLS.
type Listener struct {
	net.Listener
	cfg     Config
	running atomic.Int64
}

// New returns a listener in front of cfg.Listener.
func New(cfg Config) *Listener { return &Listener{Listener: cfg.Listener, cfg: cfg} }

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc, nil
	}
	return &conn{TCPConn: tcp, listener: l, aligned: true, remote: tcp.RemoteAddr().String()}, nil
}

// Drain waits for the requests under way here, which the server's Shutdown does
// not know of. It is to be called after that.
func (l *Listener) Drain(ctx context.Context) error {
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for l.running.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
	}
	return nil
}

// The states of a connection.
const (
	quiet   int32 = iota
	serving       // a request is under way here
	closing       // and the connection is to be closed after it
	closed
)

// conn is a connection that net/http reads from.
type conn struct {
	*net.TCPConn // its ReadFrom keeps the way open for sendfile
	listener     *Listener
	remote       string
	state        atomic.Int32

	aligned  bool      // what is read next begins a request
	known    bool      // net/http has had a request
	deadline time.Time // of reading, where it was set here
	timed    bool      // there is a deadline of writing
	reply    reply
}

// Read serves the requests that can be served here, and returns what cannot.
func (c *conn) Read(p []byte) (int, error) {
	if c.aligned && len(p) == 1 {
		return 0, c.awaitEnd()
	}
	for {
		n, err := c.TCPConn.Read(p)
		if err != nil || !c.aligned {
			return n, err
		}
		request := parse(p[:n])
		if request == nil {
			c.aligned = false
		}
		if request == nil || !c.known || !strings.HasPrefix(request.RequestURI, c.listener.cfg.Prefix) {
			c.known = true
			c.clearWriteDeadline()
			return n, nil
		}
		request.RemoteAddr = c.remote
		if err := c.serve(request); err != nil {
			return 0, err
		}
	}
}

// awaitEnd is for the read of one byte by which net/http looks out for the
// client's leaving while a handler runs. A byte that it got would be the first of
// a request, and lost for us; so it gets none until it gives up.
func (c *conn) awaitEnd() error {
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

// serve answers a request. A panic of the handler is net/http's to catch: it
// closes the connection, which is what [http.ErrAbortHandler] asks for.
func (c *conn) serve(request *http.Request) error {
	if !c.state.CompareAndSwap(quiet, serving) {
		return net.ErrClosed
	}
	c.listener.running.Add(1)
	defer func() {
		c.listener.running.Add(-1)
		if !c.state.CompareAndSwap(serving, quiet) {
			_ = c.TCPConn.Close()
		}
	}()
	c.reply.begin(c)
	c.listener.cfg.Handler.ServeHTTP(&c.reply, request)
	if err := c.reply.finish(); err != nil {
		return err
	}
	return c.awaitNext()
}

// awaitNext gives the client its time to ask again; to the second, which saves
// setting a timer for each request.
func (c *conn) awaitNext() error {
	idle, now := c.listener.cfg.Idle, time.Now()
	if idle == 0 || c.deadline.Sub(now) > idle {
		return nil
	}
	c.deadline = now.Add(idle + time.Second)
	return c.SetReadDeadline(c.deadline)
}

func (c *conn) setWriteDeadline(t time.Time) error {
	c.timed = !t.IsZero()
	return c.TCPConn.SetWriteDeadline(t)
}

func (c *conn) clearWriteDeadline() {
	if c.timed {
		_ = c.setWriteDeadline(time.Time{})
	}
}

// Close closes the connection: after the request under way here, or at once
// when it is called again.
func (c *conn) Close() error {
	if c.state.CompareAndSwap(serving, closing) {
		return nil
	}
	c.state.Store(closed)
	return c.TCPConn.Close()
}
