package s3store

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"memcache/backend/internal/storage"
)

// entry is an object of a listing.
type entry struct {
	key      string
	size     int64
	modified time.Time
}

// page is a part of a listing, in the order of the keys.
type page struct {
	entries []entry
	now     time.Time // by S3's clock
	more    bool
}

// pageSize is what S3 lists at once.
const pageSize = 1000

// listPage lists what begins with prefix and comes after the key after.
func (s *Store) listPage(ctx context.Context, prefix, after string, most int) (page, error) {
	in := &s3.ListObjectsV2Input{Bucket: &s.at.Bucket, Prefix: &prefix, MaxKeys: aws.Int32(int32(most))}
	if after != "" {
		in.StartAfter = &after
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if err != nil {
		return page{}, explain(fmt.Errorf("list the bucket %s: %w", s.at.Bucket, err))
	}
	p := page{now: serverTime(out.ResultMetadata), more: aws.ToBool(out.IsTruncated) && len(out.Contents) > 0}
	for _, o := range out.Contents {
		p.entries = append(p.entries, entry{aws.ToString(o.Key), aws.ToInt64(o.Size), aws.ToTime(o.LastModified)})
	}
	return p, nil
}

// eachPage calls do for page after page of what begins with prefix; from is the key
// that a page comes after.
func (s *Store) eachPage(ctx context.Context, prefix string, do func(from string, p page) error) error {
	for after, more := "", true; more; {
		p, err := s.listPage(ctx, prefix, after, pageSize)
		if err != nil {
			return err
		}
		if err := do(after, p); err != nil {
			return err
		}
		if more = p.more; more {
			after = p.entries[len(p.entries)-1].key
		}
	}
	return nil
}

// BlobsAfter returns a page of the blobs that come after an id, in the order of the
// ids, and none at the end.
func (s *Store) BlobsAfter(ctx context.Context, after string) (found []storage.Stored, err error) {
	from := ""
	if after != "" {
		from = s.blobKey(after)
	}
	for more := true; more && len(found) == 0; {
		p, err := s.listPage(ctx, s.key(blobsDir), from, pageSize)
		if err != nil {
			return nil, err
		}
		for _, e := range p.entries {
			if id := s.idOf(e.key); id != "" {
				found = append(found, storage.Stored{ID: id, Size: e.size})
			}
			from = e.key
		}
		more = p.more
	}
	return found, nil
}

// each calls do for every blob.
func (s *Store) each(ctx context.Context, do func(id string, e entry) error) error {
	return s.eachPage(ctx, s.key(blobsDir), func(_ string, p page) error {
		for _, e := range p.entries {
			if id := s.idOf(e.key); id != "" {
				if err := do(id, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
