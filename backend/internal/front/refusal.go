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
// handler hears of it. [Config.Refuse] says it in our own words.

type givenKey struct{}

// Attach has Config.Refuse answer what server refuses by itself. It is to be
// called before the server serves this listener; its hooks are its own then.
func (l *Listener) Attach(server *http.Server) {
	handler := server.Handler
	server.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		return context.WithValue(ctx, givenKey{}, nc)
	}
	server.ConnState = func(nc net.Conn, state http.ConnState) {
		if c, ok := nc.(*given); ok && (state == http.StateNew || state == http.StateIdle) {
			c.unasked = true
		}
	}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(givenKey{}).(*given); ok {
			c.unasked = false
		}
		handler.ServeHTTP(w, r)
	})
}

// Write writes what net/http says, but for its own refusals: what comes while no
// handler has a request.
func (c *given) Write(p []byte) (int, error) {
	refuse := c.loop.cfg.Refuse
	if !c.unasked || refuse == nil {
		return c.TCPConn.Write(p)
	}
	status, why, ok := refusal(p)
	if !ok {
		return c.TCPConn.Write(p)
	}
	header, body := refuse(c.remote, status, why)
	header["Connection"] = []string{"close"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	if _, err := c.TCPConn.Write(append(appendHead(nil, status, header, false), body...)); err != nil {
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
