package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
)

// Source is what a backup is made of.
type Source struct {
	Index *sqlindex.DB
	// Open opens a blob and tells its size. No blob may go while the backup is made.
	Open func(ctx context.Context, id string) (io.ReadCloser, int64, error)
	Log  *slog.Logger
}

// ErrIncomplete says that a backup is good but for the objects whose blobs were
// missing or damaged already.
var ErrIncomplete = errors.New("some objects are not in the backup, because their content is missing or damaged: the messages above name them")

// Write writes a backup to w. With ErrIncomplete the backup is good for what
// could be read; after any other error it is not whole.
func Write(ctx context.Context, w io.Writer, from Source) (Summary, error) {
	b := &writer{Source: from, ctx: ctx, tar: tar.NewWriter(w), sum: newChecksum()}
	if err := from.Index.Snapshot(ctx, b.everything); err != nil {
		return Summary{}, fmt.Errorf("make a backup: %w", err)
	}
	if len(b.summary.LeftOut) > 0 {
		return b.summary, ErrIncomplete
	}
	return b.summary, nil
}

// writer is one call of Write.
type writer struct {
	Source
	ctx     context.Context
	tar     *tar.Writer
	sum     checksum
	summary Summary
	entries int // of rows, which numbers them
}

func (b *writer) everything(s *sqlindex.Snapshot) error {
	settings, err := s.Settings()
	if err != nil {
		return err
	}
	first := head{Format: format, Created: time.Now().UnixMilli(), Capacity: settings.Capacity, Policy: settings.Policy}
	return firstError(
		func() error { return b.json(headName, first, b.sum) },
		func() error { return s.Blobs(b.blobs) },
		func() error { return s.Objects(b.objects) },
		func() error { return s.Samples(b.samples) },
		func() error { return s.Notes(b.notes) },
		func() error { return b.json(manifestName, manifest{b.summary, b.sum.String()}, io.Discard) },
		b.tar.Close,
	)
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// json writes an entry of one JSON value, which counts in sum.
func (b *writer) json(name string, value any, sum io.Writer) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.entry(name, append(content, '\n'), sum)
}

func (b *writer) entry(name string, content []byte, sum io.Writer) error {
	if err := b.header(name, int64(len(content))); err != nil {
		return err
	}
	_, err := io.MultiWriter(b.tar, sum).Write(content)
	return err
}

func (b *writer) header(name string, size int64) error {
	return b.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size, Mode: 0o600, ModTime: time.Now()})
}

func (b *writer) blobs(ids []string) error {
	for _, id := range ids {
		if err := b.blob(id); err != nil {
			return fmt.Errorf("back up the blob %s: %w", id, err)
		}
	}
	return nil
}

// blob writes a blob. One that cannot be read as it was written is left out.
func (b *writer) blob(id string) error {
	r, size, err := b.Open(b.ctx, id)
	if err != nil {
		return b.leaveOut(id, err)
	}
	defer r.Close()
	if err := b.header(blobsDir+id, size); err != nil {
		return err
	}
	hash := sha256.New()
	n, err := copyBlob(io.MultiWriter(b.tar, hash), untilDone{b.ctx, r}, size)
	if failed, ok := errors.AsType[readError](err); ok && b.ctx.Err() == nil {
		// The entry has to be as long as its header says; its hash tells that it is not whole.
		if _, err := io.CopyN(b.tar, zeros{}, size-n); err != nil {
			return err
		}
		return b.leaveOut(id, failed.error)
	}
	if err != nil {
		return err
	}
	if found := hex.EncodeToString(hash.Sum(nil)); found != id {
		return b.leaveOut(id, fmt.Errorf("its bytes have the hash %s", found))
	}
	b.summary.Blobs++
	b.summary.Bytes += size
	return nil
}

// readError is a failure to read a blob, as opposed to one to write the backup.
type readError struct{ error }

// copyBlob copies size bytes and tells how many it wrote.
func copyBlob(w io.Writer, r io.Reader, size int64) (n int64, err error) {
	buffer := make([]byte, 256<<10)
	for n < size {
		read, err := r.Read(buffer[:min(int64(len(buffer)), size-n)])
		if _, failed := w.Write(buffer[:read]); failed != nil {
			return n, failed
		}
		n += int64(read)
		if err != nil && n < size {
			return n, readError{err}
		}
	}
	return n, nil
}

// zeros is an endless supply of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (b *writer) leaveOut(id string, why error) error {
	if b.ctx.Err() != nil {
		return b.ctx.Err()
	}
	if len(b.summary.LeftOut) == maxLeftOut {
		return fmt.Errorf("more than %d blobs are missing or damaged: %w", maxLeftOut, why)
	}
	b.Log.Error("a blob is not in the backup", "blob", id, "error", why)
	b.summary.LeftOut = append(b.summary.LeftOut, id)
	return nil
}

func (b *writer) objects(rows []storage.Object) error {
	var lines []object
	for _, row := range rows {
		// The blobs came in the order of their ids, so LeftOut is sorted.
		if _, out := slices.BinarySearch(b.summary.LeftOut, row.Blob); out {
			b.Log.Error("an object is not in the backup", "key", row.Key, "blob", row.Blob)
			continue
		}
		lines = append(lines, toLine(row))
	}
	b.summary.Objects += int64(len(lines))
	return rowsEntry(b, objectsDir, lines)
}

func (b *writer) samples(rows []sqlindex.StoredSample) error {
	b.summary.Samples += int64(len(rows))
	return rowsEntry(b, samplesDir, rows)
}

func (b *writer) notes(rows []sqlindex.StoredNote) error {
	b.summary.Notes += int64(len(rows))
	return rowsEntry(b, notesDir, rows)
}

func rowsEntry[T any](b *writer, dir string, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	var content bytes.Buffer
	lines := json.NewEncoder(&content)
	for _, row := range rows {
		if err := lines.Encode(row); err != nil {
			return err
		}
	}
	b.entries++
	return b.entry(fmt.Sprintf("%s%06d.jsonl", dir, b.entries), content.Bytes(), b.sum)
}
