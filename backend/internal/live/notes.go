package live

import (
	"bytes"
	"encoding/json"
	"sync"

	"memcache/shared/api"
)

// Broadcast sends a notification to every client. It never waits for one.
// [api.NoteChanged] with an [api.Changed] goes out at most ten times a second:
// of those between, what they have in common is told. Of [api.NoteCache], which
// tells everything each time, and of [api.NotePilot], only the newest waits for a slow client.
func (h *Hub) Broadcast(method string, params any) {
	if changed, ok := params.(api.Changed); ok && method == api.NoteChanged {
		h.changes.add(changed)
		return
	}
	h.send(method, params)
}

func (h *Hub) send(method string, params any) {
	msg, err := encodeNote(method, params)
	if err != nil {
		h.config.Log.Error("notification not sent", "method", method, "err", err)
		return
	}
	encoded := func() []byte { return msg }
	h.each(func(c *conn) {
		if method == api.NoteCache || method == api.NotePilot {
			c.out.set(method, encoded)
			return
		}
		c.add(msg)
	})
}

// Tick sends one second of statistics to those who subscribed. Of a client that
// is behind, it replaces the tick that still waits.
func (h *Hub) Tick(tick api.Tick) {
	h.tell(api.NoteStats, tick, func(c *conn) bool { return c.subscribed.Load() })
}

// Watched tells whether any client watches the curves.
func (h *Hub) Watched() (some bool) {
	h.each(func(c *conn) { some = some || c.watching.Load() })
	return some
}

// Insight sends the curves to those who watch them. Of a client that is behind, it
// replaces those that still wait.
func (h *Hub) Insight(insight api.Insight) {
	h.tell(api.NoteInsight, insight, func(c *conn) bool { return c.watching.Load() })
}

// tell sends a notification to the clients that want it. Of a client that is behind,
// it replaces the one of its kind that still waits.
func (h *Hub) tell(method string, params any, wanted func(*conn) bool) {
	msg, err := encodeNote(method, params)
	if err != nil {
		h.config.Log.Error("a notification is not sent", "method", method, "err", err)
		return
	}
	encoded := func() []byte { return msg }
	h.each(func(c *conn) {
		if wanted(c) {
			c.out.set(method, encoded)
		}
	})
}

// encodeNote encodes a notification once for all who get it.
func encodeNote(method string, params any) ([]byte, error) {
	raw, err := encode(params)
	if err != nil {
		return nil, err
	}
	msg, err := encode(api.Request{JSONRPC: "2.0", Method: method, Params: raw})
	if err == nil && len(msg) > api.MaxMessageBytes {
		return nil, api.Errorf(api.Internal, "the notification %s is %d bytes long, more than the %d that a message may have", method, len(msg), api.MaxMessageBytes)
	}
	return msg, err
}

// encode is json.Marshal without escapes for HTML, which would swell keys.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// changes gathers the changes of objects that have not been told yet.
type changes struct {
	mu    sync.Mutex
	some  bool
	value api.Changed
	wake  chan struct{}
}

func (c *changes) add(changed api.Changed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.some && c.value != changed {
		changed = api.Changed{}
	}
	c.some, c.value = true, changed
	signal(c.wake)
}

func (c *changes) take() api.Changed {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.some = false
	return c.value
}
