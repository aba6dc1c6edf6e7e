package link

import (
	"context"

	"memcache/shared/api"
)

// Client is a connection that comes back. Its methods may be called at the
// same time from anywhere.
type Client struct {
	config Config
}

// New returns a client that connects once Start is called.
func New(config Config) *Client { return &Client{config: config} }

// Start begins to connect, until ctx is done or Close is called.
func (c *Client) Start(ctx context.Context) {}

// Close ends the connection and waits for what the client runs.
func (c *Client) Close() {}

// Retry dials at once if there is no connection, without waiting for the pause
// to pass. Call it when the browser says it is online or the page is shown.
func (c *Client) Retry() {}

// State returns the present state of the connection.
func (c *Client) State() State { return State{} }

// Call runs a method of the server and decodes its result into result, which
// may be nil. Errors are *[api.Error]: [api.Unavailable] without a connection.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	return errOffline()
}

// Upload stores the bytes of src under key and returns the stored object.
// progress, if not nil, is told how many bytes the server has taken.
// It waits while there is no connection and goes on from the byte that the
// server has; when ctx is done, the server is told to drop the upload.
func (c *Client) Upload(ctx context.Context, key string, src Source, progress func(sent, size int64)) (api.Object, error) {
	return api.Object{}, errOffline()
}
