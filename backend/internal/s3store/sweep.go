package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// inUse tells which of the ids are named by something.
type inUse = func(context.Context, []string) (map[string]bool, error)

// askedAtOnce is how many ids one question to inUse has at most.
const askedAtOnce = 500

// Sweep removes the blobs that are older than age, and than an hour, that are not
// pending and not in use, and what abandoned writes have left.
func (s *Store) Sweep(ctx context.Context, age time.Duration, used inUse) (int, error) {
	if err := s.sweepAbandoned(ctx); err != nil {
		return 0, err
	}
	removed, counted := 0, s.room.beginCount()
	err := s.eachPage(ctx, s.key(blobsDir), func(from string, p page) error {
		for _, e := range p.entries {
			counted.bytes += e.size
		}
		n, err := s.sweepPage(ctx, from, p, max(age, s.young), used)
		removed += n
		return err
	})
	if err == nil {
		counted.end()
	}
	return removed, err
}

// sweepPage sweeps one page of a listing, by the locks that its blobs have.
func (s *Store) sweepPage(ctx context.Context, from string, p page, age time.Duration, used inUse) (int, error) {
	orphans, err := s.orphans(ctx, p, age, used)
	removed := 0
	for len(orphans) > 0 && err == nil {
		digit := orphans[0].id[:1]
		end := slices.IndexFunc(orphans, func(o orphan) bool { return o.id[:1] != digit })
		if end < 0 {
			end = len(orphans)
		}
		var n int
		n, err = s.sweepLocked(ctx, from, orphans[:end], age, used)
		removed += n
		orphans = orphans[end:]
	}
	return removed, err
}

// orphan is a blob that may go.
type orphan struct {
	id string
	entry
}

// orphans returns the blobs of a page that are old, not pending and not in use.
func (s *Store) orphans(ctx context.Context, p page, age time.Duration, used inUse) (found []orphan, err error) {
	var old []orphan
	for _, e := range p.entries {
		if id := s.idOf(e.key); id != "" && !s.isPending(id) && !e.modified.After(p.now.Add(-age)) {
			old = append(old, orphan{id, e})
		}
	}
	for some := range slices.Chunk(old, askedAtOnce) {
		ids := make([]string, len(some))
		for i, o := range some {
			ids[i] = o.id
		}
		named, err := used(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("ask which blobs are in use: %w", err)
		}
		for _, o := range some {
			if !named[o.id] {
				found = append(found, o)
			}
		}
	}
	return found, nil
}

// sweepLocked removes those of orphans, which have one lock, that are still to go
// when it is held.
func (s *Store) sweepLocked(ctx context.Context, from string, orphans []orphan, age time.Duration, used inUse) (int, error) {
	ctx, unlock, ok, err := s.lock(ctx, orphans[0].id)
	if err != nil || !ok {
		return 0, err // while another sweeps these, the next sweep takes them
	}
	defer unlock()
	held, err := s.isHeld(ctx)
	if err != nil || held {
		return 0, err // while a backup is made, the next sweep takes them
	}
	again, err := s.listPage(ctx, s.key(blobsDir), from, pageSize)
	if err != nil {
		return 0, err
	}
	again.entries = slices.DeleteFunc(again.entries, func(e entry) bool {
		return !slices.ContainsFunc(orphans, func(o orphan) bool { return o.key == e.key })
	})
	orphans, err = s.orphans(ctx, again, age, used)
	if err != nil || len(orphans) == 0 {
		return 0, err
	}
	return s.removeBlobs(ctx, orphans)
}

func (s *Store) removeBlobs(ctx context.Context, orphans []orphan) (int, error) {
	in := &s3.DeleteObjectsInput{Bucket: &s.at.Bucket, Delete: &types.Delete{}}
	sizes := make(map[string]int64)
	for _, o := range orphans {
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: aws.String(o.key)})
		sizes[o.key] = o.size
	}
	out, err := s.client.DeleteObjects(ctx, in)
	if err != nil {
		return 0, explain(fmt.Errorf("remove %d blobs: %w", len(orphans), err))
	}
	for _, gone := range out.Deleted {
		s.room.move(0, -sizes[aws.ToString(gone.Key)])
	}
	if len(out.Errors) > 0 {
		first := out.Errors[0]
		return len(out.Deleted), fmt.Errorf("remove %s and %d others: S3 says %s (%s)", aws.ToString(first.Key), len(out.Errors)-1, aws.ToString(first.Message), aws.ToString(first.Code))
	}
	return len(out.Deleted), nil
}

// sweepAbandoned removes what writes, copies, locks and backups have left that ended
// without cleaning up.
func (s *Store) sweepAbandoned(ctx context.Context) error {
	if err := s.sweepUploads(ctx); err != nil {
		return err
	}
	for _, dir := range []string{tmpDir, holdsDir} {
		err := s.eachPage(ctx, s.key(dir), func(_ string, p page) error {
			for _, e := range p.entries {
				if s.isWriting(e.key) || e.modified.After(p.now.Add(-s.abandoned)) {
					continue
				}
				if err := s.remove(ctx, e.key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepUploads gives up the uploads in parts that are old and have got no part of
// late.
func (s *Store) sweepUploads(ctx context.Context) error {
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: &s.at.Bucket, Prefix: aws.String(s.at.Prefix)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return explain(fmt.Errorf("list the uploads: %w", err))
		}
		before := serverTime(out.ResultMetadata).Add(-s.abandoned)
		for _, u := range out.Uploads {
			if err := s.sweepUpload(ctx, u, before); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) sweepUpload(ctx context.Context, u types.MultipartUpload, before time.Time) error {
	key, id := aws.ToString(u.Key), aws.ToString(u.UploadId)
	if s.isWriting(key) || aws.ToTime(u.Initiated).After(before) {
		return nil
	}
	_, last, err := s.listParts(ctx, key, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && last.After(before) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.abort(ctx, key, id)
}
