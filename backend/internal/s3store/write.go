package s3store

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"memcache/backend/internal/storage"
)

const (
	// minPartBytes is the smallest part that S3 takes, but for the last.
	minPartBytes = 5 << 20
	// growth makes a part a thousandth or so of what came before, so that the 10,000
	// parts that S3 takes are enough for its largest object, of 5 TiB.
	growth = 1250
	// cleanTimeout is how long it may take to remove what a failed write leaves.
	cleanTimeout = 10 * time.Second
)

// partSize is the size of the part that begins at offset. It depends on that
// alone, so that who goes on with an upload makes the same parts.
func (s *Store) partSize(offset int64) int64 {
	return max(s.partBytes, offset/growth/pieceBytes*pieceBytes)
}

// Write stores the bytes of r. Errors: r's own, ctx's, and those of S3: api.Full
// where it has no room, else api.Unavailable.
func (s *Store) Write(ctx context.Context, r io.Reader) (storage.Blob, error) {
	w := &writing{s: s, sums: newSums(), taken: taken{room: &s.room}}
	return w.finish(w.run(ctx, r))
}

// writing is one blob on its way in.
type writing struct {
	s     *Store
	sums  sums
	size  int64 // bytes in sums
	taken taken
	up    *multipart // nil as long as all fits one part
	sent  chan error // gives how the part under way went; nil when there is none
	note  func(mark) error
	noted bool // somebody else may go on
}

// finish cleans up after run.
func (w *writing) finish(blob storage.Blob, err error) (storage.Blob, error) {
	if err == nil {
		return blob, nil
	}
	w.taken.giveBack()
	switch {
	case w.up == nil:
	case w.noted:
		w.up.done()
	default:
		w.up.drop()
	}
	return storage.Blob{}, err
}

// run sends a part while the next one comes in.
func (w *writing) run(ctx context.Context, r io.Reader) (storage.Blob, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		_ = w.wait()
	}()
	for {
		part := &buffer{}
		err := part.fill(ctx, r, w.s.partSize(w.size), w.add)
		switch {
		case err == io.EOF && w.up == nil:
			defer part.free()
			return w.putWhole(ctx, part)
		case err == io.EOF:
			if err := w.send(ctx, part); err != nil {
				return storage.Blob{}, err
			}
			return w.putTogether(ctx)
		case err != nil:
			part.free()
			return storage.Blob{}, err
		}
		if err := w.send(ctx, part); err != nil {
			return storage.Blob{}, err
		}
	}
}

// add counts bytes that came in.
func (w *writing) add(b []byte) error {
	if err := w.taken.take(int64(len(b))); err != nil {
		return err
	}
	w.sums.add(b)
	return nil
}

// send has a part sent, once the one before it is. The buffer is its own from here.
func (w *writing) send(ctx context.Context, part *buffer) error {
	err := w.wait()
	if err == nil && w.up == nil {
		w.up, err = w.s.begin(ctx, w.s.tmpKey(), types.ChecksumAlgorithmCrc32)
	}
	if err != nil || part.size == 0 {
		part.free()
		return err
	}
	w.size += part.size
	m, err := w.mark()
	if err != nil {
		part.free()
		return err
	}
	w.sent = make(chan error, 1)
	go func() {
		defer part.free()
		err := w.up.part(ctx, part)
		if err == nil && w.note != nil {
			err = w.note(m.with(w.up))
		}
		w.sent <- err
	}()
	return nil
}

// wait waits for the part under way.
func (w *writing) wait() error {
	if w.sent == nil {
		return nil
	}
	err := <-w.sent
	w.sent = nil
	return err
}

// putWhole stores a blob of one part.
func (w *writing) putWhole(ctx context.Context, part *buffer) (storage.Blob, error) {
	w.size = part.size
	id := w.sums.id()
	hash, err := hex.DecodeString(id)
	if err != nil {
		return storage.Blob{}, err
	}
	return w.keep(ctx, id, func() error {
		b := &body{buffer: part}
		defer b.end()
		_, err := w.s.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &w.s.at.Bucket, Key: aws.String(w.s.blobKey(id)), Body: b, ContentLength: &part.size,
			ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(hash)), // which S3 compares
		})
		return err
	})
}

// putTogether stores a blob of several parts.
func (w *writing) putTogether(ctx context.Context) (storage.Blob, error) {
	if err := w.wait(); err != nil {
		return storage.Blob{}, err
	}
	if err := w.up.complete(ctx, w.size); err != nil {
		return storage.Blob{}, err
	}
	id := w.sums.id()
	blob, err := w.keep(ctx, id, func() error { return w.s.copyObject(ctx, w.up.key, w.s.blobKey(id), w.size) })
	if err == nil {
		w.up.drop()
	}
	return blob, err
}

// keep has put place the blob id, and leaves it pending.
func (w *writing) keep(ctx context.Context, id string, put func() error) (blob storage.Blob, err error) {
	s := w.s
	s.pend(id, 1)
	defer func() {
		if err != nil {
			s.pend(id, -1)
		}
	}()
	before := int64(0)
	if s.room.max > 0 {
		if before, err = s.sizeOf(ctx, id); err != nil {
			return blob, err
		}
	}
	if err := s.place(ctx, id, w.size, put); err != nil {
		return blob, explain(fmt.Errorf("keep blob %s: %w", id, err))
	}
	w.taken.keep(before)
	return storage.Blob{
		ID: id, Checksum: w.sums.checksumText(), Size: w.size,
		Release: sync.OnceFunc(func() { s.pend(id, -1) }),
	}, nil
}

// place puts a blob, again if a sweep has taken it meanwhile.
func (s *Store) place(ctx context.Context, id string, size int64, put func() error) error {
	for {
		if err := put(); err != nil {
			return err
		}
		if err := s.awaitUnlocked(ctx, id); err != nil {
			return err
		}
		there, err := s.head(ctx, s.blobKey(id))
		switch {
		case err == nil && there.size == size:
			return nil
		case err == nil:
			return fmt.Errorf("it has %d bytes in S3, and not %d", there.size, size)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
}

// sizeOf is the size of a blob; 0 when there is none.
func (s *Store) sizeOf(ctx context.Context, id string) (int64, error) {
	there, err := s.head(ctx, s.blobKey(id))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return there.size, err
}

// pend counts one more or less who is about to name a blob.
func (s *Store) pend(id string, more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[id] += more; s.pending[id] <= 0 {
		delete(s.pending, id)
	}
}

func (s *Store) isPending(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending[id] > 0
}
