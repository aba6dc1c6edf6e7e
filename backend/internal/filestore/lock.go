package filestore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lock is the exclusive use of a data folder. The operating system drops it
// when the process ends, however it ends. The file holds the process id while
// the folder is in use and is empty after a clean end.
type lock struct{ f *os.File }

// takeLock takes the lock of dir; unclean tells that its last holder did not
// release it.
func takeLock(dir string) (l *lock, unclean bool, err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("open the lock of the data folder %q: %w", dir, err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	held := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	b, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return nil, false, fmt.Errorf("read the lock of the data folder %q: %w", dir, err)
	}
	holder := strings.TrimSpace(string(b))
	switch {
	case errors.Is(held, unix.EWOULDBLOCK):
		return nil, false, fmt.Errorf("the data folder %q is in use by %s: stop that server first, or start this one with another folder (-data)", dir, describe(holder))
	case held != nil:
		return nil, false, fmt.Errorf("lock the data folder %q: %w", dir, held)
	}
	if err := setHolder(f, strconv.Itoa(os.Getpid())+"\n"); err != nil {
		return nil, false, fmt.Errorf("write the lock of the data folder %q: %w", dir, err)
	}
	return &lock{f: f}, holder != "", nil
}

// Folder is a data folder that is this process's, and in which no blobs are kept:
// they are elsewhere.
type Folder struct {
	lock    *lock
	unclean bool
}

// OpenFolder makes the data folder dir this process's alone, making it if need be.
func OpenFolder(dir string) (*Folder, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	l, unclean, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	return &Folder{l, unclean}, nil
}

// Unclean, Close and Abandon are as those of [Store].
func (f *Folder) Unclean() bool { return f.unclean }

// Close gives the folder free.
func (f *Folder) Close() error { return f.lock.release(true) }

// Abandon gives the folder free as if the process had been killed.
func (f *Folder) Abandon() error { return f.lock.release(false) }

// GiveBack gives the folder free as it was found, for who has done nothing in it.
func (f *Folder) GiveBack() error { return f.lock.release(!f.unclean) }

func describe(holder string) string {
	if _, err := strconv.Atoi(holder); err != nil {
		return "another server"
	}
	return "another server, the process " + holder
}

// release gives the folder free; clean says that all that was begun was ended.
func (l *lock) release(clean bool) error {
	var err error
	if clean {
		err = setHolder(l.f, "")
	}
	return errors.Join(err, l.f.Close())
}

func setHolder(f *os.File, holder string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(holder), 0); err != nil {
		return err
	}
	return f.Sync()
}
