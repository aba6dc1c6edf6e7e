package filestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"memcache/backend/internal/storage"
)

// Write stores the bytes of r. Errors: r's own, ctx's, and the disk's: a full
// disk is api.Full, one that cannot be written api.Unavailable.
func (s *Store) Write(ctx context.Context, r io.Reader) (storage.Blob, error) {
	tmp := tmpDir + "/" + rand.Text()
	s.setWriting(tmp, true)
	defer s.setWriting(tmp, false)
	taken := &taken{room: &s.room}
	blob, err := s.writeTemp(ctx, tmp, r, taken)
	if err == nil {
		err = s.keep(ctx, tmp, blob.ID, taken)
	}
	if err != nil {
		taken.giveBack()
		if rm := s.disk.Remove(tmp); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			s.log.Warn("a temporary file stays until the next sweep", "file", tmp, "err", rm)
		}
		return storage.Blob{}, err
	}
	blob.Release = sync.OnceFunc(func() { s.unpend(blob.ID) })
	return blob, nil
}

func (s *Store) setWriting(tmp string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.writing[tmp] = true
	} else {
		delete(s.writing, tmp)
	}
}

// writeTemp copies r into a durable temporary file.
func (s *Store) writeTemp(ctx context.Context, tmp string, r io.Reader, taken *taken) (blob storage.Blob, err error) {
	f, err := s.disk.Create(tmp)
	if err != nil {
		return blob, diskError(fmt.Errorf("create a temporary file: %w", err))
	}
	defer func() {
		if e := f.Close(); e != nil && err == nil {
			err = diskError(fmt.Errorf("close a temporary file: %w", e))
		}
	}()
	c := newCopying()
	defer c.end()
	if blob.Size, err = c.copy(ctx, metered{f, taken}, r); err != nil {
		return blob, err
	}
	// What a failed sync has lost stays lost: it is never tried again.
	if err := f.Sync(); err != nil {
		return blob, diskError(fmt.Errorf("sync a temporary file: %w", err))
	}
	blob.ID, blob.Checksum = c.sums()
	return blob, nil
}

// keep makes tmp the blob id, durably, and leaves it pending. A blob that is
// there already is replaced by the same bytes: that heals it if it is damaged,
// and makes it young again for Sweep.
func (s *Store) keep(ctx context.Context, tmp, id string, taken *taken) error {
	if err := s.pend(ctx, id); err != nil {
		return err
	}
	err := s.makeFan(id[:2])
	if err == nil {
		err = s.place(tmp, id, taken)
	}
	if err == nil {
		err = s.disk.SyncDir(blobsDir + "/" + id[:2])
	}
	if err != nil {
		s.unpend(id)
		return diskError(fmt.Errorf("keep blob %s: %w", id, err))
	}
	return nil
}

// pend makes id safe from Sweep, once a sweep that has it in hand is done.
func (s *Store) pend(ctx context.Context, id string) error {
	for {
		s.mu.Lock()
		busy := s.sweeping[id]
		if busy == nil {
			s.pending[id]++
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) unpend(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[id]--; s.pending[id] <= 0 {
		delete(s.pending, id)
	}
}
