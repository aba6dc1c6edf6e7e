package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"testing"
	"time"
)

// These run in Node, which has Blob; a WebSocket is put up here. It keeps to the
// browsers' rules for close, and does what the test says with its other methods.
const fakeWebSocket = `(() => {
	globalThis.sockets = [];
	globalThis.WebSocket = class extends EventTarget {
		constructor(url) {
			super();
			if (!url.startsWith("ws")) throw new DOMException("bad scheme", "SyntaxError");
			this.url = url; this.sent = []; this.closes = [];
			sockets.push(this);
		}
		send(data) { this.sent.push(typeof data === "string" ? data : "bytes " + Array.from(data)); }
		close(code) {
			if (code !== 1000 && !(code >= 3000 && code <= 4999)) throw new DOMException("illegal", "InvalidAccessError");
			this.closes.push(code);
		}
		fire(type, more) { this.dispatchEvent(Object.assign(new Event(type), more)); }
	};
})()`

// fake sets the page's WebSocket and returns the one that dial makes next.
func fake(t *testing.T) func() js.Value {
	t.Helper()
	js.Global().Call("eval", fakeWebSocket)
	return func() js.Value {
		t.Helper()
		for range 1000 {
			if sockets := js.Global().Get("sockets"); sockets.Length() > 0 {
				return sockets.Call("shift")
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatal("nothing was dialled")
		return js.Undefined()
	}
}

type dialled struct {
	sock *socket
	err  error
}

func dialLater(ctx context.Context) chan dialled {
	done := make(chan dialled, 1)
	go func() {
		sock, err := dial(ctx, "ws://server/ws")
		done <- dialled{sock, err}
	}()
	return done
}

// open returns an open socket and the page's side of it.
func open(t *testing.T) (*socket, js.Value) {
	t.Helper()
	next := fake(t)
	done := dialLater(t.Context())
	ws := next()
	ws.Call("fire", "open")
	d := <-done
	if d.err != nil {
		t.Fatal(d.err)
	}
	return d.sock, ws
}

func props(pairs ...any) js.Value {
	o := js.Global().Get("Object").New()
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

func TestMessagesPassThroughTheBrowser(t *testing.T) {
	sock, ws := open(t)
	if got := ws.Get("binaryType").String(); got != "arraybuffer" {
		t.Errorf("binaryType is %q", got)
	}
	for i := range 3 {
		ws.Call("fire", "message", props("data", fmt.Sprint("message ", i)))
	}
	for i := range 3 {
		if msg, err := sock.read(t.Context()); string(msg) != fmt.Sprint("message ", i) || err != nil {
			t.Errorf("read %q, %v", msg, err)
		}
	}
	if err := errors.Join(sock.write(t.Context(), false, []byte("text")), sock.write(t.Context(), true, []byte{1, 255})); err != nil {
		t.Error(err)
	}
	if sent := ws.Get("sent"); sent.Call("join", "|").String() != "text|bytes 1,255" {
		t.Errorf("sent %s", sent)
	}
}

func TestTheReasonOfACloseIsTold(t *testing.T) {
	sock, ws := open(t)
	ws.Call("fire", "message", props("data", "last words"))
	ws.Call("fire", "close", props("code", 1001, "reason", "the server is shutting down", "wasClean", true))
	if msg, err := sock.read(t.Context()); string(msg) != "last words" || err != nil {
		t.Errorf("read %q, %v", msg, err)
	}
	if _, err := sock.read(t.Context()); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("read at the end: %v", err)
	}
	if err := sock.write(t.Context(), false, []byte("x")); err == nil {
		t.Error("a write to a closed socket worked")
	}
}

func TestAnErrorEventWhileClosingDoesNoHarm(t *testing.T) {
	sock, ws := open(t)
	sock.close()
	if closes := ws.Get("closes").Call("join", "|").String(); closes != "1000" {
		t.Errorf("closed with %q", closes)
	}
	if _, err := sock.read(t.Context()); err == nil {
		t.Error("a read of what was closed waits for the server")
	}
	ws.Call("fire", "error")
	ws.Call("fire", "close", props("code", 1006, "reason", "", "wasClean", false))
	sock.close() // once more
}

func TestADialCanBeRefusedOrGivenUp(t *testing.T) {
	next := fake(t)
	done := dialLater(t.Context())
	ws := next()
	ws.Call("fire", "error")
	ws.Call("fire", "close", props("code", 1006, "reason", "", "wasClean", false))
	if d := <-done; d.err == nil {
		t.Error("a refused dial worked")
	}

	ctx, cancel := context.WithCancel(t.Context())
	done = dialLater(ctx)
	ws = next()
	cancel()
	if d := <-done; !errors.Is(d.err, context.Canceled) || ws.Get("closes").Length() != 1 {
		t.Errorf("%v, closed %d times, want context.Canceled and 1", d.err, ws.Get("closes").Length())
	}

	if _, err := dial(t.Context(), "no address"); err == nil {
		t.Error("a bad address worked")
	}
}

func TestAPageThatFallsBehindIsDisconnected(t *testing.T) {
	sock, ws := open(t)
	for range maxQueueMessages + 1 {
		ws.Call("fire", "message", props("data", "x"))
	}
	if ws.Get("closes").Length() == 0 {
		t.Error("the queue is not bounded")
	}
	for {
		if _, err := sock.read(t.Context()); err != nil {
			if !strings.Contains(err.Error(), "keep up") {
				t.Errorf("ended with %v", err)
			}
			return
		}
	}
}

func TestBlobsAreReadInSlices(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 1000)
	array := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(array, data)
	src := NewBlobSource(js.Global().Get("Blob").New([]any{array}))
	if src.Size() != int64(len(data)) {
		t.Fatalf("size %d, want %d", src.Size(), len(data))
	}
	for _, c := range []struct{ off, n int }{{0, 10}, {4321, 1000}, {9990, 10}, {10_000, 0}, {0, 10_000}} {
		p := make([]byte, c.n)
		if n, err := src.ReadAt(t.Context(), p, int64(c.off)); n != c.n || err != nil || !bytes.Equal(p, data[c.off:c.off+c.n]) {
			t.Errorf("%d bytes at %d: %d, %v", c.n, c.off, n, err)
		}
	}
	for _, off := range []int64{-1, 9995, 10_001} {
		if n, err := src.ReadAt(t.Context(), make([]byte, 10), off); err == nil {
			t.Errorf("10 bytes at %d: %d without an error", off, n)
		}
	}
}

func TestABlobThatCannotBeReadFails(t *testing.T) {
	gone := js.Global().Call("eval", `({size: 10, slice: () => ({arrayBuffer: () => Promise.reject(new Error("gone from the disk"))})})`)
	if _, err := NewBlobSource(gone).ReadAt(t.Context(), make([]byte, 5), 0); err == nil || !strings.Contains(err.Error(), "gone from the disk") {
		t.Errorf("a removed file: %v", err)
	}
	stuck := js.Global().Call("eval", `({size: 10, slice: () => ({arrayBuffer: () => new Promise(() => {})})})`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := NewBlobSource(stuck).ReadAt(ctx, make([]byte, 5), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a file that is not answered for: %v", err)
	}
}
