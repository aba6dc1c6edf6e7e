package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall/js"
)

// NewBlobSource returns a source that reads the browser's Blob (or File) v a
// slice at a time, so that a large file never stands in memory whole.
//
// It reads ahead, into the browser's memory: a wait for the browser takes as long
// for a few bytes as for many. One goroutine at a time may use it.
func NewBlobSource(v js.Value) Source {
	return &blobSource{blob: v, size: int64(v.Get("size").Float())}
}

// readAhead is how much is read at once, in bytes.
const readAhead = 4 << 20

type blobSource struct {
	blob  js.Value
	size  int64
	ahead js.Value // an ArrayBuffer of the bytes from begin to end
	begin int64
	end   int64
}

func (b *blobSource) Size() int64 { return b.size }

func (b *blobSource) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 || off > b.size {
		return 0, fmt.Errorf("read the file at %d: it has %d bytes", off, b.size)
	}
	last := min(off+int64(len(p)), b.size)
	if off < b.begin || last > b.end {
		end := min(max(last, off+readAhead), b.size)
		buffer, err := await(ctx, b.blob.Call("slice", float64(off), float64(end)).Call("arrayBuffer"))
		if err != nil {
			return 0, fmt.Errorf("read the file at %d: %w: it may have been changed or removed, choose it again", off, err)
		}
		b.ahead, b.begin, b.end = buffer, off, end
	}
	n := js.CopyBytesToGo(p, js.Global().Get("Uint8Array").New(b.ahead, off-b.begin, last-off))
	if n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
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
