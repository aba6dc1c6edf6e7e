//go:build js && wasm

// Command lab is the program of the workers of the app's lab: each has a copy of a
// trace and replays it. What it is asked for, and what it tells, is in package wire;
// web/lab-worker.js starts it.
package main

import (
	"encoding/json"
	"io"
	"syscall/js"

	"memcache/frontend-wasm/lab/bench"
	"memcache/frontend-wasm/lab/wire"
)

func main() {
	b := &bench.Bench{Tell: tell}
	const atOnce = 16 // asks that wait; a page sends one after the other
	asks := make(chan js.Value, atOnce)
	js.Global().Set("onmessage", js.FuncOf(func(_ js.Value, args []js.Value) any {
		asks <- args[0].Get("data")
		return nil
	}))
	tell(wire.Tell{Ready: true})
	for message := range asks {
		answer(b, message)
	}
}

// answer does what a message asks for, in {text: JSON, file: a File or Blob}.
func answer(b *bench.Bench, message js.Value) {
	var ask wire.Ask
	if err := json.Unmarshal([]byte(message.Get("text").String()), &ask); err != nil {
		tell(wire.Tell{Error: err.Error()})
		return
	}
	file := message.Get("file")
	if !file.Truthy() {
		b.Answer(ask, nil, 0)
		return
	}
	size := int64(file.Get("size").Float())
	b.Answer(ask, &blobReader{blob: file, size: size}, size)
}

func tell(t wire.Tell) {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // there is nothing in it that JSON does not know
	}
	js.Global().Call("postMessage", string(text))
}

// blobReader reads a Blob piece by piece. A worker may wait for that.
type blobReader struct {
	blob     js.Value
	at, size int64
}

// Read is that of [io.Reader].
func (r *blobReader) Read(b []byte) (n int, err error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	defer func() {
		if e, ok := recover().(js.Error); ok {
			err = e // such as of a file that has been changed or removed since it was chosen
		}
	}()
	end := min(r.at+int64(len(b)), r.size)
	piece := js.Global().Get("FileReaderSync").New().Call("readAsArrayBuffer", r.blob.Call("slice", r.at, end))
	n = js.CopyBytesToGo(b, js.Global().Get("Uint8Array").New(piece))
	r.at += int64(n)
	if n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}
