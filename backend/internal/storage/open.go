package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"memcache/shared/api"
)

// The reasons for which the cache did not serve a content.
const (
	DetailNoCache    = "no-cache"        // none is configured
	DetailCacheDown  = "cache-down"      // it did not answer in time
	DetailDistrusted = "cache-distrust"  // it may hold outdated objects
	DetailTooLarge   = "too-large"       // the object is over the limit of an item
	DetailNoMemory   = "no-memory"       // too much is in memory already for readers, who may be slow
	DetailWriting    = "being-written"   // a write of the object is under way
	DetailTimeout    = "fill-timeout"    // another reader's fill took too long
	DetailUncached   = "could-not-cache" // another reader tried and failed
)

// loadTimeout bounds the reading of a row and a blob for the cache, which goes
// on when the reader who began it is gone: others wait for it.
const loadTimeout = 20 * time.Second

// The pauses between two questions whether another backend's fill is done.
const (
	firstPause = time.Millisecond
	lastPause  = 16 * time.Millisecond
)

// reading is one Open.
type reading struct {
	*Store
	key   string
	start time.Time
	c     *Content
}

// Open opens the object for reading, from the cache if it can. Errors: Invalid,
// NotFound, Unavailable, and Internal for a damaged blob.
func (s *Store) Open(ctx context.Context, key string) (*Content, error) {
	if err := api.CheckKey(key); err != nil {
		return nil, err
	}
	return s.read(key, time.Now()).open(ctx)
}

func (s *Store) read(key string, start time.Time) *reading {
	return &reading{Store: s, key: key, start: start, c: &Content{}}
}

func (r *reading) open(ctx context.Context) (*Content, error) {
	waited, name := false, hashOf(r.key)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		at, why, ok := r.readable(ctx, name)
		if !ok {
			return r.direct(ctx, why)
		}
		if f := r.flights.running(at.name); f != nil {
			waited = true
			if why, err := r.join(ctx, f); why != "" || err != nil {
				return r.directUnless(ctx, err, why)
			}
		}
		found, err := at.node.Get(ctx, at.name)
		if err != nil {
			return r.directUnless(ctx, ctx.Err(), cacheTrouble(err))
		}
		if c, err := r.take(ctx, at, found, waited); c != nil || err != nil {
			return c, err
		}
		// Another reader fills: one of this process is joined at once, one of
		// another backend is waited for.
		if r.overdue.has(at.name) {
			return r.direct(ctx, DetailTimeout)
		}
		waited = true
		if r.flights.running(at.name) == nil {
			if err := sleep(ctx, pause); err != nil {
				return nil, err
			}
		}
		if time.Since(r.start) > r.cfg.Wait {
			r.overdue.add(at.name)
			return r.direct(ctx, DetailTimeout)
		}
	}
}

// take goes on with what the cache found; nil when it must be asked again.
func (r *reading) take(ctx context.Context, at spot, found Lookup, waited bool) (*Content, error) {
	size := int64(len(found.Value))
	switch {
	case found.Value != nil && !r.memory.TryAcquire(size):
		found.Release()
		return r.direct(ctx, DetailNoMemory)
	case found.Value != nil:
		release := found.Release
		found.Release = func() { release(); r.memory.Release(size) }
		if r.hit(found, waited) {
			return r.c, nil
		}
		r.log.Warn("a cached value is damaged: it is dropped", "key", r.key)
		if err := at.node.Delete(ctx, at.name); err != nil {
			return r.directUnless(ctx, ctx.Err(), DetailCacheDown)
		}
	case found.Lease != 0 && r.gen.doubts.about(at.address): // since the question
		r.release(ctx, at, found.Lease)
		return r.direct(ctx, DetailDistrusted)
	case found.Lease != 0:
		return r.load(ctx, at, found.Lease)
	case found.Held:
		return r.direct(ctx, DetailWriting)
	}
	return nil, nil
}

