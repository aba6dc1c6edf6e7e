// Package unpack opens traces that may be compressed with gzip or zstd.
package unpack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"memcache/cache/trace"
)

// maxWindow bounds the memory that a zstd file may ask for: that of its highest
// usual level.
const maxWindow = 128 << 20

// Reader returns what is in r: uncompressed when it begins as gzip or zstd do, else
// as it is. Close frees it; it does not close r.
func Reader(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReader(r)
	switch head, _ := b.Peek(4); {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("open as gzip: %w", err)
		}
		return z, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("open as zstd: %w", err)
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}

// Trace is a trace and what identifies it.
type Trace struct {
	trace.Trace
	SHA256 string // of the text, uncompressed, in hexadecimal digits
}

// Read reads a trace of at most so many requests, compressed or not.
func Read(r io.Reader, most int) (Trace, error) {
	plain, err := Reader(r)
	if err != nil {
		return Trace{}, err
	}
	sum := sha256.New()
	t, err := trace.Read(io.TeeReader(plain, sum), most)
	return Trace{t, hex.EncodeToString(sum.Sum(nil))}, errors.Join(err, plain.Close())
}
