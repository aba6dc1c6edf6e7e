//go:build !js

package link

import (
	"context"

	"memcache/shared/api"
)

// Source is what an upload reads. ReadAt fills p wholly, or fails; it never
// reads beyond Size.
type Source interface {
	Size() int64 // bytes
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
}

// frame is a message to send.
type frame = []byte

// frames reads what a transfer sends.
type frames struct {
	src    Source
	buffer []byte
}

// read returns header and the n bytes at off behind it, until the next call.
func (f *frames) read(ctx context.Context, header []byte, off, n int64) (frame, error) {
	if f.buffer == nil {
		f.buffer = make([]byte, api.ChunkHeaderBytes+min(api.ChunkBytes, f.src.Size()))
	}
	whole := f.buffer[:int64(len(header))+n]
	copy(whole, header)
	if read, err := f.src.ReadAt(ctx, whole[len(header):], off); int64(read) < n {
		return nil, err
	}
	return whole, nil
}

func (f *frames) close() {}
