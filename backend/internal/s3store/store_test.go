package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	w := start(t)
	storagetest.Blobs(t, func(t *testing.T) storage.Blobs { return w.open(t, "", "prefix-of-"+t.Name()) })
}

// world is an S3 server and its folder.
type world struct{ *s3test.Server }

func start(t *testing.T) world {
	t.Helper()
	s3test.Set(t)
	return world{s3test.Start(t)}
}

// open opens a store on a prefix of the server, by way of the address via, that
// sweeps what has just been released or abandoned.
func (w world) open(t *testing.T, via, prefix string, change ...func(*Config)) *Store {
	t.Helper()
	at, err := Parse(w.Location(via, prefix))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Location: at}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.young, s.abandoned = 0, 0
	t.Cleanup(s.Close)
	return s
}

// files lists what the server keeps, also parts of uploads, but no folders.
func (w world) files(t *testing.T) []string {
	t.Helper()
	var found []string
	bucket := filepath.Join(w.Folder, "objects")
	err := filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(bucket, path)
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantOnly checks that nothing is kept but the blobs.
func (w world) wantOnly(t *testing.T, blobs ...storage.Blob) {
	t.Helper()
	var want []string
	for _, b := range blobs {
		want = append(want, "blobs/"+b.ID[:2]+"/"+b.ID[2:])
	}
	slices.Sort(want)
	if got := w.files(t); !slices.Equal(got, want) {
		t.Errorf("S3 keeps %q, want %q", got, want)
	}
}

// content returns bytes that no part of is like another.
func content(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(b)
	return b
}

func write(t *testing.T, s *Store, b []byte) storage.Blob {
	t.Helper()
	blob, err := s.Write(t.Context(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(withCause(err))
	}
	return blob
}

func wantContent(t *testing.T, s *Store, id string, want []byte) {
	t.Helper()
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want the %d written", len(got), err, len(want))
	}
}

func nobody(context.Context, []string) (map[string]bool, error) { return nil, nil }

// TestPartsAndCopies: blobs around the size of a part, and with a copy in parts, too.
func TestPartsAndCopies(t *testing.T) {
	w := start(t)
	for _, copyBytes := range []int64{maxCopyBytes, minPartBytes} {
		for _, size := range []int{minPartBytes - 1, minPartBytes, minPartBytes + 1, 2*minPartBytes + 12345} {
			s := w.open(t, "", "")
			s.copyBytes = copyBytes
			b := content(size)
			blob := write(t, s, b)
			w.wantOnly(t, blob)
			wantContent(t, s, blob.ID, b)
			blob.Release()
			if n, err := s.Sweep(t.Context(), 0, nobody); n != 1 || err != nil {
				t.Errorf("Sweep = %d, %v", n, err)
			}
			w.wantOnly(t)
		}
	}
}

func TestPartsAreEnough(t *testing.T) {
	s := Store{partBytes: minPartBytes}
	parts := 0
	for at := int64(0); at < 5<<40; parts++ {
		size := s.partSize(at)
		if size < minPartBytes || size > 5<<30 || parts < 1000 && size != minPartBytes {
			t.Fatalf("part %d at %d has %d bytes", parts, at, size)
		}
		at += size
	}
	if parts > maxParts {
		t.Errorf("5 TiB take %d parts", parts)
	}
}

// TestBrokenOffWritesLeaveNothing, also in the middle of a part.
func TestBrokenOffWritesLeaveNothing(t *testing.T) {
	w := start(t)
	s := w.open(t, "", "")
	broken := errors.New("the line broke")
	for _, size := range []int{0, 1000, minPartBytes, 2*minPartBytes + 7} {
		r := io.MultiReader(bytes.NewReader(content(size)), failing{broken})
		if _, err := s.Write(t.Context(), r); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", size, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r = io.MultiReader(bytes.NewReader(content(size)), calling(cancel))
		if _, err := s.Write(ctx, r); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d bytes: %v", size, err)
		}
	}
	w.wantOnly(t)
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

type calling func()

func (c calling) Read([]byte) (int, error) {
	c()
	return 0, nil
}

// TestSeek reads at any place, in any order.
func TestSeek(t *testing.T) {
	s := start(t).open(t, "", "some/prefix")
	b := content(3 << 20)
	blob := write(t, s, b)
	r, err := s.Open(t.Context(), blob.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, at := range []int64{0, 2 << 20, 5, firstBytes - 3, 3<<20 - 1, 3 << 20, 1 << 20} {
		if got, err := r.Seek(at, io.SeekStart); got != at || err != nil {
			t.Fatalf("Seek = %d, %v", got, err)
		}
		got, err := io.ReadAll(io.LimitReader(r, 100))
		if want := b[at:min(at+100, int64(len(b)))]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("at %d: %d bytes, %v; want %d", at, len(got), err, len(want))
		}
	}
	if at, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Errorf("a seek before the beginning went to %d", at)
	}
}

