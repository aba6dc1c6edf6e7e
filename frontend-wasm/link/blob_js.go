package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall/js"

	"memcache/shared/api"
)

// Source is what an upload reads: a file of the browser.
type Source interface {
	Size() int64 // bytes
	// frame returns header and the n bytes at off behind it, as the browser sends
	// them. What it returns is valid until the next call.
	frame(ctx context.Context, header []byte, off, n int64) (frame, error)
	// close lets go of the file; frame may open it again.
	close()
}

// frame is a message to send: an Uint8Array.
type frame = js.Value

// frames reads what a transfer sends.
type frames struct{ src Source }

func (f frames) read(ctx context.Context, header []byte, off, n int64) (frame, error) {
	return f.src.frame(ctx, header, off, n)
}

func (f frames) close() { f.src.close() }

// NewBlobSource returns a source that reads the browser's Blob (or File) v a
// block at a time, so that a large file never stands in memory whole. Its bytes
// do not pass through the memory of Go, and the browser reads all of them into one
// buffer: the pages of fresh ones cost it more than to send what they hold. One
// goroutine at a time may use it.
func NewBlobSource(v js.Value) Source {
	return &blobSource{blob: v, size: int64(v.Get("size").Float())}
}

// blockBytes is how much is read at once: a wait for the browser takes as long for
// a few bytes as for many.
const blockBytes = 1 << 20

type blobSource struct {
	blob   js.Value
	size   int64
	reader js.Value // a ReadableStreamBYOBReader that is at the offset at
	at     int64

	buffer     js.Value // an ArrayBuffer of a block, with room for a header in front; undefined while the browser has it
	block      int64    // where the block begins
	begin, end int64    // of what is whole in it: the header of a frame takes the place of bytes that were sent before
}

func (b *blobSource) Size() int64 { return b.size }

func (b *blobSource) frame(ctx context.Context, header []byte, off, n int64) (frame, error) {
	if off < 0 || n > b.size-off {
		return frame{}, fmt.Errorf("read %d bytes of the file at %d: it has %d bytes", n, off, b.size)
	}
	if off < b.begin || off+n > b.end {
		if err := b.load(ctx, off, max(n, min(blockBytes, b.size-off))); err != nil {
			b.close()
			if ctx.Err() != nil {
				return frame{}, err
			}
			return frame{}, fmt.Errorf("read the file at %d: %w: it may have been changed or removed, choose it again", off, err)
		}
	}
	b.begin = off
	whole := bytesOf(b.buffer, api.ChunkHeaderBytes+off-b.block-int64(len(header)), int64(len(header))+n)
	js.CopyBytesToJS(whole, header)
	return whole, nil
}

// load reads the n bytes at off into the buffer.
func (b *blobSource) load(ctx context.Context, off, n int64) error {
	length := api.ChunkHeaderBytes + n
	if b.buffer.IsUndefined() || int64(b.buffer.Get("byteLength").Int()) < length {
		b.buffer = js.Global().Get("ArrayBuffer").New(length)
	}
	if err := b.fill(ctx, api.ChunkHeaderBytes, off, n); err != nil {
		return err
	}
	b.block, b.begin, b.end = off, off, off+n
	return nil
}

func bytesOf(buffer js.Value, off, n int64) js.Value {
	return js.Global().Get("Uint8Array").New(buffer, off, n)
}

// fill reads the n bytes at off into the buffer, from place on.
func (b *blobSource) fill(ctx context.Context, place, off, n int64) error {
	if !b.seek(off) {
		return b.fillCopying(ctx, place, off, n)
	}
	for n > 0 {
		view := bytesOf(b.buffer, place, n)
		b.buffer = js.Undefined() // the browser takes it
		result, err := await(ctx, b.reader.Call("read", view, map[string]any{"min": n}))
		if err != nil {
			return err
		}
		value := result.Get("value")
		if !value.Truthy() {
			return io.ErrUnexpectedEOF
		}
		b.buffer = value.Get("buffer")
		got := int64(value.Get("byteLength").Int())
		if got == 0 {
			return io.ErrUnexpectedEOF
		}
		place, b.at, n = place+got, b.at+got, n-got
	}
	return nil
}

// seek makes the reader stand at off. It returns false where the browser has no
// such readers.
func (b *blobSource) seek(off int64) (ok bool) {
	if b.reader.Truthy() && b.at == off {
		return true
	}
	defer func() {
		if _, thrown := recover().(js.Error); thrown {
			ok = false
		}
	}()
	b.closeReader()
	part := b.blob.Call("slice", off)
	if !part.Get("stream").Truthy() {
		return false
	}
	b.reader, b.at = part.Call("stream").Call("getReader", map[string]any{"mode": "byob"}), off
	return true
}

// fillCopying does so where the browser cannot read into a buffer.
func (b *blobSource) fillCopying(ctx context.Context, place, off, n int64) error {
	part, err := await(ctx, b.blob.Call("slice", off, off+n).Call("arrayBuffer"))
	if err != nil {
		return err
	}
	if int64(part.Get("byteLength").Int()) < n {
		return io.ErrUnexpectedEOF
	}
	bytesOf(b.buffer, place, n).Call("set", bytesOf(part, 0, n))
	return nil
}

func (b *blobSource) close() {
	b.closeReader()
	b.buffer, b.begin, b.end = js.Undefined(), 0, 0
}

func (b *blobSource) closeReader() {
	if b.reader.Truthy() {
		ignore(b.reader.Call("cancel"))
		b.reader = js.Undefined()
	}
}

// ignore lets a promise be rejected without the browser's complaint.
func ignore(promise js.Value) {
	var settled js.Func
	settled = js.FuncOf(func(js.Value, []js.Value) any {
		settled.Release()
		return nil
	})
	promise.Call("then", settled, settled)
}

// await waits for a promise. The callbacks are released once it has settled,
// also when ctx ends the waiting before that.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	settled := make(chan outcome, 1)
	var then, catch js.Func
	release := func() { then.Release(); catch.Release() }
	then = js.FuncOf(func(_ js.Value, args []js.Value) any {
		settled <- outcome{value: args[0]}
		release()
		return nil
	})
	catch = js.FuncOf(func(_ js.Value, args []js.Value) any {
		settled <- outcome{err: errors.New(reason(args))}
		release()
		return nil
	})
	promise.Call("then", then, catch)
	select {
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	case o := <-settled:
		return o.value, o.err
	}
}

// reason names why a promise was rejected.
func reason(args []js.Value) string {
	if len(args) == 0 || args[0].Type() != js.TypeObject {
		return "the browser refused"
	}
	return args[0].Call("toString").String()
}
