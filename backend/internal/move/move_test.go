package move

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/backend/internal/filestore"
	"memcache/backend/internal/login"
	"memcache/backend/internal/s3store"
	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a database and a store.
type place struct {
	t     *testing.T
	name  string
	index *sqlindex.DB
	blobs interface {
		Blobs
		Sweep(ctx context.Context, age time.Duration, inUse func(context.Context, []string) (map[string]bool, error)) (int, error)
	}
	file func(id string) string // where a blob is on this machine's disk
}

// kinds are the pairs of databases and stores.
var kinds = []string{"SQLite and files", "SQLite and S3", "MariaDB and files", "MariaDB and S3"}

// newPlace makes an empty place of a kind.
func newPlace(t *testing.T, kind string, s3 *s3test.Server) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{t: t, name: kind + " in " + dir}
	cfg := sqlindex.Config{Capacity: 64 * api.MB, Policy: "lru", Receives: true, Log: slog.New(slog.DiscardHandler)}
	if strings.HasPrefix(kind, "MariaDB") {
		cfg.DSN = mariadbtest.Start(t)
	} else {
		cfg.SQLitePath = filepath.Join(dir, "test.db")
	}
	index, err := sqlindex.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = index.Close() })
	p.index = index
	if strings.HasSuffix(kind, "files") {
		store, err := filestore.Open(dir, filestore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		p.blobs, p.file = store, func(id string) string { return filepath.Join(dir, "blobs", id[:2], id[2:]) }
		return p
	}
	prefix := filepath.Base(filepath.Dir(dir)) + filepath.Base(dir)
	at, err := s3store.Parse(s3.Location("", prefix))
	if err != nil {
		t.Fatal(err)
	}
	store, err := s3store.Open(t.Context(), s3store.Config{Location: at})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	p.blobs, p.file = store, func(id string) string { return filepath.Join(s3.Folder, "objects", prefix, "blobs", id[:2], id[2:]) }
	return p
}

