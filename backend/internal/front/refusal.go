package front

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// What net/http finds to be no request, it refuses in plain text before any
// handler hears of it. [Refuse] says it in our own words.

// Refuse returns the answer to what net/http finds to be no request, for a status
// and a reason, which may be empty.
type Refuse func(remote string, status int, why string) (header http.Header, body []byte)

// listening is a connection that is told whether a handler has a request of it.
type listening interface{ setUnasked(is bool) }

type connKey struct{}

// Attach has Config.Refuse answer what server refuses by itself. It is to be
// called before the server serves this listener; its hooks are its own then.
func (l *Listener) Attach(server *http.Server) { attach(server) }

func attach(server *http.Server) {
	handler := server.Handler
	server.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, nc)
	}
	server.ConnState = func(nc net.Conn, state http.ConnState) {
		if c, ok := nc.(listening); ok && (state == http.StateNew || state == http.StateIdle) {
			c.setUnasked(true)
		}
	}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(listening); ok {
			c.setUnasked(false)
		}
		handler.ServeHTTP(w, r)
	})
}

func (c *given) setUnasked(is bool) { c.unasked = is }

// Write writes what net/http says, but for its own refusals: what comes while no
// handler has a request.
func (c *given) Write(p []byte) (int, error) {
	return writeOwn(c.TCPConn, p, c.unasked, c.loop.cfg.Refuse, c.remote)
}

// Refusing returns a listener in the place of l, which is one of TCP, for a server
// without loops in front of it: refuse answers what the server refuses by itself. It is
// to be called before the server serves; its hooks are its own then. Under TLS that is
// only what comes without TLS: all else is encrypted before it gets here.
func Refusing(l net.Listener, server *http.Server, refuse Refuse) net.Listener {
	attach(server)
	return refusals{l, refuse, server.TLSConfig != nil}
}

type refusals struct {
	net.Listener
	refuse Refuse
	tls    bool // the server speaks TLS
}

// Accept waits for a client.
func (l refusals) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok && err == nil {
		return &plain{TCPConn: tcp, refuse: l.refuse, remote: nc.RemoteAddr().String(), tls: l.tls}, nil
	}
	return nc, err
}

// plain is a connection that no loop has.
type plain struct {
	*net.TCPConn // its ReadFrom keeps the way open for sendfile
	refuse       Refuse
	remote       string
	tls          bool // what is written is encrypted
	unasked      bool
}

func (c *plain) setUnasked(is bool) { c.unasked = is }

// Write is as that of given.
func (c *plain) Write(p []byte) (int, error) {
	if c.tls && bytes.Equal(p, withoutTLS) {
		return writeRefusal(c.TCPConn, p, c.refuse, c.remote, http.StatusBadRequest, "it came without TLS; the address begins with https://")
	}
	return writeOwn(c.TCPConn, p, c.unasked, c.refuse, c.remote)
}

// withoutTLS is what net/http says to those who speak plain HTTP where TLS is spoken.
var withoutTLS = []byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")

// writeOwn writes p, or in its place what refuse says, if p is a refusal of net/http:
// they come while no handler has a request.
func writeOwn(to *net.TCPConn, p []byte, unasked bool, refuse Refuse, remote string) (int, error) {
	if status, why, ok := refusal(p); ok && unasked && refuse != nil {
		return writeRefusal(to, p, refuse, remote, status, why)
	}
	return to.Write(p)
}

// writeRefusal writes what refuse says in the place of p.
func writeRefusal(to *net.TCPConn, p []byte, refuse Refuse, remote string, status int, why string) (int, error) {
	header, body := refuse(remote, status, why)
	header["Connection"] = []string{"close"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	if _, err := to.Write(append(appendHead(nil, status, header, false), body...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// refusal takes net/http's own refusals apart: a status, a header that they alone
// have, and the status again, perhaps with the reason after it.
func refusal(p []byte) (status int, why string, ok bool) {
	head, body, _ := bytes.Cut(p, []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"))
	code, text, found := strings.Cut(strings.TrimPrefix(string(head), "HTTP/1.1 "), " ")
	status, err := strconv.Atoi(code)
	if !found || err != nil || status < 400 || len(body) == 0 || strings.Contains(text, "\n") {
		return 0, "", false
	}
	why = strings.TrimPrefix(string(body), code+" "+http.StatusText(status))
	return status, strings.TrimPrefix(why, ": "), true
}
