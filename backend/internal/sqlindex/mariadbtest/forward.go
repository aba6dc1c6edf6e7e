package mariadbtest

import (
	"errors"
	"io"
	"net"
	"sync"
)

// forwarder passes TCP connections on to a unix socket, so that the server
// itself needs no port, which another process could take before it does.
type forwarder struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	conns   map[net.Conn]bool
}

// stop closes the port and all connections and waits for their goroutines.
func (f *forwarder) stop() {
	f.mu.Lock()
	f.stopped = true
	// An error says that it is closed already: stop may be called twice.
	_ = f.listener.Close()
	for c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
}

func (f *forwarder) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.running.Go(func() { f.serve(client) })
	}
}

func (f *forwarder) serve(client net.Conn) {
	server, err := net.Dial("unix", f.target)
	if err != nil {
		_ = client.Close()
		return
	}
	if !f.add(client, server) {
		_ = errors.Join(client.Close(), server.Close())
		return
	}
	defer f.remove(client, server)
	f.running.Go(func() {
		_, _ = io.Copy(server, client)
		_ = errors.Join(client.Close(), server.Close())
	})
	_, _ = io.Copy(client, server)
	_ = errors.Join(client.Close(), server.Close())
}

func (f *forwarder) add(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		f.conns[c] = true
	}
	return !f.stopped
}

func (f *forwarder) remove(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		delete(f.conns, c)
	}
}
