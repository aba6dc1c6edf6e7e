//lint:file-ignore SA1019 the successor, github.com/coder/websocket, has the same API: only the import below would change

package live

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"nhooyr.io/websocket"

	"memcache/shared/api"
)

// closeCode says in a close frame why a connection ends.
type closeCode = websocket.StatusCode

// The codes that we send.
const (
	closeGoingAway = websocket.StatusGoingAway               // 1001
	closeProtocol  = websocket.StatusProtocolError           // 1002
	closeBadText   = websocket.StatusInvalidFramePayloadData // 1007
	closeTooBig    = websocket.StatusMessageTooBig           // 1009
	closeLoggedOut = closeCode(4401)
)

// maxReason is how long the reason in a close frame may be, in bytes.
const maxReason = 123

// socket is a WebSocket, and the network connection below it, which alone can
// be cut at once.
type socket struct {
	ws          *websocket.Conn
	wire        *wire
	closeWithin time.Duration // for a client to answer that we close
}

// accept answers the handshake. On an error it has answered with that.
func accept(w http.ResponseWriter, r *http.Request, closeWithin time.Duration) (*socket, error) {
	tap := &tap{ResponseWriter: w}
	ws, err := websocket.Accept(tap, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin has been checked by Config.AllowOrigin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(api.MaxMessageBytes)
	return &socket{ws: ws, wire: tap.wire, closeWithin: closeWithin}, nil
}

// errTooBig is read's error for a message beyond api.MaxMessageBytes.
var errTooBig = fmt.Errorf("the message is longer than %d bytes", api.MaxMessageBytes)

// read reads the next message into buf, which it empties first.
func (s *socket) read(ctx context.Context, buf *bytes.Buffer) (binary bool, err error) {
	buf.Reset()
	kind, r, err := s.ws.Reader(ctx)
	if err != nil {
		return false, err
	}
	if _, err = buf.ReadFrom(s.wire.body(r)); err != nil && buf.Len() > api.MaxMessageBytes {
		err = errTooBig
	}
	return kind == websocket.MessageBinary, err
}

// write sends a text message. If ctx ends first, the connection is cut.
func (s *socket) write(ctx context.Context, msg []byte) error {
	return s.ws.Write(ctx, websocket.MessageText, msg)
}

// ping asks for a pong and waits for it; somebody must be reading.
func (s *socket) ping(ctx context.Context) error { return s.ws.Ping(ctx) }

// close says why we leave and gives the client a moment to answer, so that it
// gets to read the reason; what it still sends is thrown away.
func (s *socket) close(code closeCode, reason string) {
	reason = strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "")
	_ = s.wire.SetDeadline(time.Now().Add(s.closeWithin))
	_ = s.ws.Close(code, reason) // nothing is left to do about a client that is gone
}

// kill cuts the connection, whatever goes on there.
func (s *socket) kill() { _ = s.wire.Close() }
