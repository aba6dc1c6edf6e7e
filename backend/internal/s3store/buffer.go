package s3store

import (
	"context"
	"errors"
	"io"
	"sync"
)

// pieceBytes is how much memory a buffer takes at a time.
const pieceBytes = 128 << 10

type piece [pieceBytes]byte

var spare = sync.Pool{New: func() any { return new(piece) }}

// buffer is a part in memory. It takes as much as it holds, and is empty after free.
type buffer struct {
	pieces []*piece
	size   int64
}

// fill reads r until the buffer holds limit bytes; [io.EOF] at r's end. each gets
// the bytes as they come.
func (b *buffer) fill(ctx context.Context, r io.Reader, limit int64, each func([]byte) error) error {
	for b.size < limit {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := b.size % pieceBytes
		if b.size == int64(len(b.pieces))*pieceBytes {
			b.pieces = append(b.pieces, spare.Get().(*piece))
		}
		room := b.pieces[len(b.pieces)-1][at:]
		n, err := r.Read(room[:min(int64(len(room)), limit-b.size)])
		b.size += int64(n)
		if failed := each(room[:n]); failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *buffer) free() {
	for _, p := range b.pieces {
		spare.Put(p)
	}
	b.pieces, b.size = nil, 0
}

// body is a buffer as the body of a request. What sends it may be still at it when
// the request has failed already; after end, it gets nothing any more.
type body struct {
	mu     sync.Mutex
	buffer *buffer
	at     int64
}

var errEnded = errors.New("s3store: the request has ended")

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buffer == nil {
		return 0, errEnded
	}
	if b.at >= b.buffer.size {
		return 0, io.EOF
	}
	from := b.buffer.pieces[b.at/pieceBytes][b.at%pieceBytes:]
	n := copy(p, from[:min(int64(len(from)), b.buffer.size-b.at)])
	b.at += int64(n)
	return n, nil
}

func (b *body) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buffer == nil {
		return 0, errEnded
	}
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.buffer.size
	}
	if offset < 0 {
		return b.at, errors.New("s3store: seek before the beginning")
	}
	b.at = offset
	return offset, nil
}

func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffer = nil
}
