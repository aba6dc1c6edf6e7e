//go:build !js

package link

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/shared/api"
)

// What needs a server that misbehaves is tested here; both ends together are
// tested in backend/internal/live, which may import this package.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a server that answers each request as a test wants. A nil answer is
// none at all.
type script struct {
	url      string
	answer   func(s *served, req api.Request) any
	accepted atomic.Int64
	running  sync.WaitGroup
}

func serve(t *testing.T, answer func(s *served, req api.Request) any) *script {
	t.Helper()
	s := &script{answer: answer}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	s.url = server.URL
	t.Cleanup(func() {
		s.running.Wait() // every client has gone by now
		server.Close()
	})
	return s
}

func (s *script) serve(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Done()
	c, err := acceptRaw(w, r)
	if err != nil {
		return
	}
	defer c.close()
	s.accepted.Add(1)
	for {
		msg, err := c.read(context.Background())
		if err != nil {
			return
		}
		var req api.Request
		if json.Unmarshal(msg, &req) != nil {
			continue // a chunk
		}
		if answer := s.answer(c, req); answer != nil {
			c.reply(req, answer)
		}
	}
}

func (c *served) reply(req api.Request, answer any) {
	response := api.Response{JSONRPC: "2.0", ID: req.ID}
	if err, ok := answer.(*api.Error); ok {
		response.Error = &api.RPCError{Code: api.RPCFailed, Message: err.Message, Data: err}
	} else {
		response.Result, _ = json.Marshal(answer) // the tests' answers can be encoded
	}
	msg, _ := json.Marshal(response)
	c.send(msg)
}

// quick makes a client wait for little.
func quick(c *Client) *Client {
	c.timing = timing{
		dialWithin: 5 * time.Second, beatEvery: 20 * time.Millisecond, beatWithin: 200 * time.Millisecond, sendWithin: 5 * time.Second,
		firstRetry: 5 * time.Millisecond, lastRetry: 50 * time.Millisecond, steady: time.Hour,
		busyRetry: 5 * time.Millisecond, busyWithin: 200 * time.Millisecond,
	}
	return c
}

// start connects a client and returns it and what it tells of its connection.
func start(t *testing.T, url string, change func(*Client)) (*Client, chan State) {
	t.Helper()
	states := make(chan State, 10_000)
	c := quick(New(Config{URL: url, OnState: func(s State) { states <- s }}))
	if change != nil {
		change(c)
	}
	c.Start(t.Context())
	t.Cleanup(c.Close)
	return c, states
}

func wait(t *testing.T, states chan State, is func(State) bool) State {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case s := <-states:
			if is(s) {
				return s
			}
		case <-timeout:
			t.Fatal("the state that is waited for did not come")
		}
	}
}

func online(s State) bool  { return s.Online }
func offline(s State) bool { return !s.Online && s.Err != "" }

func code(err error) api.Code {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code
	}
	return api.Code(fmt.Sprintf("not an api.Error: %v", err))
}

func TestAServerThatFallsSilentIsLeft(t *testing.T) {
	var first atomic.Pointer[served]
	s := serve(t, func(c *served, _ api.Request) any {
		if first.CompareAndSwap(nil, c) || first.Load() == c {
			return nil // not even heartbeats
		}
		return api.Empty{}
	})
	_, states := start(t, s.url, nil)
	wait(t, states, online)
	if left := wait(t, states, offline); left.Err != errSilent.Error() {
		t.Errorf("left because %q, want %q", left.Err, errSilent)
	}
	wait(t, states, online)
}

func TestAnythingHeardCountsAsAnAnswer(t *testing.T) {
	s := serve(t, func(c *served, req api.Request) any {
		if req.Method == api.MethodPing {
			c.send([]byte(`{"jsonrpc":"2.0","method":"news"}`))
			return nil
		}
		return api.Empty{}
	})
	heard := make(chan string, 1000)
	c, states := start(t, s.url, func(c *Client) {
		c.timing.beatEvery, c.timing.beatWithin = time.Millisecond, 80*time.Millisecond
		c.config.OnNote = func(method string, _ json.RawMessage) { heard <- method }
	})
	wait(t, states, online)
	for range 5 {
		<-heard
	}
	if n := s.accepted.Load(); n != 1 || !c.State().Online {
		t.Errorf("%d connections were made, want one that lasts", n)
	}
}

func TestRetryAsksWhetherTheConnectionLives(t *testing.T) {
	pinged := make(chan struct{}, 10)
	s := serve(t, func(_ *served, req api.Request) any { pinged <- struct{}{}; return api.Empty{} })
	c, states := start(t, s.url, func(c *Client) { c.timing.beatEvery = time.Hour })
	wait(t, states, online)
	c.Retry()
	<-pinged
}

func TestRetryEndsThePause(t *testing.T) {
	c, states := start(t, "ws://127.0.0.1:1", func(c *Client) { c.timing.firstRetry, c.timing.lastRetry = time.Hour, time.Hour })
	paused := func(s State) bool { return !s.RetryAt.IsZero() }
	if s := wait(t, states, paused); time.Until(s.RetryAt) < 40*time.Minute || !offline(s) {
		t.Errorf("paused with %+v", s)
	}
	c.Retry()
	if s := wait(t, states, offline); !s.RetryAt.IsZero() {
		t.Errorf("after Retry: %+v, want an attempt", s)
	}
	wait(t, states, paused)
}

