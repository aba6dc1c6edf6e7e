// Package live is the server's end of the WebSocket at [api.LivePath]: JSON-RPC
// 2.0 in text messages, upload chunks in binary ones, and notifications that
// the server sends by itself.
//
// A [Hub] owns every connection and every upload. Each connection has a
// goroutine that reads, one that writes and one that pings; its requests run on
// a few more. What waits to be written is bounded: of statistics only the newest
// waits, and a client that does not read is dropped, never waited for.
//
// Uploads belong to the Hub, not to a connection, so that a client that lost its
// connection goes on where it was: see uploads.go. The WebSocket library is
// named in socket.go alone.
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

// Objects is the store, as the WebSocket uses it. Errors that are *[api.Error]
// reach the client as they are; others are logged and hidden.
type Objects interface {
	// Put reads r to its end and stores it if the condition holds. It fails with
	// r's error, and then leaves nothing behind.
	Put(ctx context.Context, key string, r io.Reader, cond api.Condition) (api.Object, error)
	Stat(ctx context.Context, key string) (api.Object, error)
	List(ctx context.Context, q api.ListQuery) (api.List, error)
	Starts(ctx context.Context, prefix string) (api.Starts, error)
	Delete(ctx context.Context, key string) error
	Restore(ctx context.Context, key string) (api.Object, error)
	// Rename replaces what is at to only if replace is set.
	Rename(ctx context.Context, from, to string, replace bool) (api.Object, error)
}

// Cache is the cache's settings and contents.
type Cache interface {
	Cache(ctx context.Context) (api.Cache, error)
	Configure(ctx context.Context, change api.CacheChange) (api.Cache, error)
	AddNode(ctx context.Context, address string) (api.Cache, error)
	RemoveNode(ctx context.Context, address string) (api.Cache, error)
	ResizePool(ctx context.Context, count int) (api.Cache, error)
	Autopilot(ctx context.Context) (api.Autopilot, error)
	SetAutopilot(ctx context.Context, set api.AutopilotSet) (api.Autopilot, error)
	UndoAutopilot(ctx context.Context, undo api.AutopilotUndo) (api.Autopilot, error)
	Clear(ctx context.Context) error
	Invalidate(ctx context.Context, key string) error
	Cached(ctx context.Context, key string) (api.Cached, error)
}

// Stats is the recorded statistics.
type Stats interface {
	Window(ctx context.Context, seconds int, node string) (api.Stats, error)
	Insight(ctx context.Context) (api.Insight, error)
	Keys(ctx context.Context) api.CacheKeys
}

// Answers keeps the outcomes of uploads that are to be remembered.
type Answers interface {
	// Answer returns what is kept under id; fs.ErrNotExist when that is nothing.
	Answer(ctx context.Context, id [32]byte) ([]byte, error)
	// KeepAnswer keeps the answer under id for some time.
	KeepAnswer(ctx context.Context, id [32]byte, answer []byte, keep time.Duration) error
}

// Config sets a Hub up. Everything is required but the bounds.
type Config struct {
	Log     *slog.Logger
	Objects Objects
	Cache   Cache
	Stats   Stats
	Answers Answers
	// Resumer and Turns let uploads go on at another backend; both nil: they do not.
	Resumer Resumer
	Turns   Turns
	// AllowOrigin tells whether the request comes from one of our own pages, or
	// from a program, which sends no Origin.
	AllowOrigin func(*http.Request) bool
	// Who tells who asks, or that nobody knows; nil where nobody has to log in.
	Who func(*http.Request) (api.Who, error)
	// Still tells whether somebody who was let in still is. It comes with Who.
	Still func(context.Context, api.Who) bool
	// Audit notes changes that matter; nil for nothing of the kind.
	Audit audit.Journal
	// RequestID is what the log calls the request.
	RequestID func(*http.Request) string
	// BeginUpload admits an upload, which takes up to 2 MiB of memory until end is
	// called, or fails: only so many may run at once.
	BeginUpload func() (end func(), err error)
	MaxObject   int64 // bytes of the largest object
	MaxClients  int   // connections at once; 0 is 1,000
}

// limits are the bounds and times that only tests change.
type limits struct {
	pingEvery   time.Duration // a client that shows no life for two of these is closed
	writeWithin time.Duration // for one message to be taken by the network
	callWithin  time.Duration // for a method to answer
	closeWithin time.Duration // for a client to answer that we close
	keepUpload  time.Duration // an upload without a connection, and the outcome of one
	keepStalled time.Duration // an upload whose client sends nothing
	spaceNotes  time.Duration // between two objects.changed
	whoEvery    time.Duration // between two looks whether a client is still let in
	perClient   int           // uploads of one connection
}

func defaultLimits() limits {
	return limits{
		pingEvery:   20 * time.Second,
		writeWithin: 30 * time.Second,
		callWithin:  30 * time.Second,
		closeWithin: 2 * time.Second,
		keepUpload:  2 * time.Minute,
		keepStalled: 10 * time.Minute,
		spaceNotes:  100 * time.Millisecond,
		whoEvery:    2 * time.Second,
		perClient:   16,
	}
}

