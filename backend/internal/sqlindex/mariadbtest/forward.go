package mariadbtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Cut says how a connection breaks while it commits.
type Cut int32

// The ways in which a connection breaks.
const (
	CutBeforeCommit Cut = iota + 1 // the server does not get the COMMIT
	CutAfterCommit                 // the client does not get the answer to it
	CutByHanging                   // the same as the first, but the client is not told
	CutForGood                     // the same as the first, and the link never works again
)

// Link is a way to the server that breaks when told to.
type Link struct{ f *forwarder }

// CutNext breaks the connection that commits next, once.
func (l *Link) CutNext(how Cut) { l.f.cut.Store(int32(how)) }

// OnStatement has f called before each statement that the server gets.
func (l *Link) OnStatement(f func()) { l.f.onStatement.Store(&f) }

// Point leads the connections that are made from now on to s; the others stay where
// they are, as they do when a name or a proxy changes its mind.
func (l *Link) Point(s *Server) { l.f.point(socketIn(s.dir)) }

// Stop closes the port and all connections, as StartTCP's stop does.
func (l *Link) Stop() { l.f.stop() }

// forwarder passes TCP connections on to a unix socket, so that the server
// itself needs no port, which another process could take before it does.
type forwarder struct {
	listener net.Listener
	running  sync.WaitGroup
	cut      atomic.Int32 // a Cut, for the next COMMIT; 0 for none

	onStatement atomic.Pointer[func()]

	mu      sync.Mutex
	target  string // a socket
	stopped bool
	conns   map[net.Conn]bool
}

func (f *forwarder) point(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

func (f *forwarder) where() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target
}

// stop closes the port and all connections and waits for their goroutines.
func (f *forwarder) stop() {
	f.shut()
	f.running.Wait()
}

// shut is stop without the wait.
func (f *forwarder) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	// An error says that it is closed already: stop may be called twice.
	_ = f.listener.Close()
	for c := range f.conns {
		_ = c.Close()
	}
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
	server, err := net.Dial("unix", f.where())
	if err != nil {
		_ = client.Close()
		return
	}
	if !f.add(client, server) {
		_ = errors.Join(client.Close(), server.Close())
		return
	}
	defer f.remove(client, server)
	var cut atomic.Int32 // what happens to the answers of this connection
	f.running.Go(func() {
		f.toServer(server, client, &cut)
		_ = errors.Join(client.Close(), server.Close())
	})
	_, _ = io.Copy(answers{client, &cut}, server)
	_ = errors.Join(client.Close(), server.Close())
}

// toServer passes the client's packets on, until a COMMIT that is to be cut.
func (f *forwarder) toServer(server io.Writer, client io.Reader, cut *atomic.Int32) {
	for {
		packet, err := readPacket(client)
		if err != nil {
			return
		}
		if f := f.onStatement.Load(); f != nil && isStatement(packet) {
			(*f)()
		}
		if bytes.Equal(packet[packetHeader:], []byte("\x03COMMIT")) {
			if when := f.cut.Swap(0); when != 0 {
				cut.Store(when)
				switch Cut(when) {
				case CutForGood:
					f.shut()
					return
				case CutBeforeCommit:
					return
				}
			}
		}
		if Cut(cut.Load()) == CutByHanging {
			continue
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

const packetHeader = 4

// isStatement tells whether a packet begins a command that runs a statement.
func isStatement(packet []byte) bool {
	const query, execute = 0x03, 0x17
	first := packet[3] == 0 && len(packet) > packetHeader
	return first && (packet[packetHeader] == query || packet[packetHeader] == execute)
}

// readPacket reads a packet of MySQL's protocol: three bytes of length, a
// sequence number, and the content.
func readPacket(r io.Reader) ([]byte, error) {
	header := make([]byte, packetHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	n := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	packet := append(header, make([]byte, n)...)
	_, err := io.ReadFull(r, packet[packetHeader:])
	return packet, err
}

// answers writes to the client what the server says, unless it is cut.
type answers struct {
	io.Writer
	cut *atomic.Int32
}

func (a answers) Write(p []byte) (int, error) {
	if Cut(a.cut.Load()) == CutAfterCommit {
		return 0, net.ErrClosed
	}
	return a.Writer.Write(p)
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
