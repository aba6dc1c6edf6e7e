// Package disk is what a file store does to its folder when it changes it: few
// operations behind an interface, so that tests can put a disk there which fails
// or stops at any of them (package disktest).
package disk

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Disk changes what is in a folder. All names are relative to it.
type Disk interface {
	// Create makes a file that is not there yet, for writing.
	Create(name string) (File, error)
	// Mkdir makes a folder; [io/fs.ErrExist] when there is something of that name.
	Mkdir(name string) error
	// Rename moves a file, over another one if need be.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
}

// File is a file being written.
type File interface {
	io.WriteCloser
	// Sync makes the bytes durable. What a failed one has lost stays lost.
	Sync() error
}

// New returns the real disk below root.
func New(root *os.Root) Disk { return real{root} }

type real struct{ root *os.Root }

func (d real) Create(name string) (File, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{File: f}, nil
}

func (d real) Mkdir(name string) error { return d.root.Mkdir(name, 0o700) }

func (d real) Rename(from, to string) error { return d.root.Rename(from, to) }

func (d real) Remove(name string) error { return d.root.Remove(name) }

func (d real) SyncDir(name string) error {
	dir, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// earlyBytes is after how many bytes a file begins to go to the disk, so that
// little is left to wait for when it is synced.
const earlyBytes = 8 << 20

// file is a real file.
type file struct {
	*os.File
	written, begun int64 // bytes written, and of those on their way to the disk
}

func (f *file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	if late := f.written - f.begun; late >= earlyBytes {
		// Whether it fails is told by the sync, which is needed in any case.
		_ = unix.SyncFileRange(int(f.Fd()), f.begun, late, unix.SYNC_FILE_RANGE_WRITE)
		f.begun = f.written
	}
	return n, err
}
