package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	if err := errors.Join(sock.write(t.Context(), []byte("text")), sock.writeFrame(t.Context(), uint8Array([]byte{1, 255}))); err != nil {
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
	if err := sock.write(t.Context(), []byte("x")); err == nil {
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

func uint8Array(data []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(data))
	js.CopyBytesToJS(array, data)
	return array
}

// Blobs are read through their streams, and where those take no buffer, as
// slices.
func TestBlobsAreReadInPieces(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 50_000)
	blob := js.Global().Get("Blob").New([]any{uint8Array(data)})
	sliced := js.Global().Call("eval", `blob => ({ size: blob.size, slice: (a, b) => ({ arrayBuffer: () => blob.slice(a, b).arrayBuffer() }) })`).Invoke(blob)
	for name, blob := range map[string]js.Value{"as a stream": blob, "in slices": sliced} {
		t.Run(name, func(t *testing.T) {
			src := NewBlobSource(blob)
			if src.Size() != int64(len(data)) {
				t.Fatalf("size %d, want %d", src.Size(), len(data))
			}
			for _, c := range []struct{ off, n int64 }{{0, 10}, {10, 300_000}, {300_010, 190_000}, {4321, 1000}, {499_990, 10}, {500_000, 0}, {0, 500_000}} {
				f, err := src.frame(t.Context(), []byte("head"), c.off, c.n)
				if err != nil {
					t.Fatalf("%d bytes at %d: %v", c.n, c.off, err)
				}
				got := make([]byte, f.Length())
				js.CopyBytesToGo(got, f)
				if !bytes.Equal(got, append([]byte("head"), data[c.off:c.off+c.n]...)) {
					t.Errorf("%d bytes at %d are not those of the file", c.n, c.off)
				}
			}
			for _, off := range []int64{-1, 499_995, 500_001} {
				if _, err := src.frame(t.Context(), nil, off, 10); err == nil {
					t.Errorf("10 bytes at %d: no error", off)
				}
			}
			src.close()
			if f, err := src.frame(t.Context(), nil, 0, 10); err != nil || f.Length() != 10 {
				t.Errorf("after it was closed: %v", err)
			}
		})
	}
}

func TestABlobThatCannotBeReadFails(t *testing.T) {
	for name, body := range map[string]string{
		"slices":  `arrayBuffer: () => Promise.reject(new Error("gone from the disk"))`,
		"streams": `stream: () => ({ getReader: () => ({ read: () => Promise.reject(new Error("gone from the disk")), cancel: () => Promise.reject(0) }) })`,
	} {
		gone := js.Global().Call("eval", `({size: 10, slice: () => ({`+body+`})})`)
		if _, err := NewBlobSource(gone).frame(t.Context(), nil, 0, 5); err == nil || !strings.Contains(err.Error(), "gone from the disk") {
			t.Errorf("a removed file, by %s: %v", name, err)
		}
	}
	short := js.Global().Call("eval", `({size: 10, slice: () => new Blob(["short"])})`)
	if _, err := NewBlobSource(short).frame(t.Context(), nil, 0, 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that has shrunk: %v", err)
	}
	stuck := js.Global().Call("eval", `({size: 10, slice: () => ({arrayBuffer: () => new Promise(() => {})})})`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := NewBlobSource(stuck).frame(ctx, nil, 0, 5); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a file that is not answered for: %v", err)
	}
}
