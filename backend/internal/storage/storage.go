// Package storage holds the rules by which objects are kept, read and
// forgotten. It knows no file system, no SQL and no protocol: it declares what
// it needs of them as [Blobs], [Index] and [Cache], and package storagetest
// holds the conformance suite that every implementation passes.
//
// Writing: the bytes become a durable blob, the row that names it is
// committed, the cached copy is deleted, and only then the caller hears of
// success. A write that cannot reach a cache node shuts it for every backend, by the
// state of the nodes in the database, so that nothing it had before is read again.
//
// Reading: a hit comes from the cache. On a miss, the one reader that holds the
// lease reads the blob and fills the cache; a fill that lost a race with a write
// is refused by the cache. Other readers of that key wait for the fill. A cache
// that is down, slow or full never fails a read. What readers hold in memory is
// bounded; beyond that they get the blob.
package storage

import (
	"context"
	"errors"
	"io"
	"time"

	"memcache/backend/internal/pool"
	"memcache/shared/api"
)

// Object is the row of an object: its metadata and the blob that holds its bytes.
type Object struct {
	Key      string
	Blob     string // the blob's content address
	Size     int64  // bytes
	Type     string // media type, sniffed from the bytes
	Created  time.Time
	Modified time.Time
	Version  int64
	Checksum string // of the blob; "" when it is not known yet
}

// Blobs keeps immutable byte strings under their content address.
type Blobs interface {
	// Write stores the bytes of r; they are durable when it returns. It fails
	// with r's error if reading fails, and then leaves nothing behind.
	// The blob is safe from Sweep until it is released.
	Write(ctx context.Context, r io.Reader) (Blob, error)
	// Open opens a blob for reading; [fs.ErrNotExist] when there is none.
	Open(ctx context.Context, id string) (io.ReadSeekCloser, error)
	// Quarantine takes a blob that was found damaged out of the way, so that it is
	// not read again; one that is whole by now stays. [fs.ErrNotExist] when there
	// is none.
	Quarantine(ctx context.Context, id string) error
	// Sweep removes the blobs older than age that inUse does not report, and
	// abandoned temporary files; it returns how many blobs it removed.
	// inUse gets at most 500 ids a call.
	Sweep(ctx context.Context, age time.Duration, inUse func(context.Context, []string) (map[string]bool, error)) (int, error)
}

// Blob is a blob just written.
type Blob struct {
	ID       string // lower-case hexadecimal SHA-256 of the bytes
	Checksum string // lower-case hexadecimal XXH64 of the bytes
	Size     int64
	Release  func() // lets Sweep take the blob if no row names it by now
}

// Stored is a blob that is kept.
type Stored struct {
	ID   string
	Size int64 // bytes
}

