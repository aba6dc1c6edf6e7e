package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/filestore"
	"memcache/backend/internal/pool"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
	"memcache/shared/api"
)

// patient is a time that a busy machine does not exceed.
const patient = 20 * time.Second

// fixture is a Store on a real folder, with an index and a cache in memory that
// can be made to fail.
type fixture struct {
	*storage.Store
	dir   string
	blobs *blobs
	index *index
	cache *cache
}

func start(t *testing.T, change func(*storage.Config)) *fixture {
	t.Helper()
	dir := t.TempDir()
	files, err := filestore.Open(dir, filestore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, files) })
	f := &fixture{dir: dir, blobs: &blobs{Blobs: files}, index: &index{}, cache: &cache{}}
	f.Store = f.open(t, change)
	return f
}

// open puts another Store, as of another process, on the same parts.
func (f *fixture) open(t *testing.T, change func(*storage.Config)) *storage.Store {
	t.Helper()
	cfg := storage.Config{Blobs: f.blobs, Index: f.index, Cache: f.cache, Wait: patient}
	if change != nil {
		change(&cfg)
	}
	s, err := storage.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.index.fail.Store(nil)
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// oneNode is a real cache of one node, which each backend may reach by another way.
type oneNode struct {
	*cachelink.Client
	address string
}

func (c oneNode) Node(string) storage.CacheNode { return c.Client.Node(c.address) }

func (c oneNode) Use([]string) {}

// watch tells s when the node was restarted.
func (c oneNode) watch(s *storage.Store) {
	c.OnRestart(func(string) { s.CacheRestarted(nodeName) })
}

// nodeName is what package storage calls the node where it is told of none.
const nodeName = "cache"

// raise raises the generation as another backend does.
func (f *fixture) raise(t *testing.T) {
	t.Helper()
	every := func(pool.Node) bool { return true }
	for _, change := range []func(*pool.State) *pool.State{
		func(s *pool.State) *pool.State { return s.Shut(every) },
		func(s *pool.State) *pool.State { return s.Open(every) },
	} {
		s, err := f.index.Pool(t.Context())
		if err == nil {
			_, err = f.index.ChangePool(t.Context(), s.Generation, change(s))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func closed(t testing.TB, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// blobs counts what is opened, and can make openers wait.
type blobs struct {
	storage.Blobs
	opened atomic.Int64
	gate   atomic.Pointer[chan struct{}] // openers wait until it is closed
	seen   chan struct{}                 // gets an element an opener, if it has room
}

func (b *blobs) Open(ctx context.Context, id string) (io.ReadSeekCloser, error) {
	b.opened.Add(1)
	gate := b.gate.Load()
	select {
	case b.seen <- struct{}{}: // never, if it is nil
	default: // nobody waits for so many
	}
	if gate != nil {
		<-*gate
	}
	return b.Blobs.Open(ctx, id)
}

// block makes openers wait until release is called.
func (b *blobs) block() (release func()) {
	gate := make(chan struct{})
	b.gate.Store(&gate)
	return sync.OnceFunc(func() {
		b.gate.Store(nil)
		close(gate)
	})
}

// index can be made to fail.
type index struct {
	storagetest.MemIndex
	fail     atomic.Pointer[error] // of everything
	failPut  atomic.Pointer[error] // after the row is stored: the answer is lost
	onGet    func()
	onPut    func()
	raised   atomic.Int64 // the changes of the nodes since they were set
	getCalls atomic.Int64
}

func (x *index) down() error {
	if err := x.fail.Load(); err != nil {
		return *err
	}
	return nil
}

func (x *index) Get(ctx context.Context, key string) (storage.Object, error) {
	x.getCalls.Add(1)
	if err := x.down(); err != nil {
		return storage.Object{}, err
	}
	o, err := x.MemIndex.Get(ctx, key)
	if x.onGet != nil {
		x.onGet()
	}
	return o, err
}

func (x *index) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	return x.putIn(ctx, &x.MemIndex, o)
}

func (x *index) putIn(ctx context.Context, rows storage.Index, o storage.Object) (storage.Object, error) {
	if err := x.down(); err != nil {
		return o, err
	}
	o, err := rows.Put(ctx, o)
	if err == nil && x.onPut != nil {
		x.onPut()
	}
	if lost := x.failPut.Load(); lost != nil {
		return o, *lost
	}
	return o, err
}

func (x *index) Fenced(generation int64) storage.Index {
	return fencedIndex{x.MemIndex.Fenced(generation), x}
}

// fencedIndex is an index under a fence, which can be made to fail as well.
type fencedIndex struct {
	storage.Index
	x *index
}

func (f fencedIndex) Put(ctx context.Context, o storage.Object) (storage.Object, error) {
	return f.x.putIn(ctx, f.Index, o)
}

func (x *index) Pool(ctx context.Context) (*pool.State, error) {
	if err := x.down(); err != nil {
		return nil, err
	}
	return x.MemIndex.Pool(ctx)
}

func (x *index) ChangePool(ctx context.Context, from int64, to *pool.State) (*pool.State, error) {
	if err := x.down(); err != nil {
		return nil, err
	}
	if was, err := x.MemIndex.Pool(ctx); err == nil && len(was.Nodes) > 0 {
		x.raised.Add(1)
	}
	return x.MemIndex.ChangePool(ctx, from, to)
}

// cache can be made unreachable: then it keeps what it has.
type cache struct {
	storagetest.MemCache
	same    *cache       // another one's content instead of its own
	onHold  func()       // called after a Hold
	cut     atomic.Bool  // nothing gets through
	noHold  atomic.Bool  // holds do not get through
	noDel   atomic.Bool  // deletions do not get through
	noFill  atomic.Bool  // fills do not get through
	gets    atomic.Int64 // Gets that were asked
	fills   atomic.Int64 // Fills that were asked
	keys    sync.Map     // every key that was asked for
	maxItem int64        // 0: that of MemCache
	seen    func([]byte) // is given what fills hold that do not get through
}

var errUnreachable = errors.New("the cache is unreachable")

func (c *cache) note(key string, not ...*atomic.Bool) error {
	c.keys.Store(key, true)
	for _, off := range append(not, &c.cut) {
		if off.Load() {
			return errUnreachable
		}
	}
	return nil
}

// Node is the cache itself.
func (c *cache) Node(string) storage.CacheNode { return c }

func (c *cache) content() *storagetest.MemCache {
	if c.same != nil {
		return &c.same.MemCache
	}
	return &c.MemCache
}

func (c *cache) Get(ctx context.Context, key string) (storage.Lookup, error) {
	c.gets.Add(1)
	if err := c.note(key); err != nil {
		return storage.Lookup{}, err
	}
	return c.content().Get(ctx, key)
}

func (c *cache) Fill(ctx context.Context, key string, lease uint64, head, body []byte) error {
	c.fills.Add(1)
	if err := c.note(key, &c.noFill); err != nil {
		if c.seen != nil {
			c.seen(body)
		}
		return err
	}
	return c.content().Fill(ctx, key, lease, head, body)
}

func (c *cache) Release(ctx context.Context, key string, lease uint64) error {
	if err := c.note(key); err != nil {
		return err
	}
	return c.content().Release(ctx, key, lease)
}

func (c *cache) Hold(ctx context.Context, key string) error {
	if err := c.note(key, &c.noHold); err != nil {
		return err
	}
	err := c.content().Hold(ctx, key)
	if c.onHold != nil {
		c.onHold()
	}
	return err
}

func (c *cache) Delete(ctx context.Context, key string) error {
	if err := c.note(key, &c.noDel); err != nil {
		return err
	}
	return c.content().Delete(ctx, key)
}

func (c *cache) Drop(ctx context.Context, key string) error {
	if err := c.note(key, &c.noDel); err != nil {
		return err
	}
	return c.content().Drop(ctx, key)
}

func (c *cache) Clear(ctx context.Context) error {
	if c.cut.Load() {
		return errUnreachable
	}
	return c.content().Clear(ctx)
}

func (c *cache) MaxItem() int64 {
	if c.maxItem != 0 {
		return c.maxItem
	}
	return c.MemCache.MaxItem()
}

func put(t *testing.T, s *storage.Store, key, content string) api.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, strings.NewReader(content), storage.Cond{})
	if err != nil {
		t.Fatalf("Put(%.60q): %v", key, err)
	}
	return o
}

// read opens key and reads it whole.
func read(t *testing.T, s *storage.Store, key string) (string, *storage.Content) {
	t.Helper()
	c, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("Open(%.60q): %v", key, err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read %.60q: %v", key, err)
	}
	if c.Bytes() != nil && !bytes.Equal(c.Bytes(), b) {
		t.Fatalf("%.60q: Bytes and Read differ", key)
	}
	closed(t, c)
	return string(b), c
}

// readAside reads key in a goroutine and hands out what it got.
func readAside(t *testing.T, s *storage.Store, key string) <-chan string {
	got := make(chan string, 1)
	go func() {
		defer close(got)
		c, err := s.Open(t.Context(), key)
		if err != nil {
			t.Errorf("Open(%.60q): %v", key, err)
			return
		}
		defer c.Close()
		b, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("read %.60q: %v", key, err)
		}
		got <- string(b)
	}()
	return got
}

// fillSlowly reads key aside, through one of f's stores, and returns once that
// reader holds the lease and waits at its blob. It alone waits until release is
// called.
func (f *fixture) fillSlowly(t *testing.T, s *storage.Store, key string) (got <-chan string, release func()) {
	t.Helper()
	release = f.blobs.block()
	t.Cleanup(release)
	f.blobs.seen = make(chan struct{}, 10)
	got = readAside(t, s, key)
	<-f.blobs.seen
	f.blobs.gate.Store(nil)
	return got, release
}

// wantRead checks what key holds and where it comes from.
func wantRead(t *testing.T, s *storage.Store, key, content string, source storage.Source) *storage.Content {
	t.Helper()
	got, c := read(t, s, key)
	if got != content || c.Source != source {
		t.Fatalf("Open(%.60q) = %.60q from %v (%s), want %.60q from %v", key, got, c.Source, c.Detail, content, source)
	}
	return c
}

// wantCached checks that key comes from the cache, its fill being done or not yet.
func wantCached(t *testing.T, s *storage.Store, key, content string) *storage.Content {
	t.Helper()
	got, c := read(t, s, key)
	if got != content || c.Source != storage.Hit && c.Source != storage.Collapsed {
		t.Fatalf("Open(%.60q) = %.60q from %v (%s), want %.60q from the cache", key, got, c.Source, c.Detail, content)
	}
	return c
}

// warm reads key until its fill has ended.
func warm(t *testing.T, s *storage.Store, key string) {
	t.Helper()
	for range 100 {
		if _, c := read(t, s, key); c.Source == storage.Hit {
			return
		}
	}
	t.Fatalf("%q is never a hit", key)
}

func wantCode(t *testing.T, err error, code api.Code) {
	t.Helper()
	if err == nil || api.AsError(err).Code != code {
		t.Fatalf("got %v, want the code %q", err, code)
	}
}

// files counts the files in the folders of blobs and temporaries.
func (f *fixture) files(t *testing.T) int {
	t.Helper()
	return files(t, f.dir)
}

// damage flips a bit of the only blob.
func (f *fixture) damage(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(f.dir, "blobs", "*", "*"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("blobs: %q, %v", paths, err)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(paths[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
}
