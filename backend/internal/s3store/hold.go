package s3store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A hold is an object that is put anew as long as a backup is being made. Who dies
// with one loses it after a while.
const (
	holdLife  = 5 * time.Minute
	holdEvery = time.Minute
	digits    = "0123456789abcdef"
)

// Reader is a location whose blobs are read, while servers may use it. It needs no
// right to write.
type Reader struct{ store *Store }

// OpenReader opens a location, and fails when it cannot be read.
func OpenReader(ctx context.Context, cfg Config) (*Reader, error) {
	s, err := newStore(ctx, cfg)
	if err == nil {
		if _, err = s.listPage(ctx, s.at.Prefix, "", 1); err != nil {
			s.Close()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", cfg.Location, withCause(err))
	}
	return &Reader{s}, nil
}

// Close ends the connections that wait for a next request.
func (r *Reader) Close() error {
	r.store.Close()
	return nil
}

// Held is a Reader from whose location no blob is swept until it is closed.
type Held struct {
	*Reader
	key   string
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// Hold opens a location and keeps its blobs.
func Hold(ctx context.Context, cfg Config) (*Held, error) {
	store, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	h := &Held{Reader: &Reader{store}, key: store.key(holdsDir + rand.Text())}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	if err = store.putObject(ctx, h.key, nil); err == nil {
		h.ended.Go(func() { h.renew(renewing) })
		err = h.awaitSweeps(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("hold the blobs of %s: %w", cfg.Location, withCause(err)), h.Close())
	}
	return h, nil
}

// awaitSweeps waits until the sweeps that did not see the hold have ended.
func (h *Held) awaitSweeps(ctx context.Context) error {
	for _, digit := range digits {
		if err := h.store.awaitUnlocked(ctx, string(digit)); err != nil {
			return err
		}
	}
	return nil
}

func (h *Held) renew(ctx context.Context) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := h.store.putObject(ctx, h.key, nil); err != nil && ctx.Err() == nil {
			h.store.log.Warn("blobs may be swept while they are backed up", "err", err)
		}
	}
}

// Open opens a blob and tells its size in bytes. [fs.ErrNotExist] when there is
// none.
func (r *Reader) Open(ctx context.Context, id string) (io.ReadCloser, int64, error) {
	b, err := r.store.open(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	return b, b.size, nil
}

// Close lets the blobs be swept again.
func (h *Held) Close() error {
	h.stop()
	h.ended.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	return errors.Join(h.store.remove(ctx, h.key), h.Reader.Close())
}

// isHeld tells whether a backup is being made.
func (s *Store) isHeld(ctx context.Context) (held bool, err error) {
	err = s.eachPage(ctx, s.key(holdsDir), func(_ string, p page) error {
		for _, e := range p.entries {
			held = held || p.now.Sub(e.modified) < holdLife
		}
		return nil
	})
	return held, err
}
