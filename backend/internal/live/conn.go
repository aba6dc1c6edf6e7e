package live

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

// The bounds of one connection's requests: so many run at once, so many more
// may wait for that; the rest are refused.
const (
	maxRunning = 8
	maxWaiting = 256
)

// conn is one client's connection.
type conn struct {
	hub        *Hub
	sock       *socket
	who        api.Who
	gone       atomic.Bool // it is no longer let in
	audit      audit.Line
	out        *outbox
	subscribed atomic.Bool // to statistics
	watching   atomic.Bool // the curves
	keys       atomic.Bool // is sent the keys that stand out

	ctx     context.Context // of all that runs for this client
	stop    context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	workers   int
	waiting   []api.Request
	finishing int // upload.finish calls that wait
}

func newConn(h *Hub, sock *socket, who api.Who, line audit.Line) *conn {
	c := &conn{hub: h, sock: sock, who: who, audit: line, out: newOutbox()}
	c.ctx, c.stop = context.WithCancel(h.ctx)
	return c
}

// serve runs the connection until it ends.
func (c *conn) serve() {
	c.running.Go(c.writeLoop)
	c.running.Go(c.pingLoop)
	if c.hub.config.Still != nil {
		c.running.Go(c.whoLoop)
	}
	err := c.readLoop()
	c.hub.config.Log.Debug("websocket closed", "err", err)
	c.sock.close(codeOf(err), err.Error())
	c.stop()
	c.hub.uploads.detach(c)
	c.running.Wait()
}

func (c *conn) account() string { return c.who.Account }

// leave closes the connection because the server ends. Only while serve runs.
func (c *conn) leave() {
	c.hub.running.Go(func() { c.sock.close(closeGoingAway, "the server is shutting down") })
}

// drop ends the connection of a client that cannot be served any longer.
func (c *conn) drop(err error) {
	c.hub.config.Log.Info("websocket client dropped", "err", err)
	c.stop() // ends the reader, and with it all
}

// Why we end a connection, besides errTooBig.
var (
	errBadText = errors.New("the text message is not valid UTF-8")
	errNoChunk = errors.New("the binary message belongs to no upload")
)

func codeOf(err error) closeCode {
	switch {
	case errors.Is(err, errTooBig):
		return closeTooBig
	case errors.Is(err, errBadText):
		return closeBadText
	}
	return closeProtocol // where the client is gone already, nobody sees it
}

// readLoop reads messages until the connection ends.
func (c *conn) readLoop() error {
	for {
		if err := c.readMessage(); err != nil {
			return err
		}
	}
}

func newBuffer() any { return new(bytes.Buffer) }

func (c *conn) readMessage() error {
	buf := c.hub.buffers.Get().(*bytes.Buffer)
	defer c.hub.buffers.Put(buf)
	binary, err := c.sock.read(c.ctx, buf)
	switch {
	case err != nil:
		return err
	case binary:
		return c.chunk(buf.Bytes())
	case !utf8.Valid(buf.Bytes()):
		return errBadText
	}
	c.request(buf.Bytes())
	return nil
}

func (c *conn) chunk(msg []byte) error {
	id, offset, data, err := api.ParseChunk(msg)
	if err != nil {
		return err
	}
	if !c.hub.uploads.chunk(c, id, offset, data) {
		return errNoChunk
	}
	return nil
}

// writeLoop writes what is in the outbox.
func (c *conn) writeLoop() {
	for {
		msg, ok := c.out.next(c.ctx)
		if !ok {
			return
		}
		if err := c.write(msg); err != nil {
			c.drop(err)
			return
		}
	}
}

func (c *conn) write(msg []byte) error {
	ctx, cancel := context.WithTimeout(c.ctx, c.hub.limits.writeWithin)
	defer cancel()
	return c.sock.write(ctx, msg)
}

var errSilent = errors.New("the client shows no life")

// pingLoop pings, and drops the client when nothing at all came from it for
// nearly two intervals. Bytes of a long message count as life: the pong may have
// to wait behind them.
func (c *conn) pingLoop() {
	every := c.hub.limits.pingEvery
	for sleep(c.ctx, every) {
		for !c.ping(every / 4) {
			if c.sock.wire.silence() >= 2*every-every/4 {
				c.drop(errSilent)
			}
			if c.ctx.Err() != nil {
				return
			}
		}
	}
}

// whoLoop ends the connection of somebody who is no longer let in.
func (c *conn) whoLoop() {
	for sleep(c.ctx, c.hub.limits.whoEvery) {
		if !c.hub.config.Still(c.ctx, c.who) {
			c.gone.Store(true) // it takes the client a moment to hear of it
			c.sock.close(closeLoggedOut, "you are logged out")
			c.stop()
			return
		}
	}
}

// ping tells whether a pong came within the time, all of which it takes if not.
func (c *conn) ping(within time.Duration) bool {
	ctx, cancel := context.WithTimeout(c.ctx, within)
	defer cancel()
	if c.sock.ping(ctx) == nil {
		return true
	}
	<-ctx.Done()
	return false
}

// sleep tells whether d passed before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// add queues a message that nobody may wait for.
func (c *conn) add(msg []byte) {
	if err := c.out.add(msg); err != nil {
		c.drop(err)
	}
}

// tellUpload sends the state that u has when its turn comes.
func (c *conn) tellUpload(u *upload) {
	c.out.set(u.id, func() []byte {
		msg, err := encodeNote(api.NoteUpload, u.state())
		if err != nil {
			c.hub.config.Log.Error("upload state not sent", "err", err)
		}
		return msg
	})
}
