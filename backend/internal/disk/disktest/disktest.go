// Package disktest has a disk that a test can make fail, or stop, at any step.
package disktest

import (
	"slices"
	"sync"

	"memcache/backend/internal/disk"
)

// The steps of a disk. A write of several bytes is half done before its step.
const (
	Create  = "create"
	Write   = "write"
	Sync    = "sync"
	Close   = "close"
	Mkdir   = "mkdir"
	Rename  = "rename"
	Remove  = "remove"
	SyncDir = "sync folder"
)

// Steps are all of them.
var Steps = []string{Create, Write, Sync, Close, Mkdir, Rename, Remove, SyncDir}

// Around returns what puts a disk before another one that has every step done
// by around: do does it, and what around returns is the step's outcome.
func Around(around func(step string, do func() error) error) func(disk.Disk) disk.Disk {
	return func(under disk.Disk) disk.Disk { return wrapped{under, around} }
}

type wrapped struct {
	disk.Disk
	around func(step string, do func() error) error
}

func (d wrapped) Create(name string) (f disk.File, err error) {
	err = d.around(Create, func() error {
		f, err = d.Disk.Create(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return file{f, d.around}, nil
}

func (d wrapped) Mkdir(name string) error {
	return d.around(Mkdir, func() error { return d.Disk.Mkdir(name) })
}

func (d wrapped) Rename(from, to string) error {
	return d.around(Rename, func() error { return d.Disk.Rename(from, to) })
}

func (d wrapped) Remove(name string) error {
	return d.around(Remove, func() error { return d.Disk.Remove(name) })
}

func (d wrapped) SyncDir(name string) error {
	return d.around(SyncDir, func() error { return d.Disk.SyncDir(name) })
}

type file struct {
	disk.File
	around func(step string, do func() error) error
}

func (f file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p[:len(p)/2])
	if err != nil {
		return n, err
	}
	err = f.around(Write, func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	return n, err
}

func (f file) Sync() error { return f.around(Sync, f.File.Sync) }

// Close closes the file in any case: a test must not leak it.
func (f file) Close() error {
	defer f.File.Close()
	return f.around(Close, f.File.Close)
}

// Faults is a disk of which some steps fail. Its zero value fails at none.
type Faults struct {
	mu    sync.Mutex
	steps []string
	err   error
}

// Fail makes the steps fail with err from now on; no steps are all of them.
func (f *Faults) Fail(err error, steps ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps, f.err = steps, err
	if len(steps) == 0 {
		f.steps = Steps
	}
}

// Heal lets every step succeed again.
func (f *Faults) Heal() { f.Fail(nil) }

// Wrap puts the faults before a disk.
func (f *Faults) Wrap(under disk.Disk) disk.Disk { return Around(f.step)(under) }

func (f *Faults) step(step string, do func() error) error {
	f.mu.Lock()
	err := f.err
	if !slices.Contains(f.steps, step) {
		err = nil
	}
	f.mu.Unlock()
	if err != nil {
		return err
	}
	return do()
}
