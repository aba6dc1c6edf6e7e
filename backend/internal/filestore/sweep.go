package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"memcache/backend/internal/storage"
)

// sweepBatch is how many names of a folder are read at once, and how many ids
// one question to inUse has at most.
const sweepBatch = 500

// inUse tells which of the ids are named by something.
type inUse = func(context.Context, []string) (map[string]bool, error)

// Sweep removes the blobs that are older than age, not pending and not in use,
// and abandoned temporary files. What is in the blobs' folders but is no blob
// is left alone.
func (s *Store) Sweep(ctx context.Context, age time.Duration, used inUse) (int, error) {
	before := time.Now().Add(-age)
	if err := s.sweepTemporary(before); err != nil {
		return 0, err
	}
	removed := 0
	for i := range 256 {
		n, err := s.sweepDir(ctx, fmt.Sprintf("%02x", i), before, used)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// sweepDir sweeps one fan-out folder, a batch of candidates at a time.
func (s *Store) sweepDir(ctx context.Context, fan string, before time.Time, used inUse) (int, error) {
	removed := 0
	err := s.eachBatch(fan, func(entries []fs.DirEntry) error {
		ids := oldBlobs(fan, entries, before)
		if len(ids) == 0 {
			return nil
		}
		n, err := s.sweepBlobs(ctx, ids, used)
		removed += n
		return err
	})
	return removed, err
}

// eachBatch calls do for what is in a fan-out folder, batch by batch.
func (s *Store) eachBatch(fan string, do func([]fs.DirEntry) error) error {
	d, err := s.root.Open(blobsDir + "/" + fan)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the folder %s: %w", fan, err)
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(sweepBatch)
		if failed := do(entries); failed != nil {
			return failed
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read the folder %s: %w", fan, err)
		}
	}
}

// oldBlobs returns the ids of the blobs among entries that are older than before.
func oldBlobs(fan string, entries []fs.DirEntry, before time.Time) []string {
	var ids []string
	for _, e := range entries {
		id := fan + e.Name()
		if !storage.ValidID(id) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && !info.ModTime().After(before) {
			ids = append(ids, id)
		}
	}
	return ids
}

// sweepBlobs removes those of ids that nothing uses. The first question finds
// the candidates. They are then taken in hand, so that no writer can name one
// unnoticed, and the second question sees all that was named before that.
func (s *Store) sweepBlobs(ctx context.Context, ids []string, used inUse) (int, error) {
	orphans, err := unused(ctx, ids, used)
	if err != nil || len(orphans) == 0 {
		return 0, err
	}
	unlock, ok, err := s.maySweep()
	if err != nil || !ok {
		return 0, err // while a backup is made, the next sweep takes them
	}
	defer unlock()
	orphans, done := s.takeInHand(orphans)
	defer done()
	if orphans, err = unused(ctx, orphans, used); err != nil {
		return 0, err
	}
	removed := 0
	for _, id := range orphans {
		switch err := s.displace(id, s.disk.Remove); {
		case err == nil:
			removed++
		case !errors.Is(err, fs.ErrNotExist):
			return removed, fmt.Errorf("remove blob %s: %w", id, err)
		}
	}
	return removed, nil
}

// unused returns those of ids that are not in use.
func unused(ctx context.Context, ids []string, used inUse) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	named, err := used(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("ask which blobs are in use: %w", err)
	}
	var free []string
	for _, id := range ids {
		if !named[id] {
			free = append(free, id)
		}
	}
	return free, nil
}

// takeInHand makes writers of ids wait until done is called; pending blobs are
// left out.
func (s *Store) takeInHand(ids []string) (taken []string, done func()) {
	busy := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if s.pending[id] == 0 && s.sweeping[id] == nil {
			s.sweeping[id] = busy
			taken = append(taken, id)
		}
	}
	return taken, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, id := range taken {
			delete(s.sweeping, id)
		}
		close(busy)
	}
}

// clearTemporary removes every temporary file.
func (s *Store) clearTemporary() error {
	return s.eachTemporary(func(fs.FileInfo) bool { return true })
}

// sweepTemporary removes the temporary files that nobody writes and that are
// older than before.
func (s *Store) sweepTemporary(before time.Time) error {
	return s.eachTemporary(func(info fs.FileInfo) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.writing[tmpDir+"/"+info.Name()] && !info.ModTime().After(before)
	})
}

// eachTemporary removes the temporary files that remove chooses.
func (s *Store) eachTemporary(remove func(fs.FileInfo) bool) error {
	d, err := s.root.Open(tmpDir)
	if err != nil {
		return fmt.Errorf("read the temporary folder: %w", err)
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("read the temporary folder: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil && remove(info) {
			err = s.root.RemoveAll(tmpDir + "/" + e.Name())
		}
		if err != nil {
			return fmt.Errorf("remove a temporary file: %w", err)
		}
	}
	return nil
}