// Hub serves the WebSocket. It is an [http.Handler] for [api.LivePath].
type Hub struct {
	config  Config
	limits  limits
	methods map[string]method
	uploads *uploads
	changes changes
	buffers sync.Pool // of *bytes.Buffer, for the message being read

	ctx     context.Context // of everything that runs here
	stop    context.CancelFunc
	mu      sync.Mutex
	conns   map[*conn]bool
	taken   int // connections, and handshakes on their way to be one
	closing bool
	running sync.WaitGroup // connections
	tending sync.WaitGroup // tend
}

// New returns a Hub; Shutdown ends it.
func New(config Config) (*Hub, error) { return newHub(config, defaultLimits()) }

func newHub(config Config, limits limits) (*Hub, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	h := &Hub{config: config, limits: limits, conns: make(map[*conn]bool)}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.methods = h.table()
	h.changes.wake = make(chan struct{}, 1)
	h.buffers.New = newBuffer
	h.uploads = newUploads(config, limits)
	h.tending.Go(h.tend)
	return h, nil
}

func (c *Config) check() error {
	switch {
	case c.Log == nil:
		return errors.New("Config.Log is missing")
	case c.Objects == nil || c.Cache == nil || c.Stats == nil || c.Answers == nil:
		return errors.New("Config needs Objects, Cache, Stats and Answers")
	case (c.Resumer == nil) != (c.Turns == nil):
		return errors.New("Config.Resumer and Config.Turns belong together")
	case c.AllowOrigin == nil:
		return errors.New("Config.AllowOrigin is missing: without it any site's page could command this server")
	case (c.Who == nil) != (c.Still == nil):
		return errors.New("Config.Who and Config.Still belong together")
	case c.RequestID == nil:
		return errors.New("Config.RequestID is missing")
	case c.MaxObject <= 0:
		return fmt.Errorf("Config.MaxObject is %d: give the size of the largest object in bytes", c.MaxObject)
	case c.BeginUpload == nil:
		return errors.New("Config.BeginUpload is missing: without it any number of uploads would run at once")
	case c.MaxClients < 0:
		return fmt.Errorf("Config.MaxClients (%d) must not be negative", c.MaxClients)
	}
	if c.Audit == nil {
		c.Audit = func(*http.Request, api.Who) audit.Line { return func(string, ...any) {} }
	}
	if c.MaxClients == 0 {
		c.MaxClients = 1000
	}
	return nil
}

// ServeHTTP makes a WebSocket of the request and serves it until it ends. Pages
// of other origins get 403; one client too many gets 503.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.config.AllowOrigin(r) {
		h.refuse(w, r, http.StatusForbidden, api.Errorf(api.Forbidden, "the page's origin %q may not open this WebSocket: use the address that the server printed", r.Header.Get("Origin")))
		return
	}
	var who api.Who
	if h.config.Who != nil {
		var err error
		if who, err = h.config.Who(r); err != nil {
			h.refuseStranger(w, r, err)
			return
		}
	}
	if err := h.take(); err != nil {
		w.Header().Set("Retry-After", "5")
		h.refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	defer h.release()
	sock, err := accept(w, r, h.limits.closeWithin)
	if err != nil {
		h.config.Log.Debug("websocket handshake refused", "err", err)
		return
	}
	c := newConn(h, sock, who, h.config.Audit(r, who))
	if h.add(c) {
		defer h.remove(c)
		c.serve()
		return
	}
	sock.close(closeGoingAway, "the server is shutting down")
}

// take reserves a place for a connection.
func (h *Hub) take() *api.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return api.Errorf(api.Unavailable, "the server is shutting down: try again soon")
	}
	if h.taken >= h.config.MaxClients {
		return api.Errorf(api.Unavailable, "%d clients are connected, which is as many as this server takes: try again later", h.taken)
	}
	h.taken++
	h.running.Add(1)
	return nil
}

func (h *Hub) release() {
	h.mu.Lock()
	h.taken--
	h.mu.Unlock()
	h.running.Done()
}

func (h *Hub) add(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closing {
		h.conns[c] = true
	}
	return !h.closing
}

func (h *Hub) remove(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// Clients returns how many clients are connected.
func (h *Hub) Clients() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

// each calls f for every connection.
func (h *Hub) each(f func(*conn)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		f(c)
	}
}

// tend sends the changes of objects, spaced, and drops abandoned uploads.
func (h *Hub) tend() {
	expiry := time.NewTicker(h.limits.keepUpload / 8)
	defer expiry.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-expiry.C:
			h.uploads.expire()
		case <-h.changes.wake:
			h.send(api.NoteChanged, h.changes.take())
			sleep(h.ctx, h.limits.spaceNotes)
		}
	}
}

// Shutdown closes every connection with code 1001, drops the uploads and waits
// for all that the Hub runs. When ctx is done first, it cuts the connections
// and returns ctx's error.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	h.each((*conn).leave)
	h.uploads.shutdown()

	done := make(chan struct{})
	go func() {
		h.running.Wait()
		h.uploads.running.Wait()
		h.stop() // not before: it would cut the connections
		h.tending.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		h.stop()
		h.each(func(c *conn) { c.sock.kill() })
		return fmt.Errorf("shut the WebSocket down: %w", ctx.Err())
	}
}
