package s3store

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
// quarantine/, where they can be looked at. One that is whole, or is being written
// anew, stays. [fs.ErrNotExist] when there is none.
func (s *Store) Quarantine(ctx context.Context, id string) error {
	if !storage.ValidID(id) {
		return fmt.Errorf("quarantine blob %q: that is no blob's id: %w", id, fs.ErrInvalid)
	}
	seen, err := s.head(ctx, s.blobKey(id))
	if err != nil {
		return err
	}
	whole, err := s.verify(ctx, id, rate.NewLimiter(rate.Inf, pieceBytes))
	if err != nil || whole {
		return err
	}
	if err := s.copyObject(ctx, s.blobKey(id), s.key(quarantineDir+id), seen.size); err != nil {
		return err
	}
	return s.takeAway(ctx, id, seen)
}

// takeAway removes a damaged blob unless it was written anew since it was seen.
func (s *Store) takeAway(ctx context.Context, id string, seen found) error {
	ctx, unlock, err := s.lockWaiting(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	there, err := s.head(ctx, s.blobKey(id))
	if err != nil || s.isPending(id) || there.etag != seen.etag || !there.modified.Equal(seen.modified) {
		return err
	}
	if err := s.remove(ctx, s.blobKey(id)); err != nil {
		return err
	}
	s.room.move(0, -there.size)
	s.log.Error("a damaged blob was moved to quarantine", "blob", id)
	s.onDamage()
	return nil
}

func (s *Store) lockWaiting(ctx context.Context, id string) (held context.Context, unlock func(), err error) {
	for {
		held, unlock, ok, err := s.lock(ctx, id)
		if ok || err != nil {
			return held, unlock, err
		}
		if err := sleep(ctx, lockPause); err != nil {
			return nil, nil, err
		}
	}
}

// verify tells whether the bytes of a blob have its hash.
func (s *Store) verify(ctx context.Context, id string, limit *rate.Limiter) (bool, error) {
	b, err := s.open(ctx, id)
	if err != nil {
		return false, err
	}
	defer b.Close()
	defer context.AfterFunc(ctx, b.cancel)()
	buf := spare.Get().(*piece)
	defer spare.Put(buf)
	hash := sha256.New()
	for {
		if err := limit.WaitN(ctx, pieceBytes); err != nil {
			return false, err
		}
		n, err := io.ReadFull(b, buf[:])
		hash.Write(buf[:n])
		if err == io.EOF || err == io.ErrUnexpectedEOF && b.at == b.size {
			return hex.EncodeToString(hash.Sum(nil)) == id, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// Scrub reads every blob and moves the damaged ones to quarantine, at the rate of
// [Config]. It begins with any of the blobs, so that the last ones have their turn
// also where it never gets to its end.
func (s *Store) Scrub(ctx context.Context) error {
	limit := rate.NewLimiter(rate.Limit(s.scrubRate), pieceBytes)
	first := rand.IntN(256)
	for i := range 256 {
		prefix := s.key(fmt.Sprintf("%s%02x/", blobsDir, (first+i)%256))
		err := s.eachPage(ctx, prefix, func(_ string, p page) error {
			for _, e := range p.entries {
				if id := s.idOf(e.key); id != "" {
					s.scrub(ctx, id, limit)
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scrub verifies one blob. One that was swept meanwhile is none any more; one that
// cannot be read does not keep the others from being.
func (s *Store) scrub(ctx context.Context, id string, limit *rate.Limiter) {
	whole, err := s.verify(ctx, id, limit)
	if err == nil && !whole {
		err = s.Quarantine(ctx, id)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("a blob cannot be verified", "blob", id, "err", err)
	}
}
