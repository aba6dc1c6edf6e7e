package live

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a client and the server, and cuts their connections.
type proxy struct {
	addr    string
	listen  net.Listener
	running sync.WaitGroup

	mu      sync.Mutex
	backend string // "" refuses everybody
	conns   map[net.Conn]bool
	up      int64 // bytes that went to the server
	cuts    []int64
}

// cutting returns a proxy to the server that cuts all connections whenever so
// many bytes have gone through it to the server.
func (s *server) cutting(t *testing.T, at ...int64) *proxy {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: "ws://" + listen.Addr().String(), listen: listen, conns: make(map[net.Conn]bool), cuts: at}
	p.lead(s)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listen.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

// lead makes new connections go to s; nil refuses them.
func (p *proxy) lead(s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backend = ""
	if s != nil {
		p.backend = strings.TrimPrefix(s.http.URL, "http://")
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		backend := p.backend
		p.mu.Unlock()
		server, err := net.Dial("tcp", backend)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.running.Go(func() { p.copy(counted{server, p}, client) })
		p.running.Go(func() { p.copy(client, server) })
	}
}

func (p *proxy) copy(to io.WriteCloser, from net.Conn) {
	_, _ = io.Copy(struct{ io.Writer }{to}, from) // its end is all that matters
	_ = to.Close()
	_ = from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, from)
}

// counted counts what goes to the server, and cuts when it is time.
type counted struct {
	net.Conn
	p *proxy
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.p.mu.Lock()
	c.p.up += int64(n)
	due := len(c.p.cuts) > 0 && c.p.up >= c.p.cuts[0]
	if due {
		c.p.cuts = c.p.cuts[1:]
	}
	c.p.mu.Unlock()
	if due {
		c.p.cut()
	}
	return n, err
}

// cut cuts every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}
