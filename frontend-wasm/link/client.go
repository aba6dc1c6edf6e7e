package link

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"time"

	"memcache/shared/api"
)

// What runs at once: more calls and uploads than this wait for their turn.
const (
	maxCalls   = 64
	maxUploads = 4
)

// timing is what only tests change.
type timing struct {
	dialWithin time.Duration
	beatEvery  time.Duration
	beatWithin time.Duration // for the answer
	sendWithin time.Duration // for the answer while an upload fills the line
	firstRetry time.Duration
	lastRetry  time.Duration
	steady     time.Duration // a connection that lived so long starts the pauses anew
	busyRetry  time.Duration // between attempts to start an upload
	busyWithin time.Duration // for a busy server to take an upload
}

func defaultTiming() timing {
	return timing{
		dialWithin: 10 * time.Second,
		beatEvery:  15 * time.Second,
		beatWithin: 10 * time.Second,
		sendWithin: time.Minute,
		firstRetry: 500 * time.Millisecond,
		lastRetry:  15 * time.Second,
		steady:     10 * time.Second,
		busyRetry:  time.Second,
		busyWithin: time.Minute,
	}
}

// Client is a connection that comes back. Its methods may be called at the
// same time from anywhere.
type Client struct {
	config  Config
	timing  timing
	retry   chan struct{}
	calls   chan struct{} // one for each that runs
	slots   chan struct{} // one for each upload that runs
	running sync.WaitGroup
	life    context.Context // until Close
	stop    context.CancelFunc

	mu        sync.Mutex
	started   bool
	state     State
	session   *session      // nil without a connection
	connected chan struct{} // closed while there is a session
	transfers map[string]*transfer
}

// New returns a client that connects once Start is called.
func New(config Config) *Client {
	life, stop := context.WithCancel(context.Background())
	return &Client{
		life:      life,
		stop:      stop,
		config:    config,
		timing:    defaultTiming(),
		retry:     make(chan struct{}, 1),
		calls:     make(chan struct{}, maxCalls),
		slots:     make(chan struct{}, maxUploads),
		state:     State{Since: time.Now()},
		connected: make(chan struct{}),
		transfers: make(map[string]*transfer),
	}
}

// Start begins to connect, until ctx is done or Close is called. A second Start
// does nothing.
func (c *Client) Start(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.life.Err() != nil {
		return
	}
	c.started = true
	c.running.Go(func() {
		defer context.AfterFunc(ctx, c.stop)()
		c.run(c.life)
	})
}

// Close ends the connection and waits for what the client runs. Calls and
// uploads that are under way fail.
func (c *Client) Close() {
	c.mu.Lock()
	c.stop() // under the lock: no Start can come between it and Wait
	c.mu.Unlock()
	c.running.Wait()
}

// Retry dials at once if there is no connection, without waiting for the pause
// to pass, and makes sure that a connection is still alive if there is one. Call
// it when the browser says that it is online or shows the page again.
func (c *Client) Retry() {
	signal(c.retry)
	if s := c.current(); s != nil {
		signal(s.probe)
	}
}

// State returns the present state of the connection.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// run connects again and again.
func (c *Client) run(ctx context.Context) {
	for tries := 0; ; tries++ {
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			c.setState(State{Err: "the page has closed the connection"})
			return
		}
		if time.Since(began) > c.timing.steady {
			tries = 0
		}
		wait := c.timing.backOff(tries)
		c.setState(State{Err: err.Error(), RetryAt: time.Now().Add(wait)})
		pause(ctx, wait, c.retry)
		c.setState(State{Err: err.Error()})
	}
}

// backOff returns the pause after so many tries in a row: it doubles, and varies
// by a quarter so that the clients of a server that is back do not all come at once.
func (t timing) backOff(tries int) time.Duration {
	wait := min(t.firstRetry<<min(tries, 16), t.lastRetry)
	return wait - wait/4 + rand.N(wait/4+1)
}

// connect dials and serves the connection until it is lost.
func (c *Client) connect(ctx context.Context) error {
	dialling, cancel := context.WithTimeout(ctx, c.timing.dialWithin)
	sock, err := dial(dialling, c.config.URL)
	cancel()
	if err != nil {
		return err
	}
	s := newSession(ctx, sock)
	c.setSession(s)
	c.setState(State{Online: true})
	var running sync.WaitGroup
	running.Go(func() { s.read(c.note) })
	running.Go(func() { s.beat(c.timing.beatEvery, c.patience) })
	<-s.ctx.Done()
	c.setSession(nil)
	sock.close()
	running.Wait()
	return context.Cause(s.ctx)
}

// patience is how long a heartbeat may take now.
func (c *Client) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.transfers) > 0 {
		return c.timing.sendWithin
	}
	return c.timing.beatWithin
}

func (c *Client) setSession(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
	if s != nil {
		close(c.connected)
	} else {
		c.connected = make(chan struct{})
	}
}

// setState keeps and tells a new state. Only run calls it.
func (c *Client) setState(state State) {
	c.mu.Lock()
	state.Since = c.state.Since
	if state.Online != c.state.Online {
		state.Since = time.Now()
	}
	changed := state != c.state
	c.state = state
	c.mu.Unlock()
	if changed && c.config.OnState != nil {
		c.config.OnState(state)
	}
}

func (c *Client) current() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// await waits for a connection. It returns nil when ctx or the client ends first.
func (c *Client) await(ctx context.Context) *session {
	for ctx.Err() == nil && c.life.Err() == nil {
		c.mu.Lock()
		s, connected := c.session, c.connected
		c.mu.Unlock()
		if s != nil {
			return s
		}
		select {
		case <-ctx.Done():
		case <-c.life.Done():
		case <-connected:
		}
	}
	return nil
}

// note takes a notification.
func (c *Client) note(m message) {
	if m.Method != api.NoteUpload {
		if c.config.OnNote != nil {
			c.config.OnNote(m.Method, m.Params)
		}
		return
	}
	var state api.UploadState
	if err := json.Unmarshal(m.Params, &state); err != nil {
		return // an upload that waits for it asks again when it resumes
	}
	c.mu.Lock()
	t := c.transfers[state.Upload]
	c.mu.Unlock()
	if t != nil {
		t.update(state)
	}
}

// Call runs a method of the server and decodes its result into result, which
// may be nil. Errors are *[api.Error]: [api.Unavailable] without a connection,
// when it is lost before the answer, and when ctx ends first.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	s := c.current()
	if s == nil {
		return errOffline()
	}
	select {
	case c.calls <- struct{}{}:
		defer func() { <-c.calls }()
	case <-s.ctx.Done():
		return errOffline()
	case <-ctx.Done():
		return api.Errorf(api.Unavailable, "%s was given up before it was sent: %w", method, ctx.Err())
	}
	return s.call(ctx, method, params, result)
}
