package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// A lock covers the blobs whose names begin with the same digit, so that few
// writers wait for a sweep, each for the removal of a page at most.
const (
	lockLife  = time.Minute // after which a lock is one of who died
	lockPause = 50 * time.Millisecond
)

func (s *Store) lockKey(id string) string { return s.key(locksDir + id[:1]) }

// lock takes the lock that covers id; ok is false while another has it. What is done
// under it must end with its context.
func (s *Store) lock(ctx context.Context, id string) (held context.Context, unlock func(), ok bool, err error) {
	held, cancel := context.WithTimeout(ctx, lockLife/2) // from before it is taken
	if ok, err = s.take(held, s.lockKey(id)); !ok || err != nil {
		cancel()
		return nil, nil, false, err
	}
	return held, func() {
		cancel()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
		defer cancel()
		if err := s.remove(ctx, s.lockKey(id)); err != nil {
			s.log.Warn("writers wait until a lock has expired", "lock", s.lockKey(id), "err", err)
		}
	}, true, nil
}

// take makes the lock's object, in the place of an expired one if need be.
func (s *Store) take(ctx context.Context, key string) (bool, error) {
	ok, err := s.putIf(ctx, key, &s3.PutObjectInput{IfNoneMatch: aws.String("*")})
	if ok || err != nil {
		return ok, err
	}
	there, err := s.head(ctx, key)
	if errors.Is(err, fs.ErrNotExist) || err == nil && there.age < lockLife {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.putIf(ctx, key, &s3.PutObjectInput{IfMatch: &there.etag})
}

// putIf puts an object on the condition in in; ok is false when that does not hold.
func (s *Store) putIf(ctx context.Context, key string, in *s3.PutObjectInput) (ok bool, err error) {
	in.Bucket, in.Key, in.Body = &s.at.Bucket, &key, bytes.NewReader([]byte(rand.Text()))
	_, err = s.client.PutObject(ctx, in)
	switch {
	case err == nil:
		return true, nil
	case isCode(err, "PreconditionFailed", "ConditionalRequestConflict", "412", "409") || in.IfMatch != nil && errors.Is(explain(err), fs.ErrNotExist):
		return false, nil
	}
	return false, explain(fmt.Errorf("take the lock %s: %w", key, err))
}

// awaitUnlocked waits until no sweep is about to remove id.
func (s *Store) awaitUnlocked(ctx context.Context, id string) error {
	for {
		lock, err := s.head(ctx, s.lockKey(id))
		if errors.Is(err, fs.ErrNotExist) || err == nil && lock.age > lockLife {
			return nil
		}
		if err != nil {
			return err
		}
		if err := sleep(ctx, lockPause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
