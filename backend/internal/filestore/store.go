// Package filestore keeps blobs on the local file system. It is the
// [storage.Blobs] of a backend that runs on one machine.
//
// A data folder looks so:
//
//	lock          held by the server that uses the folder, with its process id
//	blobs/ab/cd…  a blob, named by the SHA-256 of its bytes in hexadecimal
//	tmp/          blobs that are being written
//	quarantine/   blobs that were found damaged
//
// A blob is written to tmp, synced, and renamed to its place; then the folder
// is synced. So a blob either is there whole or not at all, whatever happens to
// the process or the machine. Its place depends on its bytes alone: no text of
// a user is ever part of a path, and symbolic links are refused.
//
// Blobs are never changed. The ones that nothing names any more are removed by
// Sweep; one that is about to be named is pending, and safe from it.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/disk"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// The names within a data folder.
const (
	blobsDir      = "blobs"
	tmpDir        = "tmp"
	quarantineDir = "quarantine"
	lockFile      = "lock"
)

// Config is how a data folder is used. The zero value will do.
type Config struct {
	Log       *slog.Logger
	MaxBytes  int64  // bytes that all blobs may have together; 0: no limit
	ScrubRate int    // bytes a second that Scrub reads; 0: 16 MiB
	OnDamage  func() // told of each blob that is moved to quarantine; may be nil

	// Disk puts another disk before the real one; nil: none.
	Disk func(disk.Disk) disk.Disk
}

const defaultScrubRate = 16 << 20

// Store is an open data folder. It is safe for concurrent use.
type Store struct {
	root    *os.Root
	disk    disk.Disk // what changes root
	blobs   *os.File  // the folder of the blobs
	lock    *lock
	log     *slog.Logger
	unclean bool
	room    room

	scrubRate int
	onDamage  func()
	noOpenat2 atomic.Bool // the kernel has none, or forbids it

	mu       sync.Mutex
	pending  map[string]int           // blobs about to be named, by how many writers
	sweeping map[string]chan struct{} // blobs that a sweep may be unlinking; closed when it is done
	writing  map[string]bool          // the temporary files in use

	fanMu sync.Mutex
	fans  map[string]bool // the fan-out folders that are there durably
}

// Open opens the data folder dir for this process alone, making it if need be,
// and removes what half-written blobs an earlier process left in it. It fails
// when another server uses the folder.
func Open(dir string, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnDamage == nil {
		cfg.OnDamage = func() {}
	}
	if cfg.ScrubRate <= 0 {
		cfg.ScrubRate = defaultScrubRate
	}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	l, unclean, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		lock: l, log: cfg.Log, unclean: unclean, scrubRate: cfg.ScrubRate, onDamage: cfg.OnDamage,
		pending: map[string]int{}, sweeping: map[string]chan struct{}{}, writing: map[string]bool{},
		fans: map[string]bool{}, room: room{max: cfg.MaxBytes},
	}
	if err := s.prepare(dir, cfg.Disk); err != nil {
		s.release(false)
		return nil, fmt.Errorf("open the data folder %q: %w", dir, err)
	}
	return s, nil
}

// makeFolder makes dir; its entry in the folder above is durable then.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder %q: %w", dir, err)
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return fmt.Errorf("make the data folder %q: %w", dir, err)
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil {
		return fmt.Errorf("make the data folder %q durable: %w", dir, err)
	}
	return nil
}

// prepare makes the folders within dir and clears the temporary one.
func (s *Store) prepare(dir string, before func(disk.Disk) disk.Disk) error {
	var err error
	if s.root, err = os.OpenRoot(dir); err != nil {
		return err
	}
	s.disk = disk.New(s.root)
	if before != nil {
		s.disk = before(s.disk)
	}
	for _, name := range []string{blobsDir, tmpDir, quarantineDir} {
		if err := s.makeDir(name); err != nil {
			return err
		}
	}
	if err := s.clearTemporary(); err != nil {
		return err
	}
	for _, name := range []string{blobsDir, "."} {
		if err := s.disk.SyncDir(name); err != nil {
			return err
		}
	}
	fd, err := unix.Open(filepath.Join(dir, blobsDir), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: blobsDir, Err: err}
	}
	s.blobs = os.NewFile(uintptr(fd), filepath.Join(dir, blobsDir))
	return s.count()
}

