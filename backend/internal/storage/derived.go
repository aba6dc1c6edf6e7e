package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"memcache/shared/api"
)

// Derived is something made of an object's bytes, such as a thumbnail.
type Derived struct {
	Object api.Object // what it was made of
	Type   string     // media type; "" when nothing could be made of these bytes
	Bytes  []byte
	Source Source // Hit or Miss
}

// Deriver makes something of an object. It reads r to where it likes, also more
// than once. No bytes and no error mean that these bytes do not yield it.
type Deriver func(ctx context.Context, o api.Object, r io.ReadSeeker) (mediaType string, made []byte, err error)

// Derive returns what derive makes of the object, kind being a name for that. It
// is made once: the cache keeps it under the hash of the object's bytes, so that
// it cannot be outdated, and no write needs to drop it. That nothing could be
// made is kept, too. Several readers who come at once share the work.
// Errors: Invalid, NotFound, Unavailable, Internal for a damaged blob, and derive's.
func (s *Store) Derive(ctx context.Context, key, kind string, derive Deriver) (Derived, error) {
	if err := api.CheckKey(key); err != nil {
		return Derived{}, err
	}
	for {
		row, err := s.index.Get(ctx, key)
		if err != nil {
			return Derived{}, indexError(err, key)
		}
		name := derivedKey(row.Blob, kind)
		v, err, _ := s.deriving.Do(name, func() (any, error) { return s.derive(ctx, key, name, row.Blob, derive) })
		if ctx.Err() == nil && (isEnd(err) || errors.Is(err, errReplaced)) {
			continue // the reader who did the work for all has left, or the row is another one
		}
		made, _ := v.(Derived)
		made.Object = export(row)
		return made, err
	}
}

// errReplaced says that the object was stored anew between two looks at its row.
var errReplaced = errors.New("storage: the object was replaced meanwhile")

// isEnd tells whether err is the end of somebody's context.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// derivedKey is what something derived of blob is called in the cache.
func derivedKey(blob, kind string) string {
	sum := sha256.Sum256([]byte(kind + "\n" + blob))
	return "d:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// spotOfDerived is where something derived is in the cache. It cannot be outdated, so
// it has no epoch.
func (s *Store) spotOfDerived(ctx context.Context, name string) spot {
	if v := s.viewed(ctx); v != nil {
		if at, ok := v.Read(hashOf(name).place()); ok {
			return spot{v.nodes[at.Node], v.Nodes[at.Node].Address, name}
		}
	}
	return spot{node: NoCache{}, name: name}
}

// derive asks the cache, and makes what is not there.
func (s *Store) derive(ctx context.Context, key, name, blob string, derive Deriver) (Derived, error) {
	at := s.spotOfDerived(ctx, name)
	found, err := at.node.Get(ctx, name)
	if err == nil && found.Value != nil {
		o, body, err := decodeValue(name, found.Value)
		made := Derived{Type: o.Type, Bytes: slices.Clone(body), Source: Hit}
		found.Release()
		if err == nil {
			return made, nil
		}
		s.log.Warn("a cached value is damaged: it is made anew", "key", key)
	}
	r := &reading{Store: s, key: key, start: time.Now(), c: &Content{}}
	made, err := r.derive(ctx, blob, derive)
	if found.Lease != 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		r.keepDerived(ctx, at, found.Lease, made, err)
	}
	return made, err
}

// derive reads the blob past the cache, which would evict others for its sake.
func (r *reading) derive(ctx context.Context, blob string, derive Deriver) (Derived, error) {
	row, file, err := r.openBlob(ctx)
	if err != nil {
		return Derived{}, err
	}
	content := r.stream(row, file, "derived")
	defer func() { _ = content.Close() }()
	if row.Blob != blob {
		return Derived{}, errReplaced
	}
	mediaType, body, err := derive(ctx, content.Object, content)
	if err == nil {
		err = checkWhole(content)
	}
	return Derived{Type: mediaType, Bytes: body, Source: Miss}, err
}

// keepDerived puts what was made into the cache, if it was.
func (r *reading) keepDerived(ctx context.Context, at spot, lease uint64, made Derived, failed error) {
	if failed != nil {
		r.release(ctx, at, lease)
		return
	}
	head := encodeHeader(api.Object{Key: at.name, Size: int64(len(made.Bytes)), Type: made.Type})
	if err := at.node.Fill(ctx, at.name, lease, head, made.Bytes); err != nil {
		r.log.Debug("what was derived is not cached", "key", r.key, "err", err)
		r.release(ctx, at, lease)
	}
}

// checkWhole reads a content that was read in part to its end, and so finds out
// whether it is damaged.
func checkWhole(c *Content) error {
	if c.file.at == 0 {
		return nil // nothing was made of it
	}
	if c.file.proved != c.file.at {
		if _, err := c.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read the content of %q again: %w", c.Object.Key, err)
		}
	}
	_, err := io.Copy(io.Discard, c)
	return err
}
