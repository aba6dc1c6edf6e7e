package filestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"

	"golang.org/x/time/rate"

	"memcache/backend/internal/storage"
)

// Quarantine moves a blob whose bytes do not have its hash out of the way, to
// the folder quarantine, where they can be looked at. One that is whole, or is
// being written anew, stays. [fs.ErrNotExist] when there is none.
func (s *Store) Quarantine(ctx context.Context, id string) error {
	if !storage.ValidID(id) {
		return fmt.Errorf("quarantine blob %q: that is no blob's id: %w", id, fs.ErrInvalid)
	}
	taken, done := s.takeInHand([]string{id}) // no writer may heal it meanwhile
	defer done()
	if len(taken) == 0 {
		return nil
	}
	whole, err := s.verify(ctx, id, rate.NewLimiter(rate.Inf, pieceBytes))
	if err != nil || whole {
		return err
	}
	err = s.displace(id, func(path string) error { return s.disk.Rename(path, quarantineDir+"/"+id) })
	if err != nil {
		return diskError(fmt.Errorf("quarantine blob %s: %w", id, err))
	}
	s.log.Error("a damaged blob was moved to quarantine", "blob", id)
	s.onDamage()
	return nil
}

// verify tells whether the bytes of a blob have its hash.
func (s *Store) verify(ctx context.Context, id string, limit *rate.Limiter) (bool, error) {
	f, err := s.openRegular(id)
	if err != nil {
		return false, diskError(fmt.Errorf("verify blob %s: %w", id, err))
	}
	defer f.Close()
	buf := spare.Get().(*piece)
	defer spare.Put(buf)
	hash := sha256.New()
	for {
		if err := limit.WaitN(ctx, pieceBytes); err != nil {
			return false, err
		}
		n, err := f.Read(buf[:])
		hash.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(hash.Sum(nil)) == id, nil
		}
		if err != nil {
			return false, diskError(fmt.Errorf("verify blob %s: %w", id, err))
		}
	}
}

// Scrub reads every blob and moves the damaged ones to quarantine, at the rate
// of [Config]. It begins in any of the folders, so that the last ones have their
// turn also where it never gets to its end.
func (s *Store) Scrub(ctx context.Context) error {
	limit := rate.NewLimiter(rate.Limit(s.scrubRate), pieceBytes)
	first := rand.IntN(256)
	for i := range 256 {
		if err := s.scrubDir(ctx, fmt.Sprintf("%02x", (first+i)%256), limit); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) scrubDir(ctx context.Context, fan string, limit *rate.Limiter) error {
	return s.eachBatch(fan, func(entries []fs.DirEntry) error {
		for _, e := range entries {
			id := fan + e.Name()
			if !storage.ValidID(id) || !e.Type().IsRegular() {
				continue
			}
			if err := s.scrub(ctx, id, limit); err != nil {
				return err
			}
		}
		return nil
	})
}

// scrub verifies one blob. One that was swept meanwhile is none any more; one
// that cannot be read does not keep the others from being.
func (s *Store) scrub(ctx context.Context, id string, limit *rate.Limiter) error {
	whole, err := s.verify(ctx, id, limit)
	if err == nil && !whole {
		err = s.Quarantine(ctx, id)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("a blob cannot be verified", "blob", id, "err", err)
	}
	return nil
}