// makeDir makes a folder unless it is there; a link to one is refused.
func (s *Store) makeDir(name string) error {
	if err := s.disk.Mkdir(name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := s.root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a folder but %v: remove it", name, info.Mode())
	}
	return nil
}

// makeFan makes the fan-out folder of a blob durable, once in the process's life:
// another may have made it and not synced it yet. After a failed sync it is made
// anew, if it is still empty: what that sync lost would stay lost.
func (s *Store) makeFan(fan string) error {
	s.fanMu.Lock()
	defer s.fanMu.Unlock()
	if s.fans[fan] {
		return nil
	}
	name := blobsDir + "/" + fan
	if err := s.makeDir(name); err != nil {
		return err
	}
	if err := s.disk.SyncDir(blobsDir); err != nil {
		_ = s.disk.Remove(name) // it is not empty, or the disk fails on
		return err
	}
	s.fans[fan] = true
	return nil
}

// Unclean tells that the process which used the folder before did not close
// it: it was killed, or the machine went down.
func (s *Store) Unclean() bool { return s.unclean }

// Close gives the folder free. Writes and sweeps must have ended.
func (s *Store) Close() error { return s.release(true) }

// Abandon gives the folder free as if the process had been killed, so that the
// next one finds it unclean.
func (s *Store) Abandon() error { return s.release(false) }

func (s *Store) release(clean bool) error {
	var errs []error
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.root != nil {
		errs = append(errs, s.root.Close())
	}
	return errors.Join(append(errs, s.lock.release(clean))...)
}

// HasBlobs tells whether any blob is kept.
func (s *Store) HasBlobs(context.Context) (bool, error) {
	for i := range 256 {
		fan, found := fmt.Sprintf("%02x", i), false
		err := s.eachBatch(fan, func(entries []fs.DirEntry) error {
			found = found || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return storage.ValidID(fan + e.Name()) })
			return nil
		})
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// BlobsAfter returns a page of the blobs that come after an id, in the order of the
// ids: as many as a folder has, and none at the end.
func (s *Store) BlobsAfter(ctx context.Context, after string) ([]storage.Stored, error) {
	first := 0
	if storage.ValidID(after) {
		if _, err := fmt.Sscanf(after[:2], "%02x", &first); err != nil {
			return nil, err
		}
	}
	for i := first; i < 256; i++ {
		page, err := s.blobsOf(fmt.Sprintf("%02x", i), after)
		if err == nil {
			err = ctx.Err()
		}
		if len(page) > 0 || err != nil {
			return page, err
		}
	}
	return nil, nil
}

// blobsOf lists those of a fan-out folder.
func (s *Store) blobsOf(fan, after string) (page []storage.Stored, err error) {
	err = s.eachBatch(fan, func(entries []fs.DirEntry) error {
		for _, e := range entries {
			id := fan + e.Name()
			if id <= after || !storage.ValidID(id) || !e.Type().IsRegular() {
				continue
			}
			if info, err := e.Info(); err == nil { // else it has just gone
				page = append(page, storage.Stored{ID: id, Size: info.Size()})
			}
		}
		return nil
	})
	slices.SortFunc(page, func(a, b storage.Stored) int { return strings.Compare(a.ID, b.ID) })
	return page, err
}

// blobPath is where a blob is, below the data folder.
func blobPath(id string) string { return blobsDir + "/" + id[:2] + "/" + id[2:] }

// diskError gives an error of the disk its code and a message for people.
func diskError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return api.Errorf(api.Full, "the disk is full: delete something, or make room on it").Because(err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return api.Errorf(api.Unavailable, "the data folder cannot be used: check its permissions and whether it is mounted read-only").Because(err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return api.Errorf(api.Unavailable, "the server has too many files open: try again in a moment").Because(err)
	}
	return err
}
