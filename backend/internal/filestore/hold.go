package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The folder of the blobs is locked (flock) by those that care which of them
// there are: shared by a sweep while it removes some, exclusively by a backup,
// also in another process, for as long as none may go.

// holdLimit is how long Hold waits for a sweep, which takes moments.
const (
	holdLimit = 10 * time.Second
	holdPause = 20 * time.Millisecond
)

// Reader is a data folder whose blobs are read, while a server may use it.
type Reader struct{ store Store }

// OpenReader opens the data folder dir.
func OpenReader(dir string) (*Reader, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the data folder: %w", err)
	}
	r := &Reader{Store{root: root}}
	if r.store.blobs, err = openFolder(root, blobsDir); err != nil {
		return nil, errors.Join(fmt.Errorf("open the blobs of the data folder %q: %w", dir, err), r.Close())
	}
	return r, nil
}

// Held is a Reader from whose folder no blob is swept until it is closed.
type Held struct{ *Reader }

// Hold keeps the blobs of the data folder dir. It fails when another process
// holds them.
func Hold(ctx context.Context, dir string) (*Held, error) {
	r, err := OpenReader(dir)
	if err != nil {
		return nil, err
	}
	if err := waitForLock(ctx, r.store.blobs); err != nil {
		return nil, errors.Join(fmt.Errorf("hold the blobs of the data folder %q: %w", dir, err), r.Close())
	}
	return &Held{r}, nil
}

func openFolder(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

func waitForLock(ctx context.Context, folder *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, holdLimit, errors.New("another backup of it is being made: wait until that has ended"))
	defer cancel()
	tick := time.NewTicker(holdPause)
	defer tick.Stop()
	for {
		err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Open opens a blob and tells its size in bytes. [fs.ErrNotExist] when there is
// none.
func (r *Reader) Open(ctx context.Context, id string) (io.ReadCloser, int64, error) {
	blob, err := r.store.Open(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	size, err := blob.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = blob.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open blob %s: %w", id, err), blob.Close())
	}
	return blob, size, nil
}

// Close gives back what the reader takes; with it, a hold ends.
func (r *Reader) Close() error {
	var err error
	if r.store.blobs != nil {
		err = r.store.blobs.Close()
	}
	return errors.Join(err, r.store.root.Close())
}

// maySweep tells whether blobs may be removed, and keeps it so until done.
func (s *Store) maySweep() (done func(), ok bool, err error) {
	folder, err := openFolder(s.root, blobsDir)
	if err != nil {
		return nil, false, fmt.Errorf("lock the blobs: %w", err)
	}
	switch err := unix.Flock(int(folder.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case err == nil:
		return func() { folder.Close() }, true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, false, folder.Close()
	default:
		return nil, false, errors.Join(fmt.Errorf("lock the blobs: %w", err), folder.Close())
	}
}