func cacheTrouble(err error) string {
	if errors.Is(err, ErrNoCache) {
		return DetailNoCache
	}
	return DetailCacheDown
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join waits for another reader's flight. It returns why the cache need not be
// asked, or "".
func (r *reading) join(ctx context.Context, f *flight) (string, error) {
	ended, err := f.wait(ctx, r.cfg.Wait-time.Since(r.start))
	switch {
	case err != nil:
		return "", err
	case !ended:
		return DetailTimeout, nil
	case f.result == notCached:
		return DetailUncached, nil
	}
	return "", nil
}

// hit makes a found value the content; it reports false for a damaged one.
func (r *reading) hit(found Lookup, waited bool) bool {
	o, body, err := decodeValue(r.key, found.Value)
	if err != nil {
		found.Release()
		return false
	}
	r.c.Object, r.c.Source = o, Hit
	if waited {
		r.c.Source = Collapsed
	}
	r.c.setBytes(body, found.Release)
	r.c.Steps.Cache = time.Since(r.start)
	return true
}

func (r *reading) directUnless(ctx context.Context, err error, why string) (*Content, error) {
	if err != nil {
		return nil, err
	}
	return r.direct(ctx, why)
}

// direct opens the blob without the cache.
func (r *reading) direct(ctx context.Context, why string) (*Content, error) {
	r.c.Steps.Cache = time.Since(r.start)
	row, blob, err := r.openBlob(ctx)
	if err != nil {
		return nil, err
	}
	return r.stream(row, blob, why), nil
}

// stream makes an open blob the content.
func (r *reading) stream(row Object, blob io.ReadSeekCloser, why string) *Content {
	r.c.Object, r.c.Source, r.c.Detail = export(row), Bypass, why
	r.c.file = &verified{
		ReadSeekCloser: blob, row: row, proof: prove(row),
		damaged: func(how error) error { return r.damaged(row, how) },
		whole:   func(checksum string) { r.noteChecksum(row, checksum) },
	}
	return r.c
}

// load reads the object for its caller and fills the cache under the lease.
func (r *reading) load(ctx context.Context, at spot, lease uint64) (*Content, error) {
	r.c.Steps.Cache = time.Since(r.start)
	f := r.flights.begin(at.name)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	filling := false
	defer func() {
		if !filling {
			r.release(ctx, at, lease)
			r.flights.end(at.name, f, notCached)
		}
	}()
	// A cache that restarted no longer knows that a writer holds the key.
	writing := r.locks.busy(r.key)
	row, blob, err := r.openBlob(ctx)
	if err != nil {
		return nil, err
	}
	if writing {
		return r.stream(row, blob, DetailWriting), nil
	}
	head := encodeHeader(export(row))
	if int64(len(head))+row.Size > r.cache.MaxItem() {
		return r.stream(row, blob, DetailTooLarge), nil
	}
	if !r.memory.TryAcquire(row.Size) {
		return r.stream(row, blob, DetailNoMemory), nil
	}
	content := r.bodies.get(row.Size, func() { r.memory.Release(row.Size) })
	if err := r.readWhole(row, blob, content.b); err != nil {
		content.done()
		content.done()
		return nil, err
	}
	r.c.Object, r.c.Source = export(row), Miss
	r.c.setBytes(content.b, content.done)
	filling = r.background(func() {
		defer content.done()
		r.fill(context.WithoutCancel(ctx), f, at, lease, head, content)
	})
	if !filling {
		content.done()
	}
	return r.c, nil
}

// fill puts a value into the cache and ends the flight.
func (r *reading) fill(ctx context.Context, f *flight, at spot, lease uint64, head []byte, content *body) {
	err := at.node.Fill(ctx, at.name, lease, head, content.b)
	content.lent.Store(err != nil)
	switch {
	case err == nil:
		r.flights.end(at.name, f, filled)
	case errors.Is(err, ErrLeaseLost):
		r.flights.end(at.name, f, lost)
	default:
		r.log.Debug("the cache was not filled", "key", r.key, "err", err)
		r.release(ctx, at, lease)
		r.flights.end(at.name, f, notCached)
	}
}

// release gives a lease up. It may fail: the lease then expires by itself.
func (r *reading) release(ctx context.Context, at spot, lease uint64) {
	if err := at.node.Release(ctx, at.name, lease); err != nil {
		r.log.Debug("a lease was not given back", "key", r.key, "err", err)
	}
}

// openBlob reads the row and opens its blob. A blob that is gone may have been
// replaced and swept since the row was read, so the row is read once more.
func (r *reading) openBlob(ctx context.Context) (Object, io.ReadSeekCloser, error) {
	var last string
	for {
		start := time.Now()
		row, err := r.index.Get(ctx, r.key)
		r.c.Steps.Database += time.Since(start)
		if err != nil {
			return row, nil, indexError(err, r.key)
		}
		if row.Blob == last {
			r.log.Error("content missing: a row names a blob that is not there", "key", r.key, "blob", row.Blob)
			return row, nil, api.Errorf(api.NotFound, "content missing: the object %q is listed, but its bytes are gone: upload it again", r.key)
		}
		last = row.Blob
		start = time.Now()
		blob, err := r.openSized(ctx, row)
		r.c.Steps.Blob += time.Since(start)
		if !errors.Is(err, fs.ErrNotExist) {
			return row, blob, err
		}
	}
}

// openSized opens the blob of row and checks its size.
func (r *reading) openSized(ctx context.Context, row Object) (io.ReadSeekCloser, error) {
	blob, err := r.blobs.Open(ctx, row.Blob)
	if err != nil {
		return nil, fmt.Errorf("open the content of %q: %w", r.key, err)
	}
	size, err := blob.Seek(0, io.SeekEnd)
	if err == nil && size != row.Size {
		err = r.damaged(row, fmt.Errorf("it has %d bytes instead of %d", size, row.Size))
	}
	if err == nil {
		_, err = blob.Seek(0, io.SeekStart)
	}
	if err != nil {
		blob.Close()
		return nil, err
	}
	return blob, nil
}

// readWhole reads a blob into body, checks it and closes it.
func (r *reading) readWhole(row Object, blob io.ReadCloser, body []byte) error {
	defer blob.Close()
	start := time.Now()
	defer func() { r.c.Steps.Blob += time.Since(start) }()
	p := prove(row)
	for piece := range slices.Chunk(body, proofBytes) {
		if _, err := io.ReadFull(blob, piece); err != nil {
			return fmt.Errorf("read the content of %q: %w", r.key, err)
		}
		_, _ = p.Write(piece)
	}
	checksum, err := p.check(row, bytes.NewReader(body))
	if err != nil {
		return r.damaged(row, err)
	}
	r.noteChecksum(row, checksum)
	return nil
}

// noteChecksum keeps the checksum of what was read whole, if the row has another
// or none; if that fails, the next one who reads it will.
func (r *reading) noteChecksum(row Object, checksum string) {
	if row.Checksum == checksum {
		return
	}
	r.background(func() {
		ctx, cancel := context.WithTimeout(context.Background(), learnTimeout)
		defer cancel()
		if err := r.index.SetChecksum(ctx, row.Blob, checksum); err != nil {
			r.log.Warn("a checksum was not noted", "key", r.key, "err", err)
		}
	})
}

// damaged reports a blob that is not what it was, and takes it out of the way.
func (r *reading) damaged(row Object, how error) error {
	r.log.Error("a blob is damaged", "key", r.key, "blob", row.Blob, "err", how)
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout) // the reader's own may end
	defer cancel()
	if err := r.blobs.Quarantine(ctx, row.Blob); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Error("a damaged blob stays where it is", "blob", row.Blob, "err", err)
	}
	return api.Errorf(api.Internal, "the stored content of %q is damaged: upload it again, or restore it from a backup", r.key).Because(how)
}