func (p *place) put(key string, content []byte) storage.Object {
	p.t.Helper()
	blob, err := p.blobs.Write(p.t.Context(), bytes.NewReader(content))
	if err != nil {
		p.t.Fatal(err)
	}
	blob.Release()
	settings, err := p.index.Settings(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	o, err := p.index.Fenced(settings.Generation).Put(p.t.Context(), storage.Object{Key: key, Blob: blob.ID, Size: blob.Size, Type: "text/plain", Checksum: blob.Checksum, Modified: time.Now()})
	if err != nil {
		p.t.Fatal(err)
	}
	return o
}

// fill puts a few objects, of which the last is of several parts on S3.
func (p *place) fill() {
	p.t.Helper()
	random := rand.NewChaCha8([32]byte{7})
	for i := range 40 {
		content := make([]byte, i*i*50)
		_, _ = random.Read(content)
		p.put(fmt.Sprintf("k/%d é 🐼", i), content)
	}
	large := make([]byte, 11<<20)
	_, _ = random.Read(large)
	p.put("large", large)
	p.put("the same", large)
	if err := p.index.SaveLogin(p.t.Context(), login.Login{ID: [32]byte{1}, Kind: api.LoginAccount, Account: "admin"}); err != nil {
		p.t.Fatal(err)
	}
}

// contents are all rows, each with the hash of the bytes of its object.
func (p *place) contents() (all []string) {
	p.t.Helper()
	page, err := p.index.List(p.t.Context(), api.ListQuery{Sort: api.SortKey, Limit: api.MaxListLimit})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range page.Objects {
		blob, err := p.blobs.Open(p.t.Context(), o.Blob)
		if err != nil {
			p.t.Fatalf("%q: %v", o.Key, err)
		}
		content, err := io.ReadAll(blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%+v %x", o, sha256.Sum256(content)))
	}
	logins, err := p.index.Logins(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return append(all, fmt.Sprintf("%+v", logins))
}

// files are the names of the blobs.
func (p *place) files() (ids []string) {
	p.t.Helper()
	for after := ""; ; after = ids[len(ids)-1] {
		page, err := p.blobs.BlobsAfter(p.t.Context(), after)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, b := range page {
			ids = append(ids, b.ID)
		}
		if len(page) == 0 {
			return ids
		}
	}
}

func wantSame(t *testing.T, from, to *place) {
	t.Helper()
	if want, got := from.contents(), to.contents(); !slices.Equal(want, got) {
		t.Fatalf("the copy has %d rows, the source %d, or others", len(got), len(want))
	}
}

// pass is the configuration of a pass between two places.
func pass(from, to *place) Config {
	return Config{
		From: Source{Name: from.name, Index: from.index, Open: func(ctx context.Context, id string) (io.ReadCloser, int64, error) {
			blob, err := from.blobs.Open(ctx, id)
			return blob, 0, err
		}},
		To:       Target{Name: to.name, Index: to.index, Blobs: to.blobs},
		Parallel: 3,
	}
}

func finish(cfg Config) Config {
	cfg.Finish = true
	return cfg
}

func run(t *testing.T, cfg Config) Result {
	t.Helper()
	result, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	return result
}

// onAll runs test from each kind of place to the one that has neither its database nor
// its store, and between two of the simplest.
func onAll(t *testing.T, test func(t *testing.T, from, to *place)) {
	s3test.Set(t)
	s3 := s3test.Start(t)
	for i, from := range kinds {
		to := kinds[len(kinds)-1-i]
		t.Run(from+" to "+to, func(t *testing.T) { test(t, newPlace(t, from, s3), newPlace(t, to, s3)) })
	}
	t.Run("files alone", func(t *testing.T) { test(t, newPlace(t, kinds[0], s3), newPlace(t, kinds[0], s3)) })
}

// TestPasses: a first one while the source changes, and a last one, after which the
// copy is what the source was, and the source changes no more.
func TestPasses(t *testing.T) {
	onAll(t, func(t *testing.T, from, to *place) {
		from.fill()
		first := run(t, pass(from, to))
		if first.Copied != 41 || first.Present != 0 || first.Objects != 42 || first.Later != 0 {
			t.Errorf("the first pass: %+v", first)
		}
		from.put("k/3 é 🐼", []byte("another"))
		from.put("new", []byte("new"))
		if err := from.index.Delete(t.Context(), "k/4 é 🐼"); err != nil {
			t.Fatal(err)
		}
		before, err := to.index.Settings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last := run(t, finish(pass(from, to)))
		if last.Copied != 2 || last.Present != 39 || last.Objects != 42 {
			t.Errorf("the last pass: %+v", last)
		}
		wantSame(t, from, to)
		if after, err := to.index.Settings(t.Context()); err != nil || after.Generation <= before.Generation {
			t.Errorf("the generation was %d and is %d, %v", before.Generation, after.Generation, err)
		}
		if err := from.index.SaveSettings(t.Context(), 1, "lru"); api.AsError(err).Code != api.Unavailable {
			t.Errorf("the source is changed: %v", err)
		}
		to.put("later", []byte("served by now"))
		for _, cfg := range []Config{pass(from, to), finish(pass(from, to))} {
			if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrFinished) {
				t.Errorf("once more: %v", err)
			}
		}
		if _, err := to.index.Get(t.Context(), "later"); err != nil {
			t.Error(err)
		}
	})
}

// interrupted fails, or ends ctx, at some of the things that a pass does.
type interrupted struct {
	Blobs
	left   atomic.Int64
	cancel context.CancelFunc // nil: fail
}

var errPulled = errors.New("the plug was pulled")

func (i *interrupted) step() error {
	if i.left.Add(-1) != 0 {
		return nil
	}
	if i.cancel != nil {
		i.cancel()
		return nil
	}
	return errPulled
}

func (i *interrupted) Write(ctx context.Context, r io.Reader) (storage.Blob, error) {
	if err := i.step(); err != nil {
		return storage.Blob{}, err
	}
	return i.Blobs.Write(ctx, readFunc(func(p []byte) (int, error) {
		if err := i.step(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
}

func (i *interrupted) Open(ctx context.Context, id string) (io.ReadSeekCloser, error) {
	if err := i.step(); err != nil {
		return nil, err
	}
	return i.Blobs.Open(ctx, id)
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestInterrupted: passes that are ended anywhere, by a signal or a store that fails,
// and gone on with, end with the same.
func TestInterrupted(t *testing.T) {
	onAll(t, func(t *testing.T, from, to *place) {
		from.fill()
		random := rand.New(rand.NewPCG(3, uint64(len(t.Name()))))
		passes, failed := 0, 0
		for done := false; !done; passes++ {
			ctx, cancel := context.WithCancel(t.Context())
			cfg := pass(from, to)
			cfg.Finish = random.IntN(2) == 0
			store := &interrupted{Blobs: to.blobs}
			if passes < 8 {
				store.left.Store(1 + random.Int64N(60))
			} else {
				cfg.Finish = true
			}
			if random.IntN(2) == 0 {
				store.cancel = cancel
			}
			cfg.To.Blobs = store
			_, err := Run(ctx, cfg)
			cancel()
			switch {
			case err == nil:
				done = cfg.Finish
			case errors.Is(err, errPulled), errors.Is(err, context.Canceled):
				failed++
			default:
				t.Fatal(err)
			}
			if err != nil {
				from.put(fmt.Sprint("between/", passes), fmt.Append(nil, passes)) // it takes changes again
			}
		}
		t.Logf("%d passes, of which %d were interrupted", passes, failed)
		if failed == 0 {
			t.Error("none was interrupted")
		}
		wantSame(t, from, to)
	})
}

// TestDamagedAndMissingBlobs are told of, and not copied; the last pass does not end
// as long as there are any, and leaves the source as it is.
func TestDamagedAndMissingBlobs(t *testing.T) {
	onAll(t, func(t *testing.T, from, to *place) {
		from.fill()
		damaged, missing, cut := from.put("damaged", []byte("damaged")), from.put("missing", []byte("missing")), from.put("cut", bytes.Repeat([]byte("cut"), 1000))
		err := errors.Join(os.WriteFile(from.file(damaged.Blob), []byte("DAMAGED"), 0o600), os.Remove(from.file(missing.Blob)), os.Truncate(from.file(cut.Blob), 1500))
		if err != nil {
			t.Fatal(err)
		}
		for _, cfg := range []Config{pass(from, to), finish(pass(from, to))} {
			result, err := Run(t.Context(), cfg)
			var keys []string
			for _, f := range result.Failed {
				keys = append(keys, f.Keys...)
			}
			slices.Sort(keys)
			if !errors.Is(err, ErrIncomplete) || !slices.Equal(keys, []string{"cut", "damaged", "missing"}) {
				t.Fatalf("%+v, %v", result, err)
			}
			if n := len(to.files()); n != 41 || result.Objects != 42 {
				t.Errorf("%d blobs, and %+v", n, result)
			}
		}
		for _, key := range []string{"cut", "damaged", "missing"} {
			if err := from.index.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		run(t, finish(pass(from, to)))
		wantSame(t, from, to)
	})
}

// TestDamageInTheCopy, of an interrupted pass or of later, is found and healed.
func TestDamageInTheCopy(t *testing.T) {
	s3test.Set(t)
	s3 := s3test.Start(t)
	for _, kind := range kinds[:2] {
		t.Run(kind, func(t *testing.T) {
			from, to := newPlace(t, kinds[0], s3), newPlace(t, kind, s3)
			from.fill()
			cut, gone := from.put("cut", []byte("cut")), from.put("gone", []byte("gone"))
			run(t, pass(from, to))
			planted := from.put("planted", []byte("planted")) // as many bytes, that nobody has verified
			place := to.file(planted.Blob)
			err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o700), os.WriteFile(place, []byte("PLANTED"), 0o600),
				os.Truncate(to.file(cut.Blob), 2), os.Remove(to.file(gone.Blob)))
			if err != nil {
				t.Fatal(err)
			}
			if result := run(t, finish(pass(from, to))); result.Copied != 3 {
				t.Errorf("%+v", result)
			}
			wantSame(t, from, to)
		})
	}
}

// TestOccupiedPlacesAreRefused, and stay as they are.
func TestOccupiedPlacesAreRefused(t *testing.T) {
	s3test.Set(t)
	s3 := s3test.Start(t)
	from := newPlace(t, kinds[0], s3)
	from.fill()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			to := newPlace(t, kind, s3)
			to.put("k/3 é 🐼", []byte("its own"))
			before := to.contents()
			refused := func(to *place, what string) {
				t.Helper()
				if _, err := Run(t.Context(), finish(pass(from, to))); err == nil || !strings.Contains(err.Error(), "not of this copy") {
					t.Errorf("%s: %v", what, err)
				}
			}
			refused(to, "objects")
			if got := to.contents(); !slices.Equal(got, before) {
				t.Errorf("they are %q, and were %q", got, before)
			}
			if err := to.index.Delete(t.Context(), "k/3 é 🐼"); err != nil {
				t.Fatal(err)
			}
			refused(to, "blobs without rows")
			empty := newPlace(t, kind, s3)
			empty.index = to.index
			if err := to.index.SaveLogin(t.Context(), login.Login{ID: [32]byte{1}, Kind: api.LoginAccount}); err != nil {
				t.Fatal(err)
			}
			refused(empty, "an account")
			if m, err := from.index.Moving(t.Context()); err != nil || m.Frozen {
				t.Errorf("the source is %+v, %v", m, err)
			}
		})
	}
	t.Run("another copy", func(t *testing.T) {
		to, other := newPlace(t, kinds[0], s3), newPlace(t, kinds[0], s3)
		run(t, pass(from, to))
		if _, err := Run(t.Context(), pass(other, to)); err == nil || !strings.Contains(err.Error(), "a part of a copy from "+from.name) {
			t.Errorf("%v", err)
		}
		if _, err := Run(t.Context(), pass(to, other)); err == nil || !strings.Contains(err.Error(), "a part of a copy") {
			t.Errorf("from what is not whole: %v", err)
		}
	})
}

// TestBlobsAlone: the rows stay, and belong to the servers of the new store.
func TestBlobsAlone(t *testing.T) {
	s3test.Set(t)
	s3 := s3test.Start(t)
	for _, database := range []string{"SQLite", "MariaDB"} {
		t.Run(database, func(t *testing.T) {
			from, to := newPlace(t, database+" and files", s3), newPlace(t, "SQLite and S3", s3)
			to.index = from.index
			from.fill()
			cfg := pass(from, to)
			cfg.To.Store = "s3://there"
			run(t, cfg)
			from.put("new", []byte("new"))
			cfg = finish(cfg)
			if result := run(t, cfg); result.Copied != 1 || result.Present != 41 {
				t.Errorf("%+v", result)
			}
			wantSame(t, from, to)
			if m, err := from.index.Moving(t.Context()); err != nil || m != (sqlindex.Moving{OnlyStore: "s3://there"}) {
				t.Errorf("%+v, %v", m, err)
			}
			if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrFinished) {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

// TestRowsAlone: the blobs stay, damaged ones, too.
func TestRowsAlone(t *testing.T) {
	for _, kind := range []string{"SQLite and files", "MariaDB and files"} {
		t.Run(kind, func(t *testing.T) {
			from, to := newPlace(t, "SQLite and files", nil), newPlace(t, kind, nil)
			from.fill()
			gone := from.put("gone", []byte("gone"))
			if err := os.Remove(from.file(gone.Blob)); err != nil {
				t.Fatal(err)
			}
			cfg := finish(pass(from, to))
			cfg.To.Blobs = nil
			if result := run(t, cfg); result.Copied != 0 || result.Objects != 43 {
				t.Errorf("%+v", result)
			}
			if err := from.index.Thaw(t.Context()); err != nil {
				t.Fatal(err)
			}
			from.put("gone", []byte("gone"))
			to.blobs = from.blobs
			to.put("gone", []byte("gone"))
			if want, got := len(from.contents()), len(to.contents()); got != want {
				t.Errorf("%d rows, want %d", got, want)
			}
			if n, err := from.blobs.Sweep(t.Context(), 0, to.index.BlobsInUse); err != nil || n != 0 {
				t.Errorf("a sweep removes %d, %v", n, err)
			}
		})
	}
}

// TestManyBlobs: more than are listed, and noted, at once.
func TestManyBlobs(t *testing.T) {
	from, to := newPlace(t, "SQLite and files", nil), newPlace(t, "SQLite and files", nil)
	for i := range 600 {
		from.put(fmt.Sprint(i), fmt.Append(nil, i))
	}
	result := run(t, finish(pass(from, to)))
	if result.Copied != 600 || result.Objects != 600 {
		t.Errorf("%+v", result)
	}
	if want, got := from.files(), to.files(); !slices.Equal(want, got) {
		t.Errorf("%d blobs, want %d", len(got), len(want))
	}
}
