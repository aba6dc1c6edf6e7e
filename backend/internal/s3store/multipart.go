package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	// maxCopyBytes is what S3 copies in one request here. It could be 5 GiB, but more
	// at once is faster, and none takes long then.
	maxCopyBytes = 512 << 20
	copiesAtOnce = 4
	maxParts     = 10_000
)

// multipart is an object that is made of parts.
type multipart struct {
	s       *Store
	key, id string
	parts   []types.CompletedPart
	done    func() // lets sweeps have it
}

// begin begins an upload in parts; algorithm is that of their checksums, "" for what
// S3 takes by itself.
func (s *Store) begin(ctx context.Context, key string, algorithm types.ChecksumAlgorithm) (*multipart, error) {
	done := s.setWriting(key, true)
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.at.Bucket, Key: &key, ChecksumAlgorithm: algorithm,
	})
	if err != nil {
		done()
		return nil, explain(fmt.Errorf("begin an upload: %w", err))
	}
	return &multipart{s: s, key: key, id: aws.ToString(out.UploadId), done: done}, nil
}

// part sends the next part.
func (m *multipart) part(ctx context.Context, b *buffer) error {
	number := aws.Int32(int32(len(m.parts)) + 1)
	content := &body{buffer: b}
	defer content.end()
	out, err := m.s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &m.s.at.Bucket, Key: &m.key, UploadId: &m.id, PartNumber: number, Body: content, ContentLength: &b.size,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return lost(explain(fmt.Errorf("send part %d: %w", *number, err)))
	}
	m.parts = append(m.parts, types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	return nil
}

// lost makes a missing upload no missing blob.
func lost(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the upload was swept meanwhile: %v", err)
	}
	return err
}

// complete makes the parts an object of size bytes. An answer that was lost counts
// if the object is there: its name is used once.
func (m *multipart) complete(ctx context.Context, size int64) error {
	_, err := m.s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &m.s.at.Bucket, Key: &m.key, UploadId: &m.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: m.parts},
	})
	if err = explain(err); errors.Is(err, fs.ErrNotExist) {
		if there, failed := m.s.head(ctx, m.key); failed == nil && there.size == size {
			err = nil
		}
	}
	if err != nil {
		return lost(fmt.Errorf("put %d parts together: %w", len(m.parts), err))
	}
	return nil
}

// drop removes what there is of the upload, and of the object that became of it. If
// that fails, a sweep will.
func (m *multipart) drop() {
	defer m.done()
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	if err := m.s.abort(ctx, m.key, m.id); err != nil {
		m.s.log.Warn("an upload stays until it is swept", "object", m.key, "err", err)
	}
	if err := m.s.remove(ctx, m.key); err != nil {
		m.s.log.Warn("a temporary object stays until it is swept", "object", m.key, "err", err)
	}
}

// abort removes the parts of an upload; it is no error when there is none.
func (s *Store) abort(ctx context.Context, key, id string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.at.Bucket, Key: &key, UploadId: &id})
	if err = explain(err); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("give up the upload of %s: %w", key, err)
	}
	return nil
}

// listParts returns the parts that S3 has of an upload, and when the last came.
func (s *Store) listParts(ctx context.Context, key, id string) (parts []types.Part, last time.Time, err error) {
	pages := s3.NewListPartsPaginator(s.client, &s3.ListPartsInput{Bucket: &s.at.Bucket, Key: &key, UploadId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, last, explain(fmt.Errorf("list the parts of %s: %w", key, err))
		}
		for _, p := range page.Parts {
			if t := aws.ToTime(p.LastModified); t.After(last) {
				last = t
			}
		}
		parts = append(parts, page.Parts...)
	}
	return parts, last, nil
}

// copyObject has S3 copy an object of size bytes.
func (s *Store) copyObject(ctx context.Context, from, to string, size int64) error {
	source := url.PathEscape(s.at.Bucket + "/" + from)
	if size <= s.copyBytes {
		_, err := s.client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &s.at.Bucket, Key: &to, CopySource: &source})
		if err != nil {
			return lost(explain(fmt.Errorf("copy %s to its place: %w", from, err)))
		}
		return nil
	}
	m, err := s.begin(ctx, to, "") // the checksum of the whole says nothing of a part, which some servers overlook
	if err != nil {
		return err
	}
	if err = m.copyParts(ctx, source, size); err == nil {
		err = m.complete(ctx, size)
	}
	if err != nil {
		m.giveUp()
	}
	m.done()
	return err
}

// giveUp removes the parts, and leaves the object of that name.
func (m *multipart) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	if err := m.s.abort(ctx, m.key, m.id); err != nil {
		m.s.log.Warn("a copy stays until it is swept", "object", m.key, "err", err)
	}
}

// copyParts has S3 copy all parts of an object.
func (m *multipart) copyParts(ctx context.Context, source string, size int64) error {
	each := max(m.s.copyBytes, size/maxParts+1)
	m.parts = make([]types.CompletedPart, (size+each-1)/each)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiesAtOnce)
	for i := range m.parts {
		g.Go(func() error {
			from := int64(i) * each
			out, err := m.s.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
				Bucket: &m.s.at.Bucket, Key: &m.key, UploadId: &m.id, PartNumber: aws.Int32(int32(i) + 1), CopySource: &source,
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", from, min(from+each, size)-1)),
			})
			if err != nil {
				return lost(explain(fmt.Errorf("copy part %d: %w", i+1, err)))
			}
			m.parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(i) + 1), ETag: out.CopyPartResult.ETag}
			return nil
		})
	}
	return g.Wait()
}