// TestQuarantine: a damaged blob is moved away, by Scrub as well.
func TestQuarantine(t *testing.T) {
	w := start(t)
	damaged := 0
	s := w.open(t, "", "", func(c *Config) { c.OnDamage = func() { damaged++ } })
	for _, find := range []func(string) error{
		func(id string) error { return s.Quarantine(t.Context(), id) },
		func(string) error { return s.Scrub(t.Context()) },
	} {
		blob := write(t, s, []byte("content"))
		blob.Release()
		file := filepath.Join(w.Folder, "objects", "blobs", blob.ID[:2], blob.ID[2:])
		if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := find(blob.ID); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Open(t.Context(), blob.ID); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the damaged blob opens: %v, %v", r, err)
		}
		if got := w.files(t); !slices.Equal(got, []string{"quarantine/" + blob.ID}) {
			t.Errorf("S3 keeps %q", got)
		}
	}
	if damaged != 2 {
		t.Errorf("%d damaged blobs were told, want 2", damaged)
	}
}

// TestHeldBlobsAreNotSwept: as long as a backup is made, not even what nothing names.
func TestHeldBlobsAreNotSwept(t *testing.T) {
	w := start(t)
	s := w.open(t, "", "")
	blob := write(t, s, []byte("content"))
	blob.Release()
	held, err := Hold(t.Context(), Config{Location: s.at})
	if err != nil {
		t.Fatal(err)
	}
	defer held.store.Close()
	s.abandoned = defaultAbandoned
	if n, err := s.Sweep(t.Context(), 0, nobody); n != 0 || err != nil {
		t.Errorf("a sweep meanwhile removed %d, %v", n, err)
	}
	r, size, err := held.Open(t.Context(), blob.ID)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "content" || size != 7 {
		t.Errorf("the blob holds %q of %d bytes, %v", b, size, err)
	}
	if err := errors.Join(r.Close(), held.Close()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 0, nobody); n != 1 || err != nil {
		t.Errorf("a sweep afterwards removed %d, %v; want 1", n, err)
	}
	w.wantOnly(t)
}

func TestParse(t *testing.T) {
	for _, text := range []string{
		"s3://bucket", "s3://my-bucket.2/a/b?region=eu-central-1", "s3://bucket/p?endpoint=https%3A%2F%2Fs3.example.com%3A9000&region=x",
	} {
		if l, err := Parse(text); err != nil || l.String() != text {
			t.Errorf("Parse(%q) = %q, %v", text, l, err)
		}
	}
	for text, want := range map[string]string{
		"":                                   "s3://",
		"file:///x":                          "s3://",
		"s3://":                              "bucket",
		"s3://UP":                            "bucket",
		"s3://bucket/a//b":                   "prefix",
		"s3://bucket/a/../b":                 "prefix",
		"s3://bucket/ä":                      "prefix",
		"s3://key:secret@bucket/p":           "credentials",
		"s3://bucket?regoin=x":               "regoin",
		"s3://bucket?region=a&region=b":      "more than once",
		"s3://bucket?region=a%20b":           "region",
		"s3://bucket?endpoint=s3.example":    "endpoint",
		"s3://bucket?endpoint=ftp://x":       "endpoint",
		"s3://bucket?endpoint=http://a:b@x":  "endpoint",
		"s3://bucket?endpoint=http://x/path": "endpoint",
		"s3://bucket#x":                      "#",
		"s3://bu\x00cket":                    "read",
	} {
		if l, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("Parse(%q) = %v, %v; want an error with %q", text, l, err, want)
		}
	}
}
