// Package s3store keeps blobs on S3, or on anything that speaks its protocol. It is
// the [storage.Blobs] of backends on more than one machine.
//
// Below the prefix of a [Location], a bucket looks so:
//
//	blobs/ab/cd…  a blob, named by the SHA-256 of its bytes in hexadecimal
//	tmp/…         large blobs that are being written
//	quarantine/…  blobs that were found damaged
//	locks/…       parts of the blobs that are being swept
//	holds/…       backups that are being made, from which no blob may be swept
//
// # Writing
//
// The name of a blob is known only when its last byte has gone by. What fits one
// part is in memory by then, and is put to its place. What does not is uploaded in
// parts to a name in tmp, and S3 copies it to its place from there: the bytes
// neither pass this process again nor lie on its disk. The alternative, a small
// object in the blob's place that tells where its bytes are, would save that copy,
// but take two requests a read, and leave bytes behind that nothing finds. So what
// has a blob's name is whole or not there. Memory is two parts an upload, of 5 MiB
// up to an object of 6 GiB, and of a thousandth of the object after that.
//
// # Sweeping, with several backends
//
// S3 has no locks that a writer and a sweep could share, and a blob that nothing
// names may be written anew while a sweep removes it. So:
//
//   - Writing always puts the blob anew, which makes it young, and a sweep spares
//     what is younger than an hour: the writer's backend commits the row within.
//   - A sweep says that it is about to remove by an object in locks, which only one
//     can make (If-None-Match), and looks at age and use of the blobs once more
//     after that. A writer who has put a blob waits until there is no such object,
//     looks whether the blob is there, and puts it again if not.
//
// So either the sweep's second look sees the young blob, or the writer's look comes
// after the removal. Who dies with a lock loses it after a minute; before half of
// that, its removing ends.
package s3store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"memcache/backend/internal/storage"
)

// The folders below the prefix.
const (
	blobsDir      = "blobs/"
	tmpDir        = "tmp/"
	quarantineDir = "quarantine/"
	locksDir      = "locks/"
	holdsDir      = "holds/"
)

// Config is how a location is used. The zero value of all but Location will do.
type Config struct {
	Location  Location
	Log       *slog.Logger
	MaxBytes  int64  // bytes that all blobs may have together; 0: no limit
	ScrubRate int    // bytes a second that Scrub reads; 0: 16 MiB
	OnDamage  func() // told of each blob that is moved to quarantine; may be nil
}

const (
	defaultScrubRate = 16 << 20
	// defaultYoung is the age below which no blob is swept: another backend may be
	// about to name it.
	defaultYoung = time.Hour
	// defaultAbandoned is the age from which what is being written counts as given up,
	// unless a part of it came since.
	defaultAbandoned = 24 * time.Hour
	// probeEvery is how long a store that could be written is believed to be so.
	probeEvery = time.Minute
)

// Store is an open location. It is safe for concurrent use, also by several
// processes.
type Store struct {
	at        Location
	client    *s3.Client
	idle      func() // closes what connections wait
	log       *slog.Logger
	scrubRate int
	onDamage  func()
	room      room
	young     time.Duration
	abandoned time.Duration
	partBytes int64 // of the first parts
	copyBytes int64 // that S3 copies at a time

	mu      sync.Mutex
	pending map[string]int  // blobs about to be named, by how many writers
	writing map[string]bool // the names in tmp in use
	probed  time.Time       // when it could be written last
}

// Open opens a location, and fails when it cannot be read or written. ctx bounds
// the opening alone.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, err := newStore(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", cfg.Location, err)
	}
	if _, err = s.listPage(ctx, s.at.Prefix, "", 1); err == nil {
		err = s.tryWrite(ctx)
	}
	if err == nil {
		err = s.count(ctx)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open the store %s: %w", cfg.Location, withCause(err))
	}
	return s, nil
}

