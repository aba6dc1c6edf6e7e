package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"memcache/backend/internal/filestore"
	"memcache/backend/internal/s3store"
	"memcache/backend/internal/storage"
)

// blobStore is where the bytes of objects are kept, and the data folder, which is
// this process's alone. Its String says which place that is.
type blobStore interface {
	storage.Blobs
	fmt.Stringer
	HasBlobs(context.Context) (bool, error)
	Check(context.Context) error     // whether blobs can be read
	CheckRoom(context.Context) error // whether they can be written
	Scrub(context.Context) error
	Unclean() bool // the process before did not end cleanly
	Close() error
	Abandon() error // as if the process had been killed
}

// files is the store in the data folder.
type files struct {
	*filestore.Store
	folder string
}

func (f files) String() string { return fmt.Sprintf("the data folder %q", f.folder) }

// bucket is the store on S3. The data folder has the lock, and what else is local.
type bucket struct {
	*s3store.Store
	*filestore.Folder
	at s3store.Location
}

func (b bucket) String() string { return "the store " + b.at.String() }

func (b bucket) Close() error {
	b.Store.Close()
	return b.Folder.Close()
}

func (c config) checkStore() error {
	if c.store == "" {
		return nil
	}
	if _, err := s3store.Parse(c.store); err != nil {
		return fmt.Errorf("-store is no place for objects: %w", err) // its text may have a secret in it
	}
	return nil
}

// s3 is where objects are on S3.
func (c config) s3(log *slog.Logger, onDamage func()) (s3store.Config, error) {
	at, err := s3store.Parse(c.store)
	return s3store.Config{Location: at, Log: log, MaxBytes: int64(c.maxStore), OnDamage: onDamage}, err
}

// openStore opens the store of the flags.
func (c config) openStore(ctx context.Context, log *slog.Logger, onDamage func()) (blobStore, error) {
	if c.store == "" {
		store, err := filestore.Open(c.data, filestore.Config{Log: log, MaxBytes: int64(c.maxStore), OnDamage: onDamage})
		if err != nil {
			return nil, err // no nil in an interface
		}
		return files{store, c.data}, nil
	}
	cfg, err := c.s3(log, onDamage)
	if err != nil {
		return nil, err
	}
	folder, err := filestore.OpenFolder(c.data)
	if err != nil {
		return nil, err
	}
	store, err := s3store.Open(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, folder.GiveBack())
	}
	return bucket{store, folder, cfg.Location}, nil
}

// heldBlobs are blobs of which none is swept.
type heldBlobs interface {
	Open(ctx context.Context, id string) (io.ReadCloser, int64, error)
	Close() error
}

// holdStore keeps the blobs of the store of the flags, which a server may use.
func (c config) holdStore(ctx context.Context, log *slog.Logger) (heldBlobs, error) {
	if c.store == "" {
		held, err := filestore.Hold(ctx, c.data)
		if err != nil {
			return nil, err
		}
		return held, nil
	}
	cfg, err := c.s3(log, nil)
	if err != nil {
		return nil, err
	}
	held, err := s3store.Hold(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return held, nil
}

// sweeps tells how often what nothing names is removed, and whether one backend does
// it for all. On S3, it costs a request for each thousand objects.
func (c config) sweeps() (every time.Duration, shared bool) {
	if c.store == "" {
		return 10 * time.Minute, false
	}
	return time.Hour, true
}