// ValidID tells whether id may be a [Blob]'s: a SHA-256 in lower-case hexadecimal.
func ValidID(id string) bool {
	if len(id) != 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ResumableBlobs are Blobs that another process can go on writing.
type ResumableBlobs interface {
	Blobs
	// WriteFrom does as Write, and tells note now and then from where a later call
	// can go on, with which state. What it has told stays when it fails, until Forget
	// or, after a day without progress, a Sweep. With a state, r has the bytes from
	// there on; [ErrNoState] when nothing of that is left. An error of note ends it.
	WriteFrom(ctx context.Context, r io.Reader, state []byte, note func(Checkpoint) error) (Blob, error)
	// Forget removes what was kept of a blob for its state.
	Forget(ctx context.Context, state []byte) error
}

// Checkpoint is from where the writing of a blob can go on.
type Checkpoint struct {
	Offset int64 // in bytes
	State  []byte
}

// ErrNoState says that what was written of a blob is gone.
var ErrNoState = errors.New("storage: what was written of the blob is not there any more")

// Index keeps the rows of objects.
type Index interface {
	// Get returns the row of key; [fs.ErrNotExist] when there is none.
	Get(ctx context.Context, key string) (Object, error)
	// Put inserts or replaces the row of o.Key. It sets Version and, on an
	// insert, Created (to o.Modified); both are returned.
	Put(ctx context.Context, o Object) (Object, error)
	// Copy gives the row of to what that of from has, with the time modified; its
	// Version and Created are those of a Put. With remove, the row of from is gone
	// afterwards, at the same moment. [fs.ErrNotExist] when from has none.
	Copy(ctx context.Context, from, to string, modified time.Time, remove bool) (Object, error)
	// Delete removes the row of key; [fs.ErrNotExist] when there is none.
	Delete(ctx context.Context, key string) error
	// Discard does as Delete, and keeps the row for a while, with the time deleted.
	Discard(ctx context.Context, key string, deleted time.Time) error
	// Restore gives key the row back that was discarded at the time since or later,
	// as it was. [fs.ErrNotExist] when there is none, [fs.ErrExist] when key has a
	// row by now.
	Restore(ctx context.Context, key string, since time.Time) (Object, error)
	// DeleteAll removes every row and returns how many there were; none of them, nor
	// of those discarded before, can be restored.
	DeleteAll(ctx context.Context) (int64, error)
	// SetChecksum notes the checksum of a blob in every row that names it.
	SetChecksum(ctx context.Context, blob, checksum string) error
	// List returns a page of rows. q is valid and has its defaults filled in.
	List(ctx context.Context, q api.ListQuery) (Page, error)
	// BlobsInUse tells which of the blobs are named by a row, also by one that was
	// discarded and is still kept.
	BlobsInUse(ctx context.Context, ids []string) (map[string]bool, error)
	// Pool returns the state of the cache nodes with its generation; without nodes as
	// long as none were set.
	Pool(ctx context.Context) (*pool.State, error)
	// ChangePool makes the state to, if the generation is from, and returns what there
	// is then.
	ChangePool(ctx context.Context, from int64, to *pool.State) (*pool.State, error)
	// Fenced returns the Index whose changes of rows happen only if the cache
	// generation is this one at that moment; [ErrFenced] if not.
	Fenced(generation int64) Index
}

// ErrInDoubt says that a change may yet happen. The generation cannot be raised
// before that is decided.
var ErrInDoubt = errors.New("storage: whether the change is made is not known")

// ErrFenced says that the cache generation was raised, so that nothing was changed.
var ErrFenced = errors.New("storage: the cache generation is another one by now")

// Page is a page of rows; what is beside them is that of [api.List].
type Page struct {
	Objects []Object
	Next    string
	Prev    string
	Total   int64
	Exact   bool
}

// Cache is the cache nodes.
type Cache interface {
	// Node returns the node with an address; one that is not among those of Use
	// fails to answer.
	Node(address string) CacheNode
	// Use says which nodes there are.
	Use(addresses []string)
	// Clear does as Delete for every key.
	Clear(ctx context.Context) error
	// MaxItem is the size of the largest value worth filling, in bytes.
	MaxItem() int64
}

// CacheNode keeps copies of objects in the memory of another process. Every method
// has a small time budget of its own; any error means that the node could not be
// asked.
type CacheNode interface {
	// Get looks key up. On a miss the caller may have won the lease.
	Get(ctx context.Context, key string) (Lookup, error)
	// Fill stores head followed by body under the lease that Get gave.
	// [ErrLeaseLost] when the entry was deleted or filled meanwhile; any other
	// error when the value is not kept. After an error, it may still be looking at
	// body.
	Fill(ctx context.Context, key string, lease uint64, head, body []byte) error
	// Release gives a lease up without filling, so that the next reader wins.
	Release(ctx context.Context, key string, lease uint64) error
	// Hold makes sure, as long as a commit may take, that key is not cached, that
	// no lease on it can fill and that none is given; Delete ends it.
	Hold(ctx context.Context, key string) error
	// Delete makes sure that key is not cached and that no lease on it can fill.
	Delete(ctx context.Context, key string) error
	// Drop does so, too, but leaves a hold.
	Drop(ctx context.Context, key string) error
	// Describe tells what is known of key's value. It is no access.
	Describe(ctx context.Context, key string) (Cached, error)
}

// Cached is what a cache knows of a value.
type Cached struct {
	Found bool          // there is one; without it the rest is zero
	Since time.Time     // when it was filled, to the second; zero when that is not known
	Idle  time.Duration // since it was last read, or filled; whole seconds
	Read  bool          // it was read since it was filled; noted a moment later
	Bytes int64         // what it takes in memory
}

// ErrLeaseLost says that a lease can no longer fill: the entry was deleted,
// held or filled meanwhile, or the cache process is another one by now.
var ErrLeaseLost = errors.New("storage: the lease was lost")

// ErrNoCache says that there is no cache to ask.
var ErrNoCache = errors.New("storage: no cache is configured")

// Lookup is what Cache.Get found.
type Lookup struct {
	Value []byte // nil on a miss; valid until Release
	Lease uint64 // on a miss: not 0 for the one reader that may fill
	Held  bool   // on a miss: a writer holds the key, so waiting for a fill is in vain

	Release func() // gives Value's memory back; nil on a miss
}
