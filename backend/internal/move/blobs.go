package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"sync"

	"golang.org/x/sync/errgroup"

	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// blobs copies the blobs that are not there, some at a time.
func (m *moving) blobs(ctx context.Context) error {
	if err := m.countBlobs(ctx); err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(m.Parallel)
	listed := m.each(within, func(b sqlindex.BlobSize, there bool) {
		group.Go(func() error { return m.blob(within, b, there) })
	})
	// What was verified is known, also where something else has failed.
	err := errors.Join(group.Wait(), m.notes.flush(context.WithoutCancel(ctx)))
	if err == nil {
		err = listed
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
}

// countBlobs begins the progress. The last pass takes the count of the one before it:
// nothing can be changed while it goes on.
func (m *moving) countBlobs(ctx context.Context) error {
	blobs, bytes := m.Progress.blobs.Load(), m.Progress.bytes.Load()
	if blobs == 0 {
		var err error
		if blobs, bytes, err = m.From.Index.BlobTotal(ctx); err != nil {
			return err
		}
	}
	m.Progress.beginBlobs(blobs, bytes)
	return nil
}

// each calls do for every blob of the source that is not known to be copied; there
// tells whether one of its size is where it belongs.
func (m *moving) each(ctx context.Context, do func(b sqlindex.BlobSize, there bool)) error {
	err := m.pages(ctx, m.From.Index.BlobsAfter, &listing{blobs: m.To.Blobs}, do)
	if err != nil {
		return err
	}
	// Those of what was discarded are few: for them, the store is not listed again.
	return m.pages(ctx, m.From.Index.TrashBlobsAfter, nil, do)
}

func (m *moving) pages(ctx context.Context, list func(context.Context, string) ([]sqlindex.BlobSize, error), present *listing, do func(sqlindex.BlobSize, bool)) error {
	for after := ""; ; {
		page, err := list(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := m.page(ctx, page, present, do); err != nil {
			return err
		}
		after = page[len(page)-1].ID
	}
}

func (m *moving) page(ctx context.Context, page []sqlindex.BlobSize, present *listing, do func(sqlindex.BlobSize, bool)) error {
	ids := make([]string, len(page))
	for i, b := range page {
		ids[i] = b.ID
	}
	noted, err := m.To.Index.MovedBlobs(ctx, ids)
	if err != nil {
		return err
	}
	for _, b := range page {
		there := noted[b.ID]
		if present != nil {
			size, found, err := present.find(ctx, b.ID)
			if err != nil {
				return err
			}
			there = found && size == b.Size
		}
		if there && noted[b.ID] {
			m.Progress.skip(b.Size)
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		do(b, there)
	}
	return nil
}

// listing goes through what is in a store, in order.
type listing struct {
	blobs Blobs
	page  []storage.Stored
	last  string // of the page
	ended bool
}

// find looks for a blob; the ids asked for must rise.
func (l *listing) find(ctx context.Context, id string) (size int64, found bool, err error) {
	for {
		for len(l.page) > 0 && l.page[0].ID <= id {
			b := l.page[0]
			l.page = l.page[1:]
			if b.ID == id {
				return b.Size, true, nil
			}
		}
		if len(l.page) > 0 || l.ended {
			return 0, false, nil
		}
		if l.page, err = l.blobs.BlobsAfter(ctx, l.last); err != nil {
			return 0, false, err
		}
		if l.ended = len(l.page) == 0; !l.ended {
			l.last = l.page[len(l.page)-1].ID
		}
	}
}

// blob copies a blob, unless the one that is there is good.
func (m *moving) blob(ctx context.Context, b sqlindex.BlobSize, there bool) error {
	if there {
		good, err := m.verify(ctx, b)
		if err != nil {
			return err
		}
		if good {
			m.Progress.skip(b.Size)
			return m.notes.add(ctx, b)
		}
	}
	step := m.Progress.begin(b.Size)
	defer step.end()
	good, err := m.copy(ctx, b, step)
	if err != nil || !good {
		return err
	}
	step.succeed()
	return m.notes.add(ctx, b)
}

// copy copies a blob. It is false for one that cannot be copied, which is noted, and
// for one that nothing names any more.
func (m *moving) copy(ctx context.Context, b sqlindex.BlobSize, step *step) (bool, error) {
	source, _, err := m.From.Open(ctx, b.ID)
	if err != nil {
		return false, m.unread(ctx, b, err)
	}
	defer source.Close()
	r := &verified{ctx: ctx, r: source, id: b.ID, hash: sha256.New(), step: step}
	written, err := m.To.Blobs.Write(ctx, r)
	if r.err != nil {
		return false, m.unread(ctx, b, r.err)
	}
	if err != nil {
		return false, fmt.Errorf("copy the blob %s to %s: %w", b.ID, m.To.Name, err)
	}
	written.Release()
	if m.Trust {
		return true, nil
	}
	good, err := m.verify(ctx, b)
	if err == nil && !good {
		err = fmt.Errorf("the blob %s was written to %s, but is read with other bytes: something is wrong with that store", b.ID, m.To.Name)
	}
	return good, err
}

// unread decides what is to be done about a blob that the source does not give.
func (m *moving) unread(ctx context.Context, b sqlindex.BlobSize, why error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case api.AsError(why).Code == api.Unavailable:
		return fmt.Errorf("read the blob %s: %w", b.ID, why) // neither can others be read
	case errors.Is(why, fs.ErrNotExist):
		named, err := m.From.Index.NamedBlobs(ctx, []string{b.ID})
		if err != nil || !named[b.ID] {
			return err // it was deleted meanwhile
		}
		why = errors.New("its content is missing")
	}
	keys, err := m.From.Index.KeysOf(ctx, b.ID, keysTold)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return nil // it was deleted, and can be restored for a moment more
	}
	return m.failures.add(Failure{Blob: b.ID, Keys: keys, Err: why})
}

// verify tells whether a blob that was copied is good.
func (m *moving) verify(ctx context.Context, b sqlindex.BlobSize) (bool, error) {
	blob, err := m.To.Blobs.Open(ctx, b.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("verify the blob %s in %s: %w", b.ID, m.To.Name, err)
	}
	defer blob.Close()
	r := &verified{ctx: ctx, r: blob, id: b.ID, hash: sha256.New()}
	_, err = io.Copy(io.Discard, r)
	if errors.Is(err, errDamaged) {
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("verify the blob %s in %s: %w", b.ID, m.To.Name, err)
	}
	return err == nil, err
}

// verified reads a blob, and fails at its end when its bytes are not those of its id.
type verified struct {
	ctx  context.Context
	r    io.Reader
	id   string
	hash hash.Hash
	step *step // nil: not counted
	err  error // what it has failed with
}

var errDamaged = errors.New("its bytes are not those that were stored")

func (v *verified) Read(p []byte) (int, error) {
	if err := v.ctx.Err(); err != nil {
		v.err = err
		return 0, err
	}
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.step.read(int64(n))
	if err == io.EOF && hex.EncodeToString(v.hash.Sum(nil)) != v.id {
		err = errDamaged
	}
	if err != nil && err != io.EOF {
		v.err = err
	}
	return n, err
}

// notes has the database note which blobs are copied, several at a time.
type notes struct {
	index *sqlindex.DB
	mu    sync.Mutex
	ids   []string
	bytes int64
}

// What is not noted yet is read once more after a process was killed.
const (
	noteBlobs = 100
	noteBytes = 64 << 20
)

func (n *notes) add(ctx context.Context, b sqlindex.BlobSize) error {
	n.mu.Lock()
	n.ids, n.bytes = append(n.ids, b.ID), n.bytes+b.Size
	full := len(n.ids) >= noteBlobs || n.bytes >= noteBytes
	n.mu.Unlock()
	if !full {
		return nil
	}
	return n.flush(context.WithoutCancel(ctx))
}

func (n *notes) flush(ctx context.Context) error {
	n.mu.Lock()
	ids := n.ids
	n.ids, n.bytes = nil, 0
	n.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	return n.index.AddMovedBlobs(ctx, ids)
}

// failures are the blobs that cannot be copied.
type failures struct {
	mu   sync.Mutex
	list []Failure
}

const (
	maxFailures = 10_000
	keysTold    = 3
)

func (f *failures) add(failure Failure) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) == maxFailures {
		return fmt.Errorf("more than %d blobs are missing or damaged: %w", maxFailures, failure.Err)
	}
	f.list = append(f.list, failure)
	return nil
}
