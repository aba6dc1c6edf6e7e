package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall/js"
)

// socket is the browser's WebSocket, used directly. The wrapper in
// nhooyr.io/websocket is not used here: an error event that comes while its
// Close waits for the other side stops the whole program for good (its event
// handler waits for a lock that Close holds), it closes with codes that browsers
// refuse, and it cannot give up a dial.
type socket struct {
	ws     js.Value
	opened chan struct{}
	ended  chan struct{}
	wake   chan struct{} // something is in queue
	funcs  []js.Func

	mu    sync.Mutex
	err   error // why it ended
	queue [][]byte
	bytes int // in queue
}

// The browser gives messages whether we read them or not: a program that falls
// this far behind is better off with a new connection and fresh data.
const (
	maxQueueBytes    = 16 << 20
	maxQueueMessages = 4096
)

// closeNormal is the only standard close code that browsers let a page use.
const closeNormal = 1000

func dial(ctx context.Context, url string) (*socket, error) {
	s := &socket{opened: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	if err := s.open(url); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		s.close()
		return nil, fmt.Errorf("the server cannot be reached: %w", ctx.Err())
	case <-s.ended:
		return nil, errors.New("the server cannot be reached")
	case <-s.opened:
		return s, nil
	}
}

// open makes the browser dial, and listens to what comes of it.
func (s *socket) open(url string) (err error) {
	defer func() {
		if thrown, ok := recover().(js.Error); ok {
			err = fmt.Errorf("the address %q is no WebSocket: %w", url, thrown)
		}
	}()
	s.ws = js.Global().Get("WebSocket").New(url)
	s.ws.Set("binaryType", "arraybuffer")
	s.on("open", func(js.Value) { close(s.opened) })
	s.on("message", func(e js.Value) { s.message(e.Get("data")) })
	s.on("close", func(e js.Value) {
		s.end(lost(e.Get("reason").String()))
		for _, f := range s.funcs {
			f.Release() // the browser calls none of them after this one
		}
	})
	return nil
}

func (s *socket) on(event string, f func(e js.Value)) {
	fn := js.FuncOf(func(_ js.Value, args []js.Value) any {
		f(args[0])
		return nil
	})
	s.funcs = append(s.funcs, fn)
	s.ws.Call("addEventListener", event, fn)
}

// message queues a text message; the server sends no others.
func (s *socket) message(data js.Value) {
	if data.Type() != js.TypeString {
		return
	}
	msg := []byte(data.String())
	s.mu.Lock()
	s.queue = append(s.queue, msg)
	s.bytes += len(msg)
	full := s.bytes > maxQueueBytes || len(s.queue) > maxQueueMessages
	s.mu.Unlock()
	if full {
		s.end(errors.New("the page could not keep up with the server"))
		s.close()
	}
	signal(s.wake)
}

// end tells whoever reads or dials that it is over. Only the first reason counts.
func (s *socket) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.ended)
	}
}

// read returns the next message.
func (s *socket) read(ctx context.Context) ([]byte, error) {
	for {
		msg, err := s.take()
		if msg != nil || err != nil {
			return msg, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.ended:
		case <-s.wake:
		}
	}
}

func (s *socket) take() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil, s.err
	}
	msg := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	s.bytes -= len(msg)
	return msg, nil
}

// write sends a text message.
func (s *socket) write(_ context.Context, msg []byte) error { return s.send(string(msg)) }

// writeFrame sends a binary message, of which the browser makes a copy at once.
func (s *socket) writeFrame(_ context.Context, f frame) error { return s.send(f) }

// send hands a message to the browser, which takes any amount at once: only
// the server's credit bounds what waits there.
func (s *socket) send(data any) (err error) {
	defer func() {
		if thrown, ok := recover().(js.Error); ok {
			err = thrown
		}
	}()
	select {
	case <-s.ended:
		return errors.New("the connection has ended")
	default:
	}
	s.ws.Call("send", data)
	return nil
}

// close ends the connection. The browser says goodbye to the server by itself,
// which takes as long as it takes; nobody here waits for it.
func (s *socket) close() {
	s.end(errors.New("the connection was closed"))
	s.ws.Call("close", closeNormal)
}