func TestFault32_PausesGrowAndVary(t *testing.T) {
	timing, seen := defaultTiming(), make(map[time.Duration]bool)
	for tries := range 100 {
		full := min(timing.firstRetry<<min(tries, 10), timing.lastRetry)
		wait := timing.backOff(tries)
		if wait < full*3/4 || wait > full {
			t.Errorf("after %d tries: %v, want %v to %v", tries, wait, full*3/4, full)
		}
		seen[wait] = true
	}
	if len(seen) < 50 {
		t.Errorf("100 pauses have only %d lengths", len(seen))
	}
}

func TestNonsenseFromTheServerEndsTheConnection(t *testing.T) {
	s := serve(t, func(c *served, _ api.Request) any { c.send([]byte("nonsense")); return nil })
	_, states := start(t, s.url, nil)
	wait(t, states, online)
	wait(t, states, offline)
}

func TestAnswersThatDoNotFitAreErrors(t *testing.T) {
	s := serve(t, func(c *served, req api.Request) any {
		c.send([]byte(`{"jsonrpc":"2.0","id":999999,"result":{}}`)) // for nobody
		c.send([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}`))
		return "a string"
	})
	c, states := start(t, s.url, nil)
	wait(t, states, online)
	var object api.Object
	if err := c.Call(t.Context(), api.MethodStat, nil, &object); code(err) != api.Internal {
		t.Errorf("an answer of the wrong type: %v", err)
	}
	if err := c.Call(t.Context(), api.MethodStat, make(chan int), nil); code(err) != api.Invalid {
		t.Errorf("parameters that cannot be encoded: %v", err)
	}
	if err := c.Call(t.Context(), api.MethodStat, bytes.Repeat([]byte("x"), api.MaxMessageBytes), nil); code(err) != api.TooLarge {
		t.Errorf("a call beyond the limit: %v", err)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	s := serve(t, func(_ *served, req api.Request) any {
		if req.Method == api.MethodPing {
			return api.Empty{}
		}
		return nil
	})
	c, states := start(t, s.url, nil)
	wait(t, states, online)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 * maxCalls { // half of them wait for their turn
		running.Go(func() {
			if err := c.Call(ctx, api.MethodStat, nil, nil); code(err) != api.Unavailable || !errors.Is(err, context.Canceled) {
				t.Errorf("a call that was given up: %v", err)
			}
		})
	}
	cancel()
	running.Wait()
}

func TestCloseEndsEverything(t *testing.T) {
	s := serve(t, func(*served, api.Request) any { return nil })
	c, states := start(t, s.url, func(c *Client) { c.timing.beatWithin = time.Hour })
	wait(t, states, online)
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Call(t.Context(), api.MethodStat, nil, nil); code(err) != api.Unavailable {
			t.Errorf("the call: %v", err)
		}
	})
	running.Go(func() {
		if _, err := c.Upload(t.Context(), Upload{Key: "k"}, memory("data"), nil); code(err) != api.Unavailable {
			t.Errorf("the upload: %v", err)
		}
	})
	for c.patience() != c.timing.sendWithin { // until the upload is under way
		time.Sleep(time.Millisecond)
	}
	c.Close()
	running.Wait()
	c.Start(t.Context())
	if c.State().Online {
		t.Error("a closed client started again")
	}
}

// memory is a source in memory.
type memory string

func (m memory) Size() int64 { return int64(len(m)) }

func (m memory) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return copy(p, m[off:]), nil
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	var starts atomic.Int64
	s := serve(t, func(c *served, req api.Request) any {
		switch {
		case req.Method == api.MethodUpload && starts.Add(1) < 4:
			return api.Errorf(api.TooMany, "busy")
		case req.Method == api.MethodUpload:
			return api.UploadState{}
		case req.Method == api.MethodFinish:
			return api.Object{Key: "k"}
		}
		return api.Empty{}
	})
	c, _ := start(t, s.url, nil)
	if object, err := c.Upload(t.Context(), Upload{Key: "k"}, memory(""), nil); err != nil || object.Key != "k" {
		t.Errorf("%+v, %v after %d starts", object, err, starts.Load())
	}
	starts.Store(-1 << 40)
	if _, err := c.Upload(t.Context(), Upload{Key: "k"}, memory(""), nil); code(err) != api.TooMany {
		t.Errorf("a server that stays busy: %v", err)
	}
}

func TestUploadsWaitForTheirTurn(t *testing.T) {
	var now, most atomic.Int64
	s := serve(t, func(c *served, req api.Request) any {
		switch req.Method {
		case api.MethodUpload:
			most.Store(max(most.Load(), now.Add(1)))
			return api.UploadState{}
		case api.MethodFinish:
			now.Add(-1)
			return api.Object{}
		}
		return api.Empty{}
	})
	c, _ := start(t, s.url, nil)
	var running sync.WaitGroup
	for i := range 10 * maxUploads {
		running.Go(func() {
			if _, err := c.Upload(t.Context(), Upload{Key: fmt.Sprint(i)}, memory(""), nil); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if n := most.Load(); n > maxUploads {
		t.Errorf("%d uploads ran at once, want at most %d", n, maxUploads)
	}
}
