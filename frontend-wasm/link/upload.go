package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"memcache/shared/api"
)

// cancelWithin is how long an upload that was given up waits for the server to
// confirm that nothing of it is left.
const cancelWithin = 5 * time.Second

// ErrPaused, as the cause of the end of an upload's context, leaves what the
// server has there, so that an Upload with the same ID goes on from it. The
// server keeps it for some minutes.
var ErrPaused = errors.New("paused")

// Upload is what is to be stored where.
type Upload struct {
	// ID is that of [NewID]. An upload with the ID of one that the server has
	// stored within a day is answered with what was stored then. "" is for one
	// that is never sent again.
	ID   string
	Key  string
	Cond api.Condition
}

// NewID returns an ID for an upload.
func NewID() string {
	// The runtime seeds this generator (ChaCha8) with the browser's randomness;
	// crypto/rand would make the program 2 % larger.
	return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
}

// Upload stores the bytes of src and returns the stored object.
// progress, if not nil, is told how many bytes the server has taken; it is never
// called twice at once, and goes back when a restarted server needs all again.
// A few uploads run at once, the others wait. While there is no connection it
// waits, and then goes on from the byte that the server has. When ctx is done,
// the server is told to drop the upload, but see [ErrPaused]. Errors are
// *[api.Error]; those after ctx is done have its error as their cause.
func (c *Client) Upload(ctx context.Context, u Upload, src Source, progress func(sent, size int64)) (api.Object, error) {
	if err := api.CheckKey(u.Key); err != nil {
		return api.Object{}, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return api.Object{}, givenUp(u.Key, ctx)
	}
	t := newTransfer(u, src, progress)
	c.follow(t)
	defer c.unfollow(t)
	defer t.frames.close()
	return c.send(ctx, t)
}

func (c *Client) follow(t *transfer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transfers[t.id] = t
}

func (c *Client) unfollow(t *transfer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.transfers, t.id)
}

// send sends t over one connection after the other.
func (c *Client) send(ctx context.Context, t *transfer) (api.Object, error) {
	busySince := time.Now()
	for {
		s := c.await(ctx)
		if ctx.Err() != nil {
			return api.Object{}, givenUp(t.key, ctx)
		}
		if s == nil {
			return api.Object{}, errOffline()
		}
		object, err := t.over(ctx, s)
		switch {
		case err == nil:
			return object, nil
		case ctx.Err() != nil:
			return api.Object{}, t.cancel(ctx, s)
		case c.lostWith(s, err):
			busySince = time.Now()
		case isBusy(err) && time.Since(busySince) < c.timing.busyWithin:
			pause(ctx, c.timing.busyRetry, nil)
		default:
			return api.Object{}, api.AsError(err)
		}
	}
}

// lostWith tells whether err is no more than the end of the connection. A server
// that shuts down says so a moment before it closes it.
func (c *Client) lostWith(s *session, err error) bool {
	if api.AsError(err).Code == api.Unavailable {
		pause(s.ctx, c.timing.busyRetry, nil)
	}
	return s.ctx.Err() != nil
}

func isBusy(err error) bool {
	_, ok := errors.AsType[busyError](err)
	return ok
}

func givenUp(key string, ctx context.Context) *api.Error {
	return api.Errorf(api.Unavailable, "the upload of %q was given up: %w", key, context.Cause(ctx))
}
