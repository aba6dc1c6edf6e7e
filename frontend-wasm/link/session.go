package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"memcache/shared/api"
)

// session is one connection from its dial to its end.
type session struct {
	sock  *socket
	probe chan struct{} // asks for a heartbeat now
	heard atomic.Int64  // when the last message came, in Unix nanoseconds

	ctx  context.Context // ends with the session, and with the reason as its cause
	stop context.CancelCauseFunc

	mu      sync.Mutex
	last    int64 // the last request's ID
	pending map[int64]chan message
}

// message is anything that the server sends.
type message struct {
	ID     *int64          `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *api.RPCError   `json:"error"`
}

func newSession(ctx context.Context, sock *socket) *session {
	s := &session{sock: sock, probe: make(chan struct{}, 1), pending: make(map[int64]chan message)}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.heard.Store(time.Now().UnixNano())
	return s
}

// read takes messages until the session ends. onNote gets the notifications.
func (s *session) read(onNote func(message)) {
	for {
		raw, err := s.sock.read(s.ctx)
		if err != nil {
			s.stop(err)
			return
		}
		s.heard.Store(time.Now().UnixNano())
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			s.stop(fmt.Errorf("the server sent what is no message: %w: reload the page", err))
			return
		}
		if m.Method != "" {
			onNote(m)
		} else {
			s.answer(m)
		}
	}
}

// answer gives a response to the call that waits for it, if it still does.
func (s *session) answer(m message) {
	if m.ID == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting := s.pending[*m.ID]; waiting != nil {
		waiting <- m // it has room for one, and gets but one
		delete(s.pending, *m.ID)
	}
}

// call sends a request and waits for its response.
func (s *session) call(ctx context.Context, method string, params, result any) error {
	id, waiting := s.expect()
	defer s.forget(id)
	if err := s.request(id, method, params); err != nil {
		return err
	}
	select {
	case m := <-waiting:
		return decode(method, m, result)
	case <-ctx.Done():
		return api.Errorf(api.Unavailable, "%s was given up before it was answered: %w", method, ctx.Err())
	case <-s.ctx.Done():
		return s.gone(method)
	}
}

func (s *session) gone(method string) error {
	return api.Errorf(api.Unavailable, "the connection was lost before the server answered %s: check whether it was done, then try again", method).Because(context.Cause(s.ctx))
}

func (s *session) expect() (int64, chan message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	waiting := make(chan message, 1)
	s.pending[s.last] = waiting
	return s.last, waiting
}

func (s *session) forget(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}

func (s *session) request(id int64, method string, params any) error {
	req := api.Request{JSONRPC: "2.0", ID: strconv.AppendInt(nil, id, 10), Method: method}
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil {
			return api.Errorf(api.Invalid, "the parameters of %s cannot be sent: %w", method, err)
		}
		req.Params = raw
	}
	msg, err := json.Marshal(req)
	if err != nil {
		return api.Errorf(api.Invalid, "%s cannot be sent: %w", method, err)
	}
	if len(msg) > api.MaxMessageBytes {
		return api.Errorf(api.TooLarge, "%s has %d bytes: a message may have %d", method, len(msg), api.MaxMessageBytes)
	}
	return s.sent(s.sock.write(s.ctx, msg))
}

func (s *session) writeFrame(f frame) error { return s.sent(s.sock.writeFrame(s.ctx, f)) }

// sent gives up a connection that did not take a message.
func (s *session) sent(err error) error {
	if err != nil {
		s.stop(err)
		return errOffline().Because(err)
	}
	return nil
}

// decode reads a response.
func decode(method string, m message, result any) error {
	if m.Error != nil {
		return failure(m.Error)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.Result, result); err != nil {
		return api.Errorf(api.Internal, "the server's answer to %s cannot be read: %w: reload the page, it may be older than the server", method, err)
	}
	return nil
}

// failure is the error of a response. Without Data the request never ran.
func failure(e *api.RPCError) *api.Error {
	if e.Data != nil {
		return e.Data
	}
	return api.Errorf(api.Invalid, "the server did not understand the request (%d): %s", e.Code, e.Message)
}

var errSilent = errors.New("the server does not answer")

// beat sends a heartbeat now and then, and ends the session when nothing comes
// back. patience says how long to wait for that; it is asked again and again.
func (s *session) beat(every time.Duration, patience func() time.Duration) {
	for {
		pause(s.ctx, every, s.probe)
		if s.ctx.Err() != nil {
			return
		}
		sent := time.Now()
		id, answered := s.expect()
		if s.request(id, api.MethodPing, nil) == nil && !s.hear(sent, answered, patience) {
			s.stop(errSilent)
		}
		s.forget(id)
	}
}

// hear waits until the heartbeat is answered or anything else has come since it
// was sent: while an upload fills a slow line, the answer may be long in coming.
func (s *session) hear(sent time.Time, answered chan message, patience func() time.Duration) bool {
	for {
		limit := patience()
		timer := time.NewTimer(limit / 8)
		select {
		case <-answered:
		case <-s.ctx.Done():
		case <-timer.C:
			if time.Unix(0, s.heard.Load()).Before(sent) {
				if time.Since(sent) < limit {
					continue
				}
				return false
			}
		}
		timer.Stop()
		return true
	}
}
