package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"memcache/shared/api"
)

// Config is what [New] needs. Blobs and Index are required; the zero value of
// everything else stands for its default.
type Config struct {
	Blobs Blobs
	Index Index
	Cache Cache // nil: NoCache
	// Nodes are the addresses of the cache nodes, for a database that knows none yet,
	// or had others from here before; nil: one.
	Nodes []string
	Log   *slog.Logger

	MaxObject int64 // bytes of the largest object; 0: 1 GiB
	// ReadMemory is how many bytes of objects may be in memory for readers, hits and
	// misses together; 0: 128 MiB. Misses may take twice as much, by rounding up. What
	// does not fit is read past the cache.
	ReadMemory int64
	Wait       time.Duration // how long a reader waits for another's fill; 0: 500 ms
	Grace      time.Duration // age from which Sweep takes a blob that no row names; 0: 1 hour

	Undo time.Duration // how long Restore brings back what Delete took; 0: it does not

	// Lease is how long a backend relies on what it knows of the cache generation,
	// where several use the Index; a write that cannot reach the cache may have to
	// wait as long. 0: no other backend uses the Index.
	Lease time.Duration

	// Distrust says that the process before this one did not end cleanly, so
	// that the cache may hold what a write of its last moment replaced. The cache
	// stays unused until RefreshGeneration has raised the generation.
	Distrust bool

	// OnChange is told of every acknowledged change, before the writer is. It
	// must not block.
	OnChange func(api.Changed)
}

// Store applies the rules of this package. It is safe for concurrent use.
type Store struct {
	cfg     Config
	blobs   Blobs
	index   Index
	cache   Cache
	log     *slog.Logger
	memory  *semaphore.Weighted // bytes of objects in memory
	bodies  bodies
	flights flights
	overdue overdue
	locks   keyLocks
	gen     generation

	deriving singleflight.Group

	mu     sync.Mutex // guards closed against new fills
	closed bool
	fills  sync.WaitGroup
}

// The defaults of Config, and the time that a commit and what belongs to it may
// take. It stays below the time that [Cache.Hold] lasts.
const (
	defaultMaxObject  = 1 << 30
	defaultReadMemory = 128 << 20
	defaultWait       = 500 * time.Millisecond
	defaultGrace      = time.Hour
	commitTimeout     = 20 * time.Second
)

// New returns a Store on what cfg names. It touches neither of them yet.
func New(cfg Config) (*Store, error) {
	if cfg.Blobs == nil || cfg.Index == nil {
		return nil, errors.New("storage: Config.Blobs and Config.Index are required")
	}
	if cfg.MaxObject < 0 || cfg.ReadMemory < 0 || cfg.Wait < 0 || cfg.Grace < 0 || cfg.Undo < 0 || cfg.Lease < 0 {
		return nil, fmt.Errorf("storage: a limit is negative: MaxObject %d, ReadMemory %d, Wait %v, Grace %v, Undo %v, Lease %v",
			cfg.MaxObject, cfg.ReadMemory, cfg.Wait, cfg.Grace, cfg.Undo, cfg.Lease)
	}
	if cfg.Cache == nil {
		cfg.Cache = NoCache{}
	}
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = []string{"cache"}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(api.Changed) {}
	}
	cfg.MaxObject = orDefault(cfg.MaxObject, defaultMaxObject)
	cfg.ReadMemory = orDefault(cfg.ReadMemory, defaultReadMemory)
	cfg.Wait = orDefault(cfg.Wait, defaultWait)
	cfg.Grace = orDefault(cfg.Grace, defaultGrace)
	s := &Store{
		cfg: cfg, blobs: cfg.Blobs, index: cfg.Index, cache: cfg.Cache, log: cfg.Log,
		memory: semaphore.NewWeighted(cfg.ReadMemory),
		locks:  newKeyLocks(),
	}
	s.gen.lease = cfg.Lease
	if cfg.Distrust {
		s.gen.doubts.take(everyNode)
	}
	return s, nil
}

func orDefault[T int64 | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Close waits for the fills under way. It fails when the cache may hold
// outdated objects that the database could not be told of; the next process
// must then start with Config.Distrust. Requests must have ended before.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.fills.Wait()
	if !s.gen.doubts.any.Load() {
		return nil
	}
	if err := s.RefreshGeneration(ctx); err != nil {
		return fmt.Errorf("close the storage: what is cached may be outdated: %w", err)
	}
	return nil
}

// background runs fill in a goroutine that Close waits for; it reports false
// when the Store is closed.
func (s *Store) background(fill func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.fills.Go(fill)
	return true
}

// hashed stands for a key in the cache: no text of the user reaches the protocol.
type hashed [sha256.Size]byte

func hashOf(key string) hashed { return sha256.Sum256([]byte(key)) }

// place is the key as package pool knows it.
func (h hashed) place() uint64 { return binary.LittleEndian.Uint64(h[:]) }

// cacheKey is what a key is called in a node: no key of an older epoch is read again.
func cacheKey(epoch int64, key hashed) string {
	b := make([]byte, 0, 64)
	b = strconv.AppendInt(append(b, 'g'), epoch, 10)
	b = base64.RawURLEncoding.AppendEncode(append(b, ':'), key[:])
	return string(b)
}

// spot is where a key is in the cache.
type spot struct {
	node    CacheNode
	address string
	name    string // what it is called there
}

// etagOf returns the strong ETag of a blob.
func etagOf(blob string) string {
	return `"` + blob[:min(len(blob), 32)] + `"`
}

// export returns what the world is told of a row.
func export(o Object) api.Object {
	return api.Object{
		Key: o.Key, Size: o.Size, Type: o.Type, ETag: etagOf(o.Blob),
		Created: o.Created.UnixMilli(), Modified: o.Modified.UnixMilli(), Version: o.Version,
	}
}

// indexError makes an error of the Index one for people.
func indexError(err error, key string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return api.Errorf(api.NotFound, "there is no object with the key %q: check the key, or list what is stored", key)
	}
	if _, ok := errors.AsType[*api.Error](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return api.Errorf(api.Unavailable, "the database does not answer as it should: try again in a moment").Because(err)
}

// keyLocks lets one writer at a time at a key; a few keys share a lock.
type keyLocks struct {
	seed  maphash.Seed
	slots []chan struct{}
}

func newKeyLocks() keyLocks {
	l := keyLocks{seed: maphash.MakeSeed(), slots: make([]chan struct{}, 256)}
	for i := range l.slots {
		l.slots[i] = make(chan struct{}, 1)
	}
	return l
}

// lock waits for the locks of the keys, unless ctx ends first.
func (l keyLocks) lock(ctx context.Context, keys []string) (unlock func(), err error) {
	var wanted []int // in order, so that no two writers wait for each other
	for _, key := range keys {
		wanted = append(wanted, int(maphash.String(l.seed, key)%uint64(len(l.slots))))
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	for n, i := range wanted {
		select {
		case l.slots[i] <- struct{}{}:
		case <-ctx.Done():
			l.unlock(wanted[:n])
			return nil, ctx.Err()
		}
	}
	return func() { l.unlock(wanted) }, nil
}

// busy tells whether a writer is at key, or at one that shares its lock.
func (l keyLocks) busy(key string) bool {
	return len(l.slots[maphash.String(l.seed, key)%uint64(len(l.slots))]) > 0
}

func (l keyLocks) unlock(slots []int) {
	for _, i := range slots {
		<-l.slots[i]
	}
}
