//go:build !js

package ui

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/outbox"
	"memcache/shared/api"
)

// connect returns a client without a connection: outside of the browser the
// pages are drawn, not used.
func connect(func(connState), func(string, json.RawMessage)) client { return noClient{} }

var errPaused = errors.New("paused")

type noClient struct{}

func (noClient) Call(context.Context, string, any, any) error {
	return api.Errorf(api.Unavailable, "there is no connection outside of a browser")
}

func (noClient) Upload(context.Context, sending, app.Value, func(sent, size int64)) error {
	return api.Errorf(api.Unavailable, "files are uploaded from a browser")
}

func (noClient) Retry() {}

// openBox fails: outside of the browser nothing is sent.
func openBox(context.Context) (box, error) { return nil, outbox.ErrUnavailable }
