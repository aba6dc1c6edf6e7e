package s3store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"memcache/backend/internal/storage"
)

// mark is what another process needs to go on with a blob after some of its parts.
// S3 has the parts; Tags, a hash of their ETags, tells that they still are those.
type mark struct {
	Key      string `json:"key"`
	Upload   string `json:"upload"`
	Parts    int    `json:"parts"`
	Size     int64  `json:"size"` // of these parts
	Hash     []byte `json:"hash"` // states, see sums
	Checksum []byte `json:"checksum"`
	Tags     []byte `json:"tags"`
}

// mark is the state of the sums after the part that is to be sent.
func (w *writing) mark() (m mark, err error) {
	if w.note == nil {
		return m, nil
	}
	m.Size = w.size
	m.Hash, m.Checksum, err = w.sums.state()
	return m, err
}

// with adds the parts, once that one has been sent.
func (m mark) with(up *multipart) mark {
	m.Key, m.Upload, m.Parts, m.Tags = up.key, up.id, len(up.parts), tagsOf(up.parts)
	return m
}

func tagsOf(parts []types.CompletedPart) []byte {
	all := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintln(all, aws.ToString(p.ETag)) // a hash never fails
	}
	return all.Sum(nil)
}

// WriteFrom does as Write, and tells note after each part, but the last, from where
// and with which state a later call, also of another process, can go on. What it has
// told stays in S3 when it fails, until Forget or a sweep. With such a state, r gives
// the bytes from there on; [storage.ErrNoState] when S3 has nothing of that any more.
func (s *Store) WriteFrom(ctx context.Context, r io.Reader, state []byte, note func(storage.Checkpoint) error) (storage.Blob, error) {
	w := &writing{s: s, sums: newSums(), taken: taken{room: &s.room}}
	if state != nil {
		if err := w.goOn(ctx, state); err != nil {
			return storage.Blob{}, err
		}
	}
	w.note = func(m mark) error {
		state, err := json.Marshal(m)
		if err == nil {
			err = note(storage.Checkpoint{Offset: m.Size, State: state})
		}
		w.noted = w.noted || err == nil
		return err
	}
	return w.finish(w.run(ctx, r))
}

// goOn makes w what it was at the time of state.
func (w *writing) goOn(ctx context.Context, state []byte) error {
	m, err := readMark(state)
	if err != nil {
		return err
	}
	up := &multipart{s: w.s, key: m.Key, id: m.Upload}
	if err := up.recall(ctx, m); err != nil {
		return err
	}
	if err := w.sums.goOn(m.Hash, m.Checksum); err != nil {
		return err
	}
	if err := w.taken.take(m.Size); err != nil {
		return err
	}
	up.done = w.s.setWriting(m.Key, true)
	w.up, w.size, w.noted = up, m.Size, true
	return nil
}

func readMark(state []byte) (m mark, err error) {
	if err := json.Unmarshal(state, &m); err != nil {
		return m, fmt.Errorf("read the state of an upload: %w", err)
	}
	return m, nil
}

// recall gets the parts of m from S3.
func (up *multipart) recall(ctx context.Context, m mark) error {
	there, _, err := up.s.listParts(ctx, m.Key, m.Upload)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", storage.ErrNoState, err)
	}
	if err != nil {
		return err
	}
	size := int64(0)
	for _, p := range there[:min(m.Parts, len(there))] {
		up.parts = append(up.parts, types.CompletedPart{PartNumber: p.PartNumber, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32})
		size += aws.ToInt64(p.Size)
	}
	if size != m.Size || string(tagsOf(up.parts)) != string(m.Tags) {
		return fmt.Errorf("the parts of %s are others by now: %w", m.Key, storage.ErrNoState)
	}
	return nil
}

// Forget removes what a failed WriteFrom has left of a state.
func (s *Store) Forget(ctx context.Context, state []byte) error {
	m, err := readMark(state)
	if err != nil {
		return err
	}
	return errors.Join(s.abort(ctx, m.Key, m.Upload), s.remove(ctx, m.Key))
}
