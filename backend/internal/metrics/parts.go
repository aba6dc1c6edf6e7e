package metrics

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// Index returns x with every operation timed.
func (m *Metrics) Index(x storage.Index) storage.Index { return index{x, m} }

type index struct {
	storage.Index
	m *Metrics
}

// timed runs an operation of the database and observes it.
func timed[T any](x index, operation string, run func() (T, error)) (T, error) {
	began := time.Now()
	result, err := run()
	x.m.observe("database", x.m.database, operation, began, err)
	return result, err
}

func (x index) Get(ctx context.Context, key string) (storage.Object, error) {
	return timed(x, "get", func() (storage.Object, error) { return x.Index.Get(ctx, key) })
}

func (x index) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	return timed(x, "put", func() (storage.Object, error) { return x.Index.Put(ctx, o) })
}

func (x index) Copy(ctx context.Context, from, to string, modified time.Time, remove bool) (storage.Object, error) {
	return timed(x, "copy", func() (storage.Object, error) { return x.Index.Copy(ctx, from, to, modified, remove) })
}

func (x index) Delete(ctx context.Context, key string) error {
	_, err := timed(x, "delete", func() (struct{}, error) { return struct{}{}, x.Index.Delete(ctx, key) })
	return err
}

func (x index) Discard(ctx context.Context, key string, deleted time.Time) error {
	_, err := timed(x, "delete", func() (struct{}, error) { return struct{}{}, x.Index.Discard(ctx, key, deleted) })
	return err
}

func (x index) Restore(ctx context.Context, key string, since time.Time) (storage.Object, error) {
	return timed(x, "restore", func() (storage.Object, error) { return x.Index.Restore(ctx, key, since) })
}

func (x index) DeleteAll(ctx context.Context) (int64, error) {
	return timed(x, "delete_all", func() (int64, error) { return x.Index.DeleteAll(ctx) })
}

func (x index) SetChecksum(ctx context.Context, blob, checksum string) error {
	_, err := timed(x, "set_checksum", func() (struct{}, error) { return struct{}{}, x.Index.SetChecksum(ctx, blob, checksum) })
	return err
}

func (x index) List(ctx context.Context, q api.ListQuery) (storage.Page, error) {
	return timed(x, "list", func() (storage.Page, error) { return x.Index.List(ctx, q) })
}

func (x index) BlobsInUse(ctx context.Context, ids []string) (map[string]bool, error) {
	return timed(x, "blobs_in_use", func() (map[string]bool, error) { return x.Index.BlobsInUse(ctx, ids) })
}

func (x index) Pool(ctx context.Context) (*pool.State, error) {
	return timed(x, "pool", func() (*pool.State, error) { return x.Index.Pool(ctx) })
}

func (x index) ChangePool(ctx context.Context, from int64, to *pool.State) (*pool.State, error) {
	return timed(x, "change_pool", func() (*pool.State, error) { return x.Index.ChangePool(ctx, from, to) })
}

func (x index) Fenced(generation int64) storage.Index { return index{x.Index.Fenced(generation), x.m} }

// Blobs returns b with every operation timed. It can be resumed if b can.
func (m *Metrics) Blobs(b storage.Blobs) storage.Blobs {
	if r, ok := b.(storage.ResumableBlobs); ok {
		return resumable{blobs{b, m}, r}
	}
	return blobs{b, m}
}

type resumable struct {
	blobs
	inner storage.ResumableBlobs
}

func (b resumable) WriteFrom(ctx context.Context, r io.Reader, state []byte, note func(storage.Checkpoint) error) (storage.Blob, error) {
	began := time.Now()
	blob, err := b.inner.WriteFrom(ctx, r, state, note)
	b.m.observe("store", b.m.store, "write", began, err)
	return blob, err
}

func (b resumable) Forget(ctx context.Context, state []byte) error { return b.inner.Forget(ctx, state) }

type blobs struct {
	storage.Blobs
	m *Metrics
}

func (b blobs) Write(ctx context.Context, r io.Reader) (storage.Blob, error) {
	began := time.Now()
	blob, err := b.Blobs.Write(ctx, r)
	b.m.observe("store", b.m.store, "write", began, err)
	return blob, err
}

func (b blobs) Open(ctx context.Context, id string) (io.ReadSeekCloser, error) {
	began := time.Now()
	blob, err := b.Blobs.Open(ctx, id)
	b.m.observe("store", b.m.store, "open", began, err)
	if errors.Is(err, fs.ErrNotExist) {
		b.m.missing.Inc()
	}
	return blob, err
}

func (b blobs) Sweep(ctx context.Context, age time.Duration, inUse func(context.Context, []string) (map[string]bool, error)) (int, error) {
	began := time.Now()
	n, err := b.Blobs.Sweep(ctx, age, inUse)
	b.m.observe("store", b.m.store, "sweep", began, err)
	return n, err
}
