package live

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memcache/backend/internal/access"
	"memcache/shared/api"
)

// piped is a ResponseWriter whose connection is a pipe: time can be made up for
// it, which it cannot for a real socket.
type piped struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (p piped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(bufio.NewReader(p.conn), bufio.NewWriter(p.conn)), nil
}

// inBubble runs test in a bubble with a hub and the client's end of a connection.
func inBubble(t *testing.T, test func(t *testing.T, p *rawPeer)) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		hub, err := New(Config{
			Log: slog.New(slog.DiscardHandler), Objects: m, Cache: m, Stats: m, Answers: m, MaxObject: 1,
			AllowOrigin: func(*http.Request) bool { return true },
			RequestID:   func(*http.Request) string { return "the-id" },
			BeginUpload: access.NewUploads(1).Begin,
		})
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		r := httptest.NewRequest(http.MethodGet, api.LivePath, nil)
		for name, value := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
		} {
			r.Header.Set(name, value)
		}
		go hub.ServeHTTP(piped{httptest.NewRecorder(), there}, r)
		test(t, &rawPeer{t, here, bufio.NewReader(here)})
		_ = here.Close()
		if err := hub.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFault30_AClientWithoutPongsIsClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, p *rawPeer) {
		began := time.Now()
		p.wantEnd()
		if took, every := time.Since(began), defaultLimits().pingEvery; took <= every || took > 2*every {
			t.Errorf("closed after %v, want within two intervals of %v", took, every)
		}
	})
}

func TestAClientWithPongsStays(t *testing.T) {
	inBubble(t, func(t *testing.T, p *rawPeer) {
		for began := time.Now(); time.Since(began) < time.Hour; {
			var head [2]byte
			if _, err := io.ReadFull(p.r, head[:]); err != nil {
				t.Fatalf("closed after %v: %v", time.Since(began), err)
			}
			payload := make([]byte, head[1])
			if _, err := io.ReadFull(p.r, payload); err != nil || head[0] != 0x89 {
				t.Fatalf("got a frame %x %q (%v), want pings only", head, payload, err)
			}
			if _, err := p.Write(frame(0x8a, payload)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestALongMessageOnASlowLineCountsAsLife(t *testing.T) {
	inBubble(t, func(t *testing.T, p *rawPeer) {
		received := make(chan string)
		go func() { // it never answers pings: that would have to wait behind its message
			for {
				text, err := p.r.ReadString('}')
				if err != nil || strings.Contains(text, `"result":{}`) {
					received <- text
					return
				}
			}
		}()
		for _, b := range frame(0x81, []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)) {
			time.Sleep(defaultLimits().pingEvery - time.Second)
			if _, err := p.Write([]byte{b}); err != nil {
				t.Fatalf("closed in the middle of a message: %v", err)
			}
		}
		if text := <-received; !strings.Contains(text, `"result":{}`) {
			t.Errorf("received %q, want the answer", text)
		}
	})
}

func TestFault29_AClientThatOnlyWritesIsSlowedThenClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, p *rawPeer) {
		began, taken := time.Now(), 0
		for {
			if _, err := p.Write(frame(0x81, []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))); err != nil {
				break
			}
			taken++
		}
		if took := time.Since(began); took > time.Minute || taken > 2*hardMessages {
			t.Errorf("closed after %v and %d requests", took, taken)
		}
	})
}
