package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"memcache/shared/api"
)

// Cond are the conditions of a write, as HTTP's If-Match and If-None-Match
// give them: lists of ETags with their quotes, or "*" alone. nil is no condition.
type Cond struct {
	IfMatch     []string
	IfNoneMatch []string

	// IfUnmodifiedSince counts where there is no IfMatch; the zero time is no
	// condition. It has whole seconds, so that a change within one goes unnoticed.
	IfUnmodifiedSince time.Time

	// Source, unless it is "", is the ETag that the object to copy or rename must
	// have. The other conditions are about the new key.
	Source string
}

// none tells whether a write is unconditional.
func (c Cond) none() bool {
	return c.IfMatch == nil && c.IfNoneMatch == nil && c.IfUnmodifiedSince.IsZero()
}

// check fails with PreconditionFailed when the row found (nil: none) does not
// meet the conditions.
func (c Cond) check(key string, row *Object) error {
	etag := ""
	if row != nil {
		etag = etagOf(row.Blob)
	}
	switch {
	case c.IfMatch != nil && row == nil:
		return api.Errorf(api.PreconditionFailed, "there is no object with the key %q that could match: leave the condition out to store a new one", key)
	case c.IfMatch != nil && !matches(c.IfMatch, etag, false):
		return api.Errorf(api.PreconditionFailed, "the object %q has the ETag %s by now: read it anew before changing it", key, etag)
	case c.IfMatch == nil && row != nil && c.changedSince(row.Modified):
		return api.Errorf(api.PreconditionFailed, "the object %q was stored anew at %s: read it anew before changing it", key, row.Modified.UTC().Format(time.RFC3339))
	case row != nil && matches(c.IfNoneMatch, etag, true):
		return api.Errorf(api.PreconditionFailed, "the object %q exists already, with the ETag %s: choose another key or leave the condition out to replace it", key, etag)
	}
	return nil
}

func (c Cond) changedSince(modified time.Time) bool {
	return !c.IfUnmodifiedSince.IsZero() && modified.Truncate(time.Second).After(c.IfUnmodifiedSince)
}

// matches tells whether etag is in list; weak ones count only if weak is set.
func matches(list []string, etag string, weak bool) bool {
	return slices.ContainsFunc(list, func(t string) bool {
		if weak {
			t = strings.TrimPrefix(t, "W/")
		}
		return t == "*" || t == etag
	})
}

// Put stores the bytes of r under key and returns the object once that is
// durable and no reader gets the old bytes any more. Errors: Invalid (the key,
// or r failed), TooLarge, PreconditionFailed, Full, Unavailable.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, cond Cond) (api.Object, error) {
	if err := api.CheckKey(key); err != nil {
		return api.Object{}, err
	}
	if err := s.checkRow(ctx, key, cond); err != nil {
		return api.Object{}, err // without reading what could not be stored
	}
	in := &intake{r: r, max: s.cfg.MaxObject}
	return s.put(ctx, key, in, cond, func() (Blob, error) { return s.blobs.Write(ctx, in) })
}

// put stores the blob that write makes of in.
func (s *Store) put(ctx context.Context, key string, in *intake, cond Cond, write func() (Blob, error)) (api.Object, error) {
	blob, err := write()
	if err != nil {
		return api.Object{}, in.explain(ctx, key, err)
	}
	defer blob.Release()
	row := Object{Key: key, Blob: blob.ID, Checksum: blob.Checksum, Size: blob.Size, Type: in.mediaType()}
	err = s.change(ctx, []string{key}, "stored", cond, func(ctx context.Context, index Index) error {
		row.Modified = now()
		stored, err := index.Put(ctx, row)
		if err == nil {
			row = stored
		}
		return err
	})
	if err != nil {
		return api.Object{}, err
	}
	s.cfg.OnChange(api.Changed{Key: key})
	return export(row), nil
}

// Delete removes the object; Restore can bring it back for a moment. Errors: Invalid, NotFound, PreconditionFailed,
// Unavailable.
func (s *Store) Delete(ctx context.Context, key string, cond Cond) error {
	if err := api.CheckKey(key); err != nil {
		return err
	}
	if _, err := s.index.Get(ctx, key); err != nil && cond.IfMatch == nil {
		return indexError(err, key)
	}
	err := s.change(ctx, []string{key}, "deleted", cond, func(ctx context.Context, index Index) error {
		if s.cfg.Undo > 0 {
			return index.Discard(ctx, key, now())
		}
		return index.Delete(ctx, key)
	})
	if err != nil {
		return err
	}
	s.cfg.OnChange(api.Changed{Key: key, Deleted: true})
	return nil
}

// Restore undoes a Delete, within Config.Undo of it: the object is as it was.
// Errors: Invalid, NotFound (nothing was deleted there lately),
// PreconditionFailed (the key has an object by now), Unavailable.
func (s *Store) Restore(ctx context.Context, key string) (api.Object, error) {
	if err := api.CheckKey(key); err != nil {
		return api.Object{}, err
	}
	var row Object
	err := s.change(ctx, []string{key}, "restored", Cond{}, func(ctx context.Context, index Index) (err error) {
		row, err = index.Restore(ctx, key, now().Add(-s.cfg.Undo))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = api.Errorf(api.NotFound, "nothing that was deleted under the key %q can be brought back: that is possible for %v", key, s.cfg.Undo)
		case errors.Is(err, fs.ErrExist):
			err = api.Errorf(api.PreconditionFailed, "the key %q has another object by now, so the deleted one was not brought back", key)
		}
		return err
	})
	if err != nil {
		return api.Object{}, err
	}
	s.cfg.OnChange(api.Changed{Key: key})
	return export(row), nil
}

