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
func NewBlobSource(v js.Value) Source {
	return blobSource{blob: v, size: int64(v.Get("size").Float())}
}

type blobSource struct {
	blob js.Value
	size int64
}

func (b blobSource) Size() int64 { return b.size }

func (b blobSource) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 || off > b.size {
		return 0, fmt.Errorf("read the file at %d: it has %d bytes", off, b.size)
	}
	end := min(off+int64(len(p)), b.size)
	slice := b.blob.Call("slice", float64(off), float64(end))
	buffer, err := await(ctx, slice.Call("arrayBuffer"))
	if err != nil {
		return 0, fmt.Errorf("read the file at %d: %w: it may have been changed or removed, choose it again", off, err)
	}
	n := js.CopyBytesToGo(p, js.Global().Get("Uint8Array").New(buffer))
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
