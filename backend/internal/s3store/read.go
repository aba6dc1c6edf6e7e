package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"memcache/backend/internal/storage"
)

const (
	// firstBytes is how much of a blob the request that opens it asks for: a small one
	// comes with one request, and of a large one little is in vain.
	firstBytes = 1 << 20
	// emptyID is the blob of no bytes, which has no range to ask for.
	emptyID = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// maxBreaks is how often in a row a body may break off without a byte.
	maxBreaks  = 5
	firstPause = 100 * time.Millisecond
)

// Open opens a blob. [fs.ErrNotExist] when there is none. ctx bounds the opening
// alone; reading ends with Close.
func (s *Store) Open(ctx context.Context, id string) (io.ReadSeekCloser, error) {
	b, err := s.open(ctx, id)
	if err != nil {
		return nil, err // no nil in an interface
	}
	return b, nil
}

func (s *Store) open(ctx context.Context, id string) (*blob, error) {
	if !storage.ValidID(id) {
		return nil, fmt.Errorf("open blob %q: that is no blob's id: %w", id, fs.ErrInvalid)
	}
	b := &blob{s: s, id: id}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, b.cancel)
	err := b.request(0, firstBytes)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = b.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, explain(fmt.Errorf("open blob %s: %w", id, err))
	}
	return b, nil
}

// blob is a blob that is read, by one request after the other: each for what comes
// from the place of the next Read.
type blob struct {
	s      *Store
	id     string
	ctx    context.Context
	cancel context.CancelFunc
	etag   string
	size   int64
	at     int64 // the place of the next Read

	body   io.ReadCloser // nil: there is no request
	next   int64         // the place of its next byte
	end    int64         // where it ends
	breaks int           // since the last byte
}

// request asks for the bytes from a place; for as many as there are if n is 0.
func (b *blob) request(from, n int64) error {
	b.drop()
	in := &s3.GetObjectInput{Bucket: &b.s.at.Bucket, Key: aws.String(b.s.blobKey(b.id))}
	switch {
	case b.id == emptyID:
	case n > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, from+n-1))
	default:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
	}
	if b.etag != "" {
		in.IfMatch = &b.etag
	}
	out, err := b.s.client.GetObject(b.ctx, in)
	if err != nil {
		return err
	}
	length := aws.ToInt64(out.ContentLength)
	if b.etag == "" {
		b.etag, b.size = aws.ToString(out.ETag), totalSize(aws.ToString(out.ContentRange), length)
	}
	b.body, b.next, b.end = out.Body, from, from+length
	return nil
}

// totalSize is the size of an object by the Content-Range of a part, or the length
// where it is whole.
func totalSize(contentRange string, length int64) int64 {
	if _, total, ok := strings.Cut(contentRange, "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			return n
		}
	}
	return length
}

// Read reads from the present place. A body that breaks off is gone on with from
// there, as long as it is the same object.
func (b *blob) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for b.at < b.size {
		err := b.prepare()
		if err == nil {
			var n int
			if n, err = b.body.Read(p[:min(int64(len(p)), b.end-b.at)]); n > 0 {
				b.at, b.next, b.breaks = b.at+int64(n), b.next+int64(n), 0
				return n, nil // an error comes again, if it matters
			}
			if err == nil {
				continue
			}
		}
		b.drop()
		if b.ctx.Err() != nil {
			return 0, b.ctx.Err()
		}
		if b.breaks++; b.breaks >= maxBreaks || isCode(err, "PreconditionFailed", "412", "NoSuchKey", "404", "416") {
			return 0, explain(fmt.Errorf("read blob %s at %d: %w", b.id, b.at, noEnd(err)))
		}
		if err := sleep(b.ctx, firstPause<<(b.breaks-1)); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// noEnd keeps the end of a body from looking like that of the blob.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// prepare makes sure of a body whose next byte is at the present place.
func (b *blob) prepare() error {
	if b.body != nil && b.next == b.at && b.at < b.end {
		return nil
	}
	return b.request(b.at, 0)
}

// drop ends a request.
func (b *blob) drop() {
	if b.body != nil {
		_ = b.body.Close()
		b.body = nil
	}
}

// Seek sets the place of the next Read.
func (b *blob) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return b.at, &fs.PathError{Op: "seek", Path: "blob", Err: fs.ErrInvalid}
	}
	b.at = offset
	return offset, nil
}

// Close ends the reading.
func (b *blob) Close() error {
	b.drop()
	b.cancel()
	return nil
}
