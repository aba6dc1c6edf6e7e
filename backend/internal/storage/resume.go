package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"memcache/shared/api"
)

// progress is the state of a Put: that of its blob, and what is known of the bytes
// so far.
type progress struct {
	Blob   []byte `json:"blob"`
	Offset int64  `json:"offset"`
	Head   []byte `json:"head"` // the first bytes, which tell the type
}

// Resumable tells whether PutFrom can go on with a Put of another process.
func (s *Store) Resumable() bool {
	_, ok := s.blobs.(ResumableBlobs)
	return ok
}

// PutFrom does as Put, where the store is Resumable: it tells note now and then from
// where a later call can go on, with which state. With such a state, r has the bytes
// from there on; [ErrNoState] when nothing of that is left, before r is read. An error
// of note ends it.
func (s *Store) PutFrom(ctx context.Context, key string, r io.Reader, cond Cond, state []byte, note func(Checkpoint) error) (api.Object, error) {
	blobs, ok := s.blobs.(ResumableBlobs)
	if !ok {
		return api.Object{}, errors.New("storage: the blobs cannot be resumed")
	}
	if err := api.CheckKey(key); err != nil {
		return api.Object{}, err
	}
	if err := s.checkRow(ctx, key, cond); err != nil {
		return api.Object{}, err
	}
	var p progress
	if len(state) > 0 {
		if err := json.Unmarshal(state, &p); err != nil {
			return api.Object{}, fmt.Errorf("read the state of a write: %w", err)
		}
	}
	in := &intake{r: r, max: s.cfg.MaxObject, n: p.Offset, head: p.Head}
	return s.put(ctx, key, in, cond, func() (Blob, error) {
		return blobs.WriteFrom(ctx, in, p.Blob, func(c Checkpoint) error {
			state, err := json.Marshal(progress{Blob: c.State, Offset: c.Offset, Head: in.head}) // which the first part had
			if err != nil {
				return err
			}
			return note(Checkpoint{Offset: c.Offset, State: state})
		})
	})
}

// Forget removes what a PutFrom that failed has left.
func (s *Store) Forget(ctx context.Context, state []byte) error {
	var p progress
	if err := json.Unmarshal(state, &p); err != nil {
		return fmt.Errorf("read the state of a write: %w", err)
	}
	if blobs, ok := s.blobs.(ResumableBlobs); ok {
		return blobs.Forget(ctx, p.Blob)
	}
	return nil
}
