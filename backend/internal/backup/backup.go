// Package backup writes all that a backend keeps into one stream, while the
// backend works on, and makes a backend's data from such a stream.
//
// # Format
//
// A backup is a tar archive with these entries, in this order:
//
//	memcache-backup.json  the format's number, when it was made, the settings
//	blobs/ID              the bytes of a blob, which is named by their SHA-256
//	objects/NNNNNN.jsonl  rows of objects, one JSON object a line
//	samples/NNNNNN.jsonl  rows of the statistics, likewise
//	notes/NNNNNN.jsonl    marks, curves and promises of the cache, and the state of
//	                      its autopilot, likewise; since format 2
//	manifest.json         how many there are of each, the SHA-256 of what the
//	                      first, the objects, the samples and the notes hold, and
//	                      which blobs were missing or damaged already
//
// The rows are those of one moment, and no blob is swept while a backup is made,
// so every row has its blob. The blobs come first, so that whoever reads the
// stream has them when it comes to the rows. Both ways memory is constant.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// format is the number of the format above. Those before can be restored, too.
const format = 2

// The names of the entries.
const (
	headName     = "memcache-backup.json"
	blobsDir     = "blobs/"
	objectsDir   = "objects/"
	samplesDir   = "samples/"
	notesDir     = "notes/"
	manifestName = "manifest.json"
)

const (
	// maxRows bounds an entry of rows, in bytes: a page of the longest rows has less.
	maxRows = 16 << 20
	// maxLeftOut bounds how many blobs a backup may be without.
	maxLeftOut = 10_000
)

// Summary is what a backup holds.
type Summary struct {
	Objects int64    `json:"objects"`
	Samples int64    `json:"samples"`
	Notes   int64    `json:"notes"`
	Blobs   int64    `json:"blobs"`
	Bytes   int64    `json:"bytes"`              // of the blobs
	LeftOut []string `json:"left_out,omitempty"` // blobs that were missing or damaged; so are the objects that name them
}

// head is the first entry.
type head struct {
	Format   int    `json:"format"`
	Created  int64  `json:"created"`  // Unix milliseconds
	Capacity int64  `json:"capacity"` // bytes
	Policy   string `json:"policy"`
}

// manifest is the last entry.
type manifest struct {
	Summary
	SHA256 string `json:"sha256"`
}

// object is a row as a line has it; times are Unix milliseconds.
type object struct {
	Key      string `json:"key"`
	Blob     string `json:"blob"`
	Size     int64  `json:"size"`
	Type     string `json:"type"`
	Created  int64  `json:"created"`
	Modified int64  `json:"modified"`
	Version  int64  `json:"version"`
	Checksum string `json:"checksum,omitempty"`
}

func toLine(o storage.Object) object {
	return object{o.Key, o.Blob, o.Size, o.Type, o.Created.UnixMilli(), o.Modified.UnixMilli(), o.Version, o.Checksum}
}

func (o object) row() storage.Object {
	return storage.Object{
		Key: o.Key, Blob: o.Blob, Size: o.Size, Type: o.Type, Version: o.Version, Checksum: o.Checksum,
		Created: time.UnixMilli(o.Created).UTC(), Modified: time.UnixMilli(o.Modified).UTC(),
	}
}

// checksum is of the entries that do not name their own.
type checksum struct{ hash.Hash }

func newChecksum() checksum { return checksum{sha256.New()} }

func (c checksum) String() string { return hex.EncodeToString(c.Sum(nil)) }

// untilDone reads from r for as long as ctx lasts.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

func damaged(why string, args ...any) error {
	return api.Errorf(api.Invalid, "the backup is damaged or not whole, and nothing of it was restored: %w", fmt.Errorf(why, args...))
}
