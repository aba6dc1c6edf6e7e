package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// Target is where a backup is restored to: it has no objects, and nobody else
// uses it.
type Target struct {
	Index *sqlindex.DB
	Blobs storage.Blobs
}

// Read restores the backup in r. Nothing shows before all of it was read and
// found good; after an error nothing is there.
func Read(ctx context.Context, r io.Reader, to Target) (Summary, error) {
	b := &reader{Target: to, ctx: ctx, tar: tar.NewReader(untilDone{ctx, r}), sum: newChecksum(), broken: map[string]bool{}}
	err := b.everything()
	if err == nil {
		return b.summary, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	// Without rows the blobs are nobody's.
	if _, failed := to.Blobs.Sweep(context.WithoutCancel(ctx), 0, to.Index.BlobsInUse); failed != nil {
		err = errors.Join(err, fmt.Errorf("remove what was restored by then: %w", failed))
	}
	return Summary{}, fmt.Errorf("restore a backup: %w", err)
}

// reader is one call of Read.
type reader struct {
	Target
	ctx     context.Context
	tar     *tar.Reader
	name    string // of the entry that was begun last, "" at the end
	sum     checksum
	summary Summary
	broken  map[string]bool // blobs whose bytes have another hash
}

func (b *reader) everything() error {
	var first head
	if err := b.next(); err != nil {
		return err
	}
	if b.name != headName {
		return damaged("it does not begin with %s, so it may be no backup of MemCache", headName)
	}
	if err := b.value(&first, b.sum); err != nil {
		return err
	}
	if first.Format < 1 || first.Format > format {
		return api.Errorf(api.Invalid, "the backup has the format %d, and this program knows those up to %d: use the program that made it", first.Format, format)
	}
	if err := b.next(); err != nil {
		return err
	}
	if err := b.each(blobsDir, b.blob); err != nil {
		return err
	}
	return b.Index.Load(b.ctx, func(l *sqlindex.Loader) error { return b.rows(first, l) })
}

// next goes to the next entry; b.name is "" after the last one.
func (b *reader) next() error {
	h, err := b.tar.Next()
	switch {
	case err == io.EOF:
		b.name = ""
		return nil
	case err != nil:
		return damaged("after the entry %q: %w", b.name, err)
	case h.Typeflag != tar.TypeReg:
		return damaged("the entry %q is no file", h.Name)
	}
	b.name = h.Name
	return nil
}

// each calls read for each entry in dir, of those that come next.
func (b *reader) each(dir string, read func() error) error {
	for strings.HasPrefix(b.name, dir) {
		if err := read(); err != nil {
			return err
		}
		if err := b.next(); err != nil {
			return err
		}
	}
	return nil
}

// blob restores a blob.
func (b *reader) blob() error {
	blob, err := b.Blobs.Write(b.ctx, b.tar)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends in the entry %q", b.name)
	}
	if err != nil {
		return err
	}
	blob.Release() // nobody sweeps meanwhile
	if id := strings.TrimPrefix(b.name, blobsDir); id != blob.ID {
		b.broken[id] = true // good, if the manifest says so
		return nil
	}
	b.summary.Blobs++
	b.summary.Bytes += blob.Size
	return nil
}

// rows restores what comes after the blobs.
func (b *reader) rows(first head, l *sqlindex.Loader) error {
	if err := l.Settings(first.Capacity, first.Policy); err != nil {
		return err
	}
	if err := b.each(objectsDir, func() error { return b.objects(l) }); err != nil {
		return err
	}
	if err := b.each(samplesDir, func() error { return b.samples(l) }); err != nil {
		return err
	}
	if err := b.each(notesDir, func() error { return b.notes(l) }); err != nil {
		return err
	}
	return b.manifest()
}

func (b *reader) objects(l *sqlindex.Loader) error {
	lines, err := rowsOf[object](b)
	if err != nil {
		return err
	}
	rows := make([]storage.Object, len(lines))
	for i, line := range lines {
		if rows[i] = line.row(); api.CheckKey(line.Key) != nil {
			return damaged("the entry %q has the key %q", b.name, line.Key)
		}
		if err := b.hasBlob(rows[i]); err != nil {
			return err
		}
	}
	b.summary.Objects += int64(len(rows))
	return l.Objects(rows)
}

// hasBlob checks that the blob of a row was restored.
func (b *reader) hasBlob(row storage.Object) error {
	blob, err := b.Blobs.Open(b.ctx, row.Blob)
	if err != nil {
		return damaged("the content of the object %q is not in it: %w", row.Key, err)
	}
	defer blob.Close()
	if size, err := blob.Seek(0, io.SeekEnd); err != nil || size != row.Size {
		return damaged("the content of the object %q has %d bytes instead of %d", row.Key, size, row.Size)
	}
	return nil
}

func (b *reader) samples(l *sqlindex.Loader) error {
	rows, err := rowsOf[sqlindex.StoredSample](b)
	if err != nil {
		return err
	}
	b.summary.Samples += int64(len(rows))
	return l.Samples(rows)
}

func (b *reader) notes(l *sqlindex.Loader) error {
	rows, err := rowsOf[sqlindex.StoredNote](b)
	if err != nil {
		return err
	}
	b.summary.Notes += int64(len(rows))
	return l.Notes(rows)
}

// manifest compares what was read with what was written.
func (b *reader) manifest() error {
	if b.name != manifestName {
		return damaged("it ends before its %s", manifestName)
	}
	var m manifest
	if err := b.value(&m, io.Discard); err != nil {
		return err
	}
	found := manifest{b.summary, b.sum.String()}
	found.LeftOut = m.LeftOut
	if fmt.Sprint(found) != fmt.Sprint(m) {
		return damaged("it holds %+v instead of %+v", found, m)
	}
	for id := range b.broken {
		if !slices.Contains(m.LeftOut, id) {
			return damaged("the blob %s has other bytes", id)
		}
	}
	b.summary.LeftOut = m.LeftOut
	if err := b.next(); err != nil || b.name != "" {
		return damaged("the entry %q follows after its end", b.name)
	}
	return nil
}

// content reads a small entry, which counts in sum.
func (b *reader) content(sum io.Writer) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(b.tar, maxRows+1))
	if err != nil {
		return nil, damaged("the entry %q: %w", b.name, err)
	}
	if len(content) > maxRows {
		return nil, damaged("the entry %q is larger than %d bytes", b.name, maxRows)
	}
	_, err = sum.Write(content)
	return content, err
}

// value reads an entry of one JSON value.
func (b *reader) value(v any, sum io.Writer) error {
	content, err := b.content(sum)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, v); err != nil {
		return damaged("the entry %q: %w", b.name, err)
	}
	return nil
}

// rowsOf reads an entry of rows.
func rowsOf[T any](b *reader) ([]T, error) {
	content, err := b.content(b.sum)
	if err != nil {
		return nil, err
	}
	var rows []T
	for lines := json.NewDecoder(bytes.NewReader(content)); lines.More(); {
		var row T
		if err := lines.Decode(&row); err != nil {
			return nil, damaged("the entry %q: %w", b.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
