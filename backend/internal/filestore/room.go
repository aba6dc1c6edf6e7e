package filestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// minFree is the room on the disk, in bytes, below which a store counts as full.
const minFree = 1 << 20

// room counts the bytes of the blobs against the limit of [Config], those that
// are being written included. What lies in quarantine does not count.
type room struct {
	max  int64 // 0: no limit, and nothing is counted
	used atomic.Int64
	keep sync.Mutex // held from looking at a blob until it is replaced
}

// take takes n bytes, or fails with api.Full.
func (r *room) take(n int64) error {
	if r.max == 0 {
		return nil
	}
	if r.used.Add(n) > r.max {
		r.used.Add(-n)
		return api.Errorf(api.Full, "the store is full: its limit is %s (-max-store); delete something, which frees its room within about an hour", api.FormatBytes(r.max))
	}
	return nil
}

func (r *room) give(n int64) {
	if r.max != 0 {
		r.used.Add(-n)
	}
}

// taken is the room that one write has taken.
type taken struct {
	room  *room
	bytes int64
}

// giveBack gives back what no blob has become of.
func (t *taken) giveBack() {
	t.room.give(t.bytes)
	t.bytes = 0
}

// metered takes room for what is written.
type metered struct {
	io.Writer
	taken *taken
}

func (m metered) Write(p []byte) (int, error) {
	n := int64(len(p))
	if err := m.taken.room.take(n); err != nil {
		return 0, err
	}
	m.taken.bytes += n
	return m.Writer.Write(p)
}

// count counts what is there when the store is opened.
func (s *Store) count() error {
	if s.room.max == 0 {
		return nil
	}
	for i := range 256 {
		fan := fmt.Sprintf("%02x", i)
		err := s.eachBatch(fan, func(entries []fs.DirEntry) error {
			for _, e := range entries {
				if info, err := e.Info(); err == nil && info.Mode().IsRegular() && storage.ValidID(fan+e.Name()) {
					s.room.used.Add(info.Size())
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// place makes tmp, which has taken its room, the blob id. One that it replaces
// gives its room back.
func (s *Store) place(tmp, id string, taken *taken) error {
	if s.room.max == 0 {
		return s.disk.Rename(tmp, blobPath(id))
	}
	s.room.keep.Lock()
	defer s.room.keep.Unlock()
	size := s.sizeOf(id)
	if err := s.disk.Rename(tmp, blobPath(id)); err != nil {
		return err
	}
	taken.bytes = size // the one replaced has become nothing
	taken.giveBack()
	return nil
}

// displace takes a blob away, whose room is free then.
func (s *Store) displace(id string, away func(path string) error) error {
	size := s.sizeOf(id)
	if err := away(blobPath(id)); err != nil {
		return err
	}
	s.room.give(size)
	return nil
}

// sizeOf is the size of a blob; 0 when there is none.
func (s *Store) sizeOf(id string) int64 {
	info, err := s.root.Lstat(blobPath(id))
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// Check tells whether blobs can be read: the folder is there.
func (s *Store) Check(context.Context) error {
	if _, err := s.root.Stat(blobsDir); err != nil {
		return diskError(fmt.Errorf("check the data folder: %w", err))
	}
	return nil
}

// CheckRoom tells whether blobs can be written: a file can be made, the disk has
// room, and so has the store. api.Full when one of these is full.
func (s *Store) CheckRoom(context.Context) error {
	if s.room.max > 0 && s.room.used.Load() >= s.room.max {
		return s.room.take(1)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(s.blobs.Fd()), &st); err != nil {
		return fmt.Errorf("ask for the room on the disk: %w", err)
	}
	if free := uint64(st.Bavail) * uint64(st.Bsize); free < minFree {
		return diskError(fmt.Errorf("the disk has %d bytes left: %w", free, syscall.ENOSPC))
	}
	return s.tryWrite()
}

// tryWrite writes a byte to a temporary file, which it removes.
func (s *Store) tryWrite() error {
	tmp := tmpDir + "/" + rand.Text()
	s.setWriting(tmp, true)
	defer s.setWriting(tmp, false)
	f, err := s.disk.Create(tmp)
	if err == nil {
		_, err = f.Write([]byte{0})
		err = errors.Join(err, f.Close(), s.disk.Remove(tmp))
	}
	if err != nil {
		return diskError(fmt.Errorf("try to write a temporary file: %w", err))
	}
	return nil
}