func newStore(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnDamage == nil {
		cfg.OnDamage = func() {}
	}
	if cfg.ScrubRate <= 0 {
		cfg.ScrubRate = defaultScrubRate
	}
	client, idle, err := newClient(ctx, cfg.Location)
	if err != nil {
		return nil, err
	}
	return &Store{
		at: cfg.Location, client: client, idle: idle, log: cfg.Log, scrubRate: cfg.ScrubRate, onDamage: cfg.OnDamage, room: room{max: cfg.MaxBytes},
		young: defaultYoung, abandoned: defaultAbandoned, partBytes: minPartBytes, copyBytes: maxCopyBytes,
		pending: map[string]int{}, writing: map[string]bool{},
	}, nil
}

// Close ends the connections that wait for a next request.
func (s *Store) Close() { s.idle() }

// Check tells whether blobs can be read: the bucket answers.
func (s *Store) Check(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.at.Bucket})
	if err == nil {
		return nil
	}
	// What answers HEAD cannot say why not.
	_, err = s.listPage(ctx, s.at.Prefix, "", 1)
	return err
}

// CheckRoom tells whether blobs can be written, which it believes for a minute.
// api.Full when there is no room.
func (s *Store) CheckRoom(ctx context.Context) error {
	if s.room.isFull() {
		return s.room.take(1)
	}
	s.mu.Lock()
	known := time.Since(s.probed) < probeEvery
	s.mu.Unlock()
	if known {
		return nil
	}
	return s.tryWrite(ctx)
}

// tryWrite writes a byte to a temporary name, which it removes.
func (s *Store) tryWrite(ctx context.Context) error {
	key := s.tmpKey()
	defer s.setWriting(key, true)()
	err := s.putObject(ctx, key, []byte{0})
	if err == nil {
		err = s.remove(ctx, key)
	}
	if err == nil {
		s.mu.Lock()
		s.probed = time.Now()
		s.mu.Unlock()
	}
	return err
}

// HasBlobs tells whether any blob is kept.
func (s *Store) HasBlobs(ctx context.Context) (bool, error) {
	p, err := s.listPage(ctx, s.key(blobsDir), "", 1)
	return len(p.entries) > 0, err
}

// key is the name in the bucket of what is called name below the prefix.
func (s *Store) key(name string) string { return s.at.Prefix + name }

func (s *Store) blobKey(id string) string { return s.key(blobsDir + id[:2] + "/" + id[2:]) }

func (s *Store) tmpKey() string { return s.key(tmpDir + rand.Text()) }

// idOf is the blob that has this name in the bucket; "" when it is no blob's.
func (s *Store) idOf(key string) string {
	name, ok := strings.CutPrefix(key, s.key(blobsDir))
	if !ok || len(name) < 3 || name[2] != '/' {
		return ""
	}
	if id := name[:2] + name[3:]; storage.ValidID(id) {
		return id
	}
	return ""
}

// setWriting keeps sweeps of this process from key until done.
func (s *Store) setWriting(key string, on bool) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !on {
		delete(s.writing, key)
		return nil
	}
	s.writing[key] = true
	return func() { s.setWriting(key, false) }
}

func (s *Store) isWriting(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing[key]
}

// putObject puts a small object.
func (s *Store) putObject(ctx context.Context, key string, content []byte) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.at.Bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return explain(fmt.Errorf("put the object %s: %w", key, err))
	}
	return nil
}

// remove removes an object; it is no error when there is none.
func (s *Store) remove(ctx context.Context, key string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.at.Bucket, Key: &key})
	if err != nil && !errors.Is(explain(err), fs.ErrNotExist) {
		return explain(fmt.Errorf("remove the object %s: %w", key, err))
	}
	return nil
}

// found is what S3 knows of an object.
type found struct {
	size     int64
	etag     string
	modified time.Time
	age      time.Duration // by S3's own clock
}

// head asks for an object; [fs.ErrNotExist] when there is none.
func (s *Store) head(ctx context.Context, key string) (found, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.at.Bucket, Key: &key})
	if err != nil {
		return found{}, explain(fmt.Errorf("ask for the object %s: %w", key, err))
	}
	modified := aws.ToTime(out.LastModified)
	return found{
		size: aws.ToInt64(out.ContentLength), etag: aws.ToString(out.ETag), modified: modified,
		age: serverTime(out.ResultMetadata).Sub(modified),
	}, nil
}
