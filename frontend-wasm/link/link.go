// Package link is the UI's end of the WebSocket: JSON-RPC calls, the
// notifications of the server, and uploads that survive a lost connection.
//
// A [Client] keeps one connection to [api.LivePath] and dials again, with
// growing pauses, whenever it is lost. While there is none, [Client.Call] fails
// at once with [api.Unavailable] and [Client.Upload] waits, then goes on where
// the server's last acknowledged byte was.
//
// Everything but two small files ending in _js.go builds natively as well, and
// is tested there against the real server. The WebSocket library that it uses
// there is named in socket_notjs.go alone.
package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"memcache/shared/api"
)

// Config sets a Client up. URL is required.
type Config struct {
	// URL is the address of the server's [api.LivePath]: ws://… or wss://….
	URL string
	// OnState is told of every change of the connection, in order, and never
	// twice at once. It must return soon: it may call Retry, nothing else here.
	OnState func(State)
	// OnNote is told of every notification but those of uploads, in order, and
	// never twice at once. It must return soon and not wait for a Call: answers
	// come after what it is told.
	OnNote func(method string, params json.RawMessage)
}

// State is the state of the connection.
type State struct {
	Online  bool
	Since   time.Time // when Online became what it is
	RetryAt time.Time // offline: when the next attempt begins; zero while one runs
	Err     string    // offline: why, for people; "" before the first attempt
}

// errOffline is what calls get while there is no connection.
func errOffline() *api.Error {
	return api.Errorf(api.Unavailable, "there is no connection to the server: wait until it is back, then try again")
}

// lost is why a connection ended, with the reason that the server gave.
func lost(reason string) error {
	if reason == "" {
		return errors.New("the connection to the server was lost")
	}
	return fmt.Errorf("the server closed the connection: %s", reason)
}

// signal wakes whoever waits on c, a channel with room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for d, or until ctx is done or wake, which may be nil, is signalled.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer.C:
	}
}
