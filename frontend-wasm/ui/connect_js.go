package ui

import (
	"context"
	"encoding/json"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/link"
	"memcache/shared/api"
)

// connect opens the connection to the server that the page came from.
func connect(onState func(connState), onNote func(string, json.RawMessage)) client {
	location := app.Window().Get("location")
	scheme := "ws://"
	if location.Get("protocol").String() == "https:" {
		scheme = "wss://"
	}
	c := link.New(link.Config{
		URL:     scheme + location.Get("host").String() + api.LivePath,
		OnState: func(s link.State) { onState(connState(s)) },
		OnNote:  onNote,
	})
	c.Start(context.Background())
	return linkClient{c}
}

// linkClient sends files of the browser over the link.
type linkClient struct{ *link.Client }

func (l linkClient) Upload(ctx context.Context, key string, file app.Value, progress func(sent, size int64)) error {
	_, err := l.Client.Upload(ctx, key, link.NewBlobSource(app.JSValue(file)), progress)
	return err
}
