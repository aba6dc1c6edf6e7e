package ui

import (
	"context"
	"encoding/json"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/link"
	"memcache/frontend-wasm/outbox"
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

// errPaused is why an upload ends whose user has paused it.
var errPaused = link.ErrPaused

// linkClient sends files of the browser over the link.
type linkClient struct{ *link.Client }

func (l linkClient) Upload(ctx context.Context, what sending, file app.Value, progress func(sent, size int64)) error {
	up := link.Upload{ID: what.Token, Key: what.Key, Cond: what.Cond}
	_, err := l.Client.Upload(ctx, up, link.NewBlobSource(app.JSValue(file)), progress)
	return err
}

// openBox opens the outbox of this tab.
func openBox(ctx context.Context) (box, error) {
	b, err := outbox.Open(ctx)
	if err != nil {
		return nil, err
	}
	return fileBox{b}, nil
}

// fileBox is an outbox whose files are go-app's values.
type fileBox struct{ *outbox.Box }

func (b fileBox) Put(ctx context.Context, item outbox.Item) error {
	if file, ok := item.File.(app.Value); ok {
		item.File = app.JSValue(file)
	}
	return b.Box.Put(ctx, item)
}

func (b fileBox) Adopt(ctx context.Context) ([]outbox.Item, error) {
	items, err := b.Box.Adopt(ctx)
	for i, item := range items {
		if item.File != nil {
			items[i].File = app.ValueOf(item.File)
		}
	}
	return items, err
}
