// Package disk is what a file store does to its folder when it changes it: few
// operations behind an interface, so that tests can put a disk there which fails
// or stops at any of them (package disktest).
package disk

import (
	"io"
	"os"
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
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
