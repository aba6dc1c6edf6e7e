package live

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

// rawPeer is a client that keeps to no rule of the protocol.
type rawPeer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// handshake connects a client that does nothing after its handshake.
func (s *server) handshake(t *testing.T) *rawPeer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", response, err)
	}
	return &rawPeer{t, conn, r}
}

// frame is a masked frame whose mask is zero, so that the payload stays as it is.
func frame(first byte, payload []byte) []byte {
	var b []byte
	switch n := len(payload); {
	case n < 126:
		b = []byte{first, 0x80 | byte(n)}
	default:
		b = binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// wantEnd reads until the server has closed the connection, and returns the code
// of its close frame, if there was one.
func (p *rawPeer) wantEnd() (code int) {
	p.t.Helper()
	for {
		var head [2]byte
		if _, err := io.ReadFull(p.r, head[:]); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Error("the server did not close the connection")
			}
			return code
		}
		payload := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(p.r, payload); err == nil && head[0] == 0x88 && len(payload) >= 2 {
			code = int(binary.BigEndian.Uint16(payload))
		}
	}
}

func TestFault25_MessagesOverTheLimitAreRefused(t *testing.T) {
	s := serve(t, nil)
	p := s.connect(t)
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	p.send(ping + strings.Repeat(" ", api.MaxMessageBytes-len(ping)))
	p.answer("1")
	p.send(ping + strings.Repeat(" ", api.MaxMessageBytes-len(ping)+1))
	p.wantClose(1009)
}

func TestFault25_AHugeMessageTakesNoMemory(t *testing.T) {
	s := serve(t, nil)
	p := s.handshake(t)
	const declared = 1 << 40
	head := binary.BigEndian.AppendUint64([]byte{0x81, 0x80 | 127}, declared)
	if _, err := p.Write(append(head, 0, 0, 0, 0)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	some := bytes.Repeat([]byte("x"), 64<<10)
	for range 64 << 20 / len(some) {
		if _, err := p.Write(some); err != nil {
			break // the server has had enough
		}
	}
	code := p.wantEnd()
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
		t.Errorf("a message of 1 TB made the server allocate %s", api.FormatBytes(int64(took)))
	}
	if code != 1009 && code != 0 { // 0: the network threw the close frame away with the rest
		t.Errorf("closed with %d, want 1009", code)
	}
	eventually(t, "the connection has ended", func() bool { return s.connections() == 0 })
}

func TestFault27_ProtocolErrorsCloseTheConnection(t *testing.T) {
	chunk, err := api.AppendChunkHeader(nil, uploadID(1), 0)
	if err != nil {
		t.Fatal(err)
	}
	negative := append([]byte(nil), chunk...)
	negative[16] = 0xff
	unmasked := []byte{0x81, 2, '{', '}'}
	flood := append(frame(0x01, []byte(" ")), bytes.Repeat(frame(0x00, nil), maxOverhead/6+1000)...)
	for _, c := range []struct {
		name string
		sent []byte
		code int
	}{
		{"a chunk of no upload", frame(0x82, append(chunk, "data"...)), 1002},
		{"a chunk too short for its header", frame(0x82, []byte("short")), 1002},
		{"a chunk with a negative offset", frame(0x82, append(negative, "data"...)), 1002},
		{"text that is not UTF-8", frame(0x81, []byte(`{"method":"`+"\xff"+`"}`)), 1007},
		{"a frame without a mask", unmasked, 1002},
		{"an unknown kind of frame", frame(0x83, nil), 1002},
		{"a reserved bit", frame(0xc1, []byte("{}")), 1002},
		{"a continuation of nothing", frame(0x80, []byte("{}")), 1002},
		{"a flood of empty fragments", flood, 0},
		{"a flood of pings", bytes.Repeat(frame(0x8a, nil), maxOverhead/6+1000), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(_ *Config, l *limits) { l.closeWithin = 200 * time.Millisecond })
			p := s.handshake(t)
			_, _ = p.Write(c.sent) // the server may end it before all is written
			if code := p.wantEnd(); code != c.code && c.code != 0 {
				t.Errorf("closed with %d, want %d", code, c.code)
			}
			eventually(t, "the connection has ended", func() bool { return s.connections() == 0 })
		})
	}
}

func TestFault29_AClientThatNeverReadsIsDropped(t *testing.T) {
	s := serve(t, nil)
	deaf := s.handshake(t)
	eventually(t, "the client is connected", func() bool { return s.known() == 1 })
	note := api.Cache{Policy: strings.Repeat("x", 64<<10)}
	eventually(t, "the deaf client is dropped", func() bool {
		s.Broadcast("test", note)
		return s.connections() == 0
	})
	if !strings.Contains(s.log.String(), errOverflow.Error()) {
		t.Errorf("the log does not say why:\n%s", s.log)
	}
	_ = deaf.Close()
	reader := s.connect(t)
	reader.must(api.MethodPing, api.Empty{}, nil)
}

func (s *server) known() (n int) {
	s.each(func(*conn) { n++ })
	return n
}