// Copy makes to the same as from. Errors: Invalid, NotFound
// (from), PreconditionFailed, Unavailable.
func (s *Store) Copy(ctx context.Context, from, to string, cond Cond) (api.Object, error) {
	return s.transfer(ctx, from, to, cond, false)
}

// Rename does as Copy, and from is gone at the same moment.
func (s *Store) Rename(ctx context.Context, from, to string, cond Cond) (api.Object, error) {
	return s.transfer(ctx, from, to, cond, true)
}

func (s *Store) transfer(ctx context.Context, from, to string, cond Cond, remove bool) (api.Object, error) {
	if err := errors.Join(api.CheckKey(from), api.CheckKey(to)); err != nil {
		return api.Object{}, err
	}
	if from == to {
		return api.Object{}, api.Errorf(api.Invalid, "the object %q cannot be renamed or copied to itself: choose another key", from)
	}
	keys, done := []string{to}, "copied"
	if remove {
		keys, done = []string{to, from}, "renamed"
	}
	var row Object
	err := s.change(ctx, keys, done, cond, func(ctx context.Context, index Index) (err error) {
		if cond.Source != "" {
			if err := s.checkRow(ctx, from, Cond{IfMatch: []string{cond.Source}}); err != nil {
				return err
			}
		}
		row, err = index.Copy(ctx, from, to, now(), remove)
		if errors.Is(err, fs.ErrNotExist) {
			err = indexError(err, from)
		}
		return err
	})
	if err != nil {
		return api.Object{}, err
	}
	s.cfg.OnChange(api.Changed{Key: to})
	if remove {
		s.cfg.OnChange(api.Changed{Key: from, Deleted: true})
	}
	return export(row), nil
}

// now is the present as a row has it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// change commits a change of the keys' rows if cond holds for the first of them,
// and makes sure that what was cached of them is not read again. From the commit
// on it does not stop when ctx ends: the outcome would be unknown.
func (s *Store) change(ctx context.Context, keys []string, done string, cond Cond, commit func(context.Context, Index) error) error {
	unlock, err := s.locks.lock(ctx, keys)
	if err != nil {
		return err
	}
	defer unlock()
	key := keys[0]
	if err := s.checkRow(ctx, key, cond); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	failed, unsure := s.held(ctx, keys, commit)
	switch {
	case failed != nil:
		return indexError(failed, key)
	case unsure != nil:
		s.log.Error("the cache may be outdated", "key", key, "err", unsure)
		return unconfirmed(key, done, unsure)
	}
	return nil
}

// checkRow checks cond against the row of key.
func (s *Store) checkRow(ctx context.Context, key string, cond Cond) error {
	if cond.none() {
		return nil
	}
	row, err := s.index.Get(ctx, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cond.check(key, nil)
	case err != nil:
		return indexError(err, key)
	}
	return cond.check(key, &row)
}

// DeleteAll removes every object and returns how many there were.
func (s *Store) DeleteAll(ctx context.Context) (int64, error) {
	n, err := s.deleteRows(ctx)
	if err != nil {
		return 0, indexError(err, "")
	}
	s.cfg.OnChange(api.Changed{Deleted: true})
	if _, err := s.blobs.Sweep(ctx, 0, s.index.BlobsInUse); err != nil {
		s.log.Warn("sweep after deleting everything; the next sweep goes on", "err", err)
	}
	return n, nil
}

// deleteRows removes every row while the cache is shut, and empties it.
func (s *Store) deleteRows(ctx context.Context) (n int64, err error) {
	var v *view
	for err = ErrFenced; errors.Is(err, ErrFenced); {
		if v, err = s.shutAll(ctx); err == nil {
			n, err = s.index.Fenced(v.Generation).DeleteAll(ctx)
		}
	}
	if v == nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	failed := s.cache.Clear(ctx)
	_, reopened := s.reopen(ctx, v)
	if failed = errors.Join(failed, reopened); failed != nil {
		s.log.Warn("the cache stays shut for a moment", "err", failed) // what it holds is not read again
	}
	return n, err
}

// sniffBytes is how much of an object the search for its type looks at.
const sniffBytes = 3072

// intake is the body of a Put: it holds the limit and keeps the first bytes.
type intake struct {
	r    io.Reader
	max  int64
	n    int64
	head []byte
	err  error // what r failed with
}

func (in *intake) Read(p []byte) (int, error) {
	if room := in.max - in.n + 1; int64(len(p)) > room {
		p = p[:room] // one byte more tells that there is more
	}
	n, err := in.r.Read(p)
	in.n += int64(n)
	if missing := sniffBytes - len(in.head); missing > 0 {
		in.head = append(in.head, p[:min(n, missing)]...)
	}
	if in.n > in.max {
		err = api.Errorf(api.TooLarge, "the object is larger than %s, which is the limit here", api.FormatBytes(in.max))
	}
	if err != nil && err != io.EOF {
		in.err = err
	}
	return n, err
}

// mediaType finds the type in the bytes; names are never trusted for it.
func (in *intake) mediaType() string {
	return mimetype.Detect(in.head).String()
}

// explain makes the error of Blobs.Write one for people.
func (in *intake) explain(ctx context.Context, key string, err error) error {
	if _, ok := errors.AsType[*api.Error](err); ok {
		return err
	}
	if in.err != nil {
		return api.Errorf(api.Invalid, "the upload of %q broke off after %d bytes; nothing was stored: send it again", key, in.n).Because(in.err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store %q: %w", key, err)
	}
	return fmt.Errorf("store %q: %w", key, err)
}
