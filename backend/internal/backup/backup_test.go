package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/backend/internal/filestore"
	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a data folder with its database.
type site struct {
	t     *testing.T
	dir   string
	blobs *filestore.Store
	index *sqlindex.DB
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	var err error
	if s.blobs, err = filestore.Open(s.dir, filestore.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.blobs.Close() })
	s.index, err = sqlindex.Open(t.Context(), sqlindex.Config{
		SQLitePath: filepath.Join(s.dir, "test.db"), Capacity: 64 * api.MB, Policy: "lru", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.index.Close() })
	return s
}

func (s *site) put(key string, content io.Reader) storage.Object {
	s.t.Helper()
	blob, err := s.blobs.Write(s.t.Context(), content)
	if err != nil {
		s.t.Fatal(err)
	}
	defer blob.Release()
	o, err := s.index.Put(s.t.Context(), storage.Object{Key: key, Blob: blob.ID, Size: blob.Size, Type: "text/plain", Modified: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// backup writes a backup of s to w.
func (s *site) backup(w io.Writer) (Summary, error) {
	s.t.Helper()
	held, err := filestore.Hold(s.t.Context(), s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	defer held.Close()
	return Write(s.t.Context(), w, Source{Index: s.index, Open: held.Open, Log: slog.New(slog.DiscardHandler)})
}

func (s *site) restore(r io.Reader) (Summary, error) {
	return Read(s.t.Context(), r, Target{Index: s.index, Blobs: s.blobs})
}

// rows are all rows of s by key.
func (s *site) rows() map[string]storage.Object {
	s.t.Helper()
	page, err := s.index.List(s.t.Context(), api.ListQuery{Sort: api.SortKey, Limit: api.MaxListLimit})
	if err != nil {
		s.t.Fatal(err)
	}
	rows := map[string]storage.Object{}
	for _, o := range page.Objects {
		rows[o.Key] = o
	}
	return rows
}

// blobFile is where the blob of o is.
func (s *site) blobFile(o storage.Object) string {
	return filepath.Join(s.dir, "blobs", o.Blob[:2], o.Blob[2:])
}

// wantNothing checks that a restore that failed left nothing.
func (s *site) wantNothing(why string) {
	s.t.Helper()
	if rows := s.rows(); len(rows) != 0 {
		s.t.Fatalf("%s: %d rows are there", why, len(rows))
	}
	if has, err := s.blobs.HasBlobs(context.Background()); err != nil || has {
		s.t.Fatalf("%s: blobs are there, %v", why, err)
	}
}

// filled is a site with a few of everything.
func filled(t *testing.T) *site {
	s := newSite(t)
	for _, key := range []string{"a", "z/é 🐼 %_'\"", "../etc/passwd", strings.Repeat("k", api.MaxKeyBytes)} {
		s.put(key, strings.NewReader("old"))
		s.put(key, strings.NewReader("the content of "+key))
	}
	s.put("same", strings.NewReader("the content of a"))
	s.put("empty", strings.NewReader(""))
	for i := range 3 {
		if err := s.index.RecordSample(t.Context(), "unix:ä", api.Sample{Time: int64(i) * 5000, Seconds: 5, Requests: 7}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.index.SaveSettings(t.Context(), 5*api.MB, "random"); err != nil { // two marks
		t.Fatal(err)
	}
	saved, err := s.index.SaveAutopilot(t.Context(), []byte(`{"on":true}`), 0, 0, 0)
	if err != nil || !saved {
		t.Fatal(saved, err)
	}
	for i := range 120 { // more than a page
		if err := s.index.KeepCurves(t.Context(), "unix:ä", time.UnixMilli(int64(i)), fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.index.KeepPromise(t.Context(), time.UnixMilli(7), []byte(`{"hits":0.5}`)); err != nil {
		t.Fatal(err)
	}
	return s
}

// notes are what a site keeps beside objects and samples.
func (s *site) notes() (all []string) {
	s.t.Helper()
	state, _, err := s.index.Autopilot(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	promise, err := s.index.Promise(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	marks, err := s.index.Marks(s.t.Context(), time.UnixMilli(-1), time.Now().Add(time.Minute), 100)
	if err != nil {
		s.t.Fatal(err)
	}
	all = append(all, string(state), string(promise), fmt.Sprint(marks))
	err = s.index.Curves(s.t.Context(), time.UnixMilli(-1), func(at time.Time, curves []byte) error {
		all = append(all, fmt.Sprint(at, string(curves)))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func TestRestoredIsWhatWasBackedUp(t *testing.T) {
	from, to := filled(t), newSite(t)
	before, err := to.index.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	wrote, err := from.backup(&archive)
	if err != nil || wrote.Objects != 6 || wrote.Blobs != 5 || wrote.Samples != 3 || wrote.Notes != 124 {
		t.Fatalf("backed up %+v, %v", wrote, err)
	}
	read, err := to.restore(&archive)
	if err != nil || fmt.Sprint(read) != fmt.Sprint(wrote) {
		t.Fatalf("restored %+v, %v; want %+v", read, err, wrote)
	}
	want, got := from.rows(), to.rows()
	for key, o := range want {
		if got[key] != o {
			t.Errorf("the row of %q is\n%+v, want\n%+v", key, got[key], o)
		}
		a, errA := os.ReadFile(from.blobFile(o))
		b, errB := os.ReadFile(to.blobFile(o))
		if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%q holds %q, want %q; %v", key, b, a, err)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	settings, err := to.index.Settings(t.Context())
	if err != nil || settings.Capacity != 5*api.MB || settings.Policy != "random" || settings.Generation != before.Generation {
		t.Errorf("the settings are %+v, %v; want those of the backup with the generation %d", settings, err, before.Generation)
	}
	samples, err := to.index.Samples(t.Context(), time.UnixMilli(-1), time.UnixMilli(1e12), "")
	if err != nil || len(samples) != 3 || samples[2].Requests != 7 {
		t.Errorf("the samples are %+v, %v", samples, err)
	}
	if want, got := from.notes(), to.notes(); !slices.Equal(want, got) {
		t.Errorf("the notes are\n%q, want\n%q", got, want)
	}
}

// A backup of the first format has no notes.
func TestTheFirstFormatIsRestored(t *testing.T) {
	from, to := filled(t), newSite(t)
	var now, then bytes.Buffer
	if _, err := from.backup(&now); err != nil {
		t.Fatal(err)
	}
	entries, sum := tar.NewReader(&now), newChecksum()
	old := &writer{tar: tar.NewWriter(&then)}
	for {
		h, err := entries.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			t.Fatal(err)
		}
		counts := io.Writer(sum)
		switch dir, _, _ := strings.Cut(h.Name, "/"); dir + "/" {
		case notesDir:
			continue
		case headName + "/":
			content = bytes.Replace(content, []byte(`"format":2`), []byte(`"format":1`), 1)
		case blobsDir:
			counts = io.Discard
		case manifestName + "/":
			var m manifest
			if err := json.Unmarshal(content, &m); err != nil {
				t.Fatal(err)
			}
			m.Notes, m.SHA256 = 0, sum.String()
			content, err = json.Marshal(m)
			counts = io.Discard
		}
		if err == nil {
			err = old.entry(h.Name, content, counts)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := old.tar.Close(); err != nil {
		t.Fatal(err)
	}
	if read, err := to.restore(&then); err != nil || read.Objects != 6 || read.Notes != 0 {
		t.Errorf("restored %+v, %v", read, err)
	}
}

// TestDamagedBackupIsRefused cuts a backup off, and flips a bit of it, at many
// places: each time nothing is restored.
func TestDamagedBackupIsRefused(t *testing.T) {
	from, to := filled(t), newSite(t)
	var archive bytes.Buffer
	if _, err := from.backup(&archive); err != nil {
		t.Fatal(err)
	}
	whole := archive.Bytes()
	end := bytes.LastIndex(whole, []byte(`"sha256"`)) // behind that, padding may change
	step := 211
	if testing.Short() {
		step = 997
	}
	for at := 0; at < end; at += step {
		if _, err := to.restore(bytes.NewReader(whole[:at])); api.AsError(err) == nil || api.AsError(err).Code != api.Invalid {
			t.Fatalf("cut off after %d of %d bytes: %v", at, len(whole), err)
		}
		to.wantNothing(fmt.Sprintf("cut off after %d bytes", at))
	}
	for at := 0; at < end; at += step {
		if whole[at] == 0 {
			continue // what fills a block up means nothing
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1
		if _, err := to.restore(bytes.NewReader(flipped)); err == nil {
			t.Fatalf("the byte %d of %d was flipped unnoticed", at, len(whole))
		}
		to.wantNothing(fmt.Sprintf("byte %d flipped", at))
	}
	if _, err := to.restore(bytes.NewReader(whole)); err != nil {
		t.Errorf("the whole backup: %v", err)
	}
}

func TestOtherFilesAreNoBackups(t *testing.T) {
	to := newSite(t)
	for name, content := range map[string]string{"nothing": "", "text": strings.Repeat("text ", 1000), "zeros": strings.Repeat("\x00", 4096)} {
		if _, err := to.restore(strings.NewReader(content)); err == nil || api.AsError(err).Code != api.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMissingAndDamagedBlobsAreLeftOut: a damaged store can be backed up all the
// same, and the backup restored.
func TestMissingAndDamagedBlobsAreLeftOut(t *testing.T) {
	from, to := filled(t), newSite(t)
	missing, flipped, short := from.put("missing", strings.NewReader("m")), from.put("flipped", strings.NewReader("f")), from.put("short", strings.NewReader("short"))
	err := errors.Join(os.Remove(from.blobFile(missing)), os.WriteFile(from.blobFile(flipped), []byte("F"), 0o600), os.Truncate(from.blobFile(short), 2))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	wrote, err := from.backup(&archive)
	if !errors.Is(err, ErrIncomplete) || len(wrote.LeftOut) != 3 || wrote.Objects != 6 {
		t.Fatalf("backed up %+v, %v; want 3 blobs left out", wrote, err)
	}
	if read, err := to.restore(&archive); err != nil || fmt.Sprint(read) != fmt.Sprint(wrote) {
		t.Fatalf("restored %+v, %v", read, err)
	}
	for key := range to.rows() {
		if key == "missing" || key == "flipped" || key == "short" {
			t.Errorf("%q was restored", key)
		}
	}
}

// TestReadErrorInABlob: what could be read of it is filled up, so that the rest
// of the backup is good.
func TestReadErrorInABlob(t *testing.T) {
	from, to := filled(t), newSite(t)
	held, err := filestore.Hold(t.Context(), from.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	first := true
	var archive bytes.Buffer
	wrote, err := Write(t.Context(), &archive, Source{Index: from.index, Log: slog.New(slog.DiscardHandler), Open: func(ctx context.Context, id string) (io.ReadCloser, int64, error) {
		r, size, err := held.Open(ctx, id)
		if first && size > 1 {
			first = false
			return struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(r, 1), badReader{}), r}, size, err
		}
		return r, size, err
	}})
	if !errors.Is(err, ErrIncomplete) || len(wrote.LeftOut) != 1 {
		t.Fatalf("backed up %+v, %v; want one blob left out", wrote, err)
	}
	if read, err := to.restore(&archive); err != nil || fmt.Sprint(read) != fmt.Sprint(wrote) {
		t.Errorf("restored %+v, %v", read, err)
	}
}

type badReader struct{}

func (badReader) Read([]byte) (int, error) { return 0, errors.New("the disk cannot read that") }

func TestOnlyEmptyDatabasesAreRestoredTo(t *testing.T) {
	from, to := filled(t), newSite(t)
	kept := to.put("kept", strings.NewReader("kept"))
	var archive bytes.Buffer
	if _, err := from.backup(&archive); err != nil {
		t.Fatal(err)
	}
	if _, err := to.restore(&archive); err == nil || !strings.Contains(err.Error(), "has objects already") {
		t.Errorf("restored over objects: %v", err)
	}
	if rows := to.rows(); len(rows) != 1 || rows["kept"] != kept {
		t.Errorf("the rows are %+v", rows)
	}
	if _, err := os.Stat(to.blobFile(kept)); err != nil {
		t.Error(err)
	}
}

func TestCancelledBackupAndRestore(t *testing.T) {
	from, to := filled(t), newSite(t)
	var archive bytes.Buffer
	if _, err := from.backup(&archive); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ctx, io.Discard, Source{Index: from.index}); !errors.Is(err, context.Canceled) {
		t.Errorf("Write = %v", err)
	}
	if _, err := Read(ctx, &archive, Target{Index: to.index, Blobs: to.blobs}); !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v", err)
	}
	to.wantNothing("cancelled")
}

// TestMemoryIsConstant: an object far larger than what backup and restore allocate.
func TestMemoryIsConstant(t *testing.T) {
	const size, bound = 64 << 20, 16 << 20
	from, to := newSite(t), newSite(t)
	from.put("large", io.LimitReader(zeros{}, size))
	r, w := io.Pipe()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		_, err := from.backup(w)
		_ = w.CloseWithError(err) // it never fails
	}()
	if s, err := to.restore(r); err != nil || s.Bytes != size {
		t.Fatalf("restored %+v, %v", s, err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > bound {
		t.Errorf("%d bytes were allocated for an object of %d; want at most %d", n, size, bound)
	}
}
