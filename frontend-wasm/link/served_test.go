//go:build !js

//lint:file-ignore SA1019 as in socket_notjs.go

package link

import (
	"context"
	"net/http"

	"nhooyr.io/websocket"
)

// served is the server's end of a connection.
type served struct{ *socket }

func acceptRaw(w http.ResponseWriter, r *http.Request) (*served, error) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxRead)
	return &served{&socket{ws: ws}}, nil
}

func (s *served) send(msg []byte) {
	_ = s.write(context.Background(), msg) // the client may have left
}
