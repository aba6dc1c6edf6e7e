//go:build !js

//lint:file-ignore SA1019 the successor, github.com/coder/websocket, has the same API: only the import below would change

package link

import (
	"context"
	"errors"
	"fmt"

	"nhooyr.io/websocket"

	"memcache/shared/api"
)

// maxRead is the longest message taken from the server, with some to spare.
const maxRead = api.MaxMessageBytes + api.ChunkBytes

// socket is a WebSocket outside the browser: for tests, and for programs.
type socket struct{ ws *websocket.Conn }

func dial(ctx context.Context, url string) (*socket, error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	ws.SetReadLimit(maxRead)
	return &socket{ws: ws}, nil
}

// read returns the next message.
func (s *socket) read(ctx context.Context) ([]byte, error) {
	_, msg, err := s.ws.Read(ctx)
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return nil, lost(closed.Reason)
	}
	return msg, err
}

// write sends a text message. If ctx ends first, the connection is cut.
func (s *socket) write(ctx context.Context, msg []byte) error {
	return s.ws.Write(ctx, websocket.MessageText, msg)
}

// writeFrame sends a binary message in the same way.
func (s *socket) writeFrame(ctx context.Context, f frame) error {
	return s.ws.Write(ctx, websocket.MessageBinary, f)
}

// close ends the connection at once.
func (s *socket) close() {
	_ = s.ws.CloseNow() // it is given up anyway
}
