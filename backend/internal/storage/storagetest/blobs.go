// Package storagetest holds the conformance suite of each interface that
// package storage consumes, run by every implementation of it, and real
// implementations in memory for tests that are about something else.
package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cespare/xxhash/v2"

	"memcache/backend/internal/storage"
)

// Blobs runs the conformance suite of [storage.Blobs]. open returns an empty
// store of the test's own, and closes it at the test's end.
func Blobs(t *testing.T, open func(t *testing.T) storage.Blobs) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, storage.Blobs)
	}{
		{"WriteOpen", blobsWriteOpen},
		{"WriteTwice", blobsWriteTwice},
		{"ConcurrentWrites", blobsConcurrentWrites},
		{"Absent", blobsAbsent},
		{"Fault06_IDsAreNoPaths", blobsBadIDs},
		{"ReadError", blobsReadError},
		{"Cancelled", blobsCancelled},
		{"Sweep", blobsSweep},
		{"SweepOfMany", blobsSweepOfMany},
		{"SweepSparesTheYoung", blobsSweepYoung},
		{"SweepSparesThePending", blobsSweepPending},
		{"SweepWithoutAnswer", blobsSweepWithoutAnswer},
		{"SweepRacesWrite", blobsSweepRacesWrite},
		{"QuarantineSparesTheWhole", blobsQuarantine},
		{"ListedInOrder", blobsListed},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// sum is the id of a blob with these bytes.
func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func mustWrite(t *testing.T, blobs storage.Blobs, b []byte) storage.Blob {
	t.Helper()
	blob, err := blobs.Write(t.Context(), iotest.OneByteReader(bytes.NewReader(b)))
	if len(b) > 1000 {
		blob, err = blobs.Write(t.Context(), bytes.NewReader(b))
	}
	if err != nil {
		t.Fatalf("Write of %d bytes: %v", len(b), err)
	}
	return blob
}

func wantBlob(t *testing.T, blobs storage.Blobs, b []byte) {
	t.Helper()
	r, err := blobs.Open(t.Context(), sum(b))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("read %d bytes, %v; want the %d bytes written", len(got), err, len(b))
	}
}

func wantNoBlob(t *testing.T, blobs storage.Blobs, b []byte) {
	t.Helper()
	r, err := blobs.Open(t.Context(), sum(b))
	if err == nil {
		r.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open of a blob that must not be there: %v", err)
	}
}

func blobsWriteOpen(t *testing.T, blobs storage.Blobs) {
	for _, size := range []int{0, 1, 1000, 128 << 10, 1<<20 + 1} {
		b := bytes.Repeat([]byte("blob"), size)[:size]
		blob := mustWrite(t, blobs, b)
		if blob.ID != sum(b) || blob.Checksum != fmt.Sprintf("%016x", xxhash.Sum64(b)) || blob.Size != int64(size) {
			t.Errorf("%d bytes became the blob %s of %d bytes with the checksum %s", size, blob.ID, blob.Size, blob.Checksum)
		}
		blob.Release()
		wantBlob(t, blobs, b)
	}
	r, err := blobs.Open(t.Context(), sum(bytes.Repeat([]byte("blob"), 250)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := r.Seek(-3, io.SeekEnd); n != 997 || err != nil {
		t.Errorf("Seek = %d, %v", n, err)
	}
	if got, err := io.ReadAll(r); string(got) != "lob" || err != nil {
		t.Errorf("the end is %q, %v", got, err)
	}
}

func blobsWriteTwice(t *testing.T, blobs storage.Blobs) {
	b := []byte("the same bytes")
	first, second := mustWrite(t, blobs, b), mustWrite(t, blobs, b)
	if first.ID != second.ID {
		t.Errorf("the same bytes became %s and %s", first.ID, second.ID)
	}
	first.Release()
	first.Release() // a second call must not release the other writer's
	if n, err := blobs.Sweep(t.Context(), 0, used()); n != 0 || err != nil {
		t.Fatalf("Sweep with a writer pending = %d, %v", n, err)
	}
	wantBlob(t, blobs, b)
	second.Release()
}

// blobsConcurrentWrites has many write the same bytes, and others their own.
func blobsConcurrentWrites(t *testing.T, blobs storage.Blobs) {
	same := bytes.Repeat([]byte("same"), 50_000)
	inParallel(8, func(i int) {
		own := fmt.Appendf(nil, "only writer %d has this", i)
		for _, b := range [][]byte{same, own, same} {
			blob, err := blobs.Write(t.Context(), bytes.NewReader(b))
			if err != nil || blob.ID != sum(b) || blob.Size != int64(len(b)) {
				t.Errorf("writer %d: the blob %+v, %v", i, blob, err)
				return
			}
			defer blob.Release()
		}
	})
	wantBlob(t, blobs, same)
	for i := range 8 {
		wantBlob(t, blobs, fmt.Appendf(nil, "only writer %d has this", i))
	}
}

func blobsAbsent(t *testing.T, blobs storage.Blobs) {
	wantNoBlob(t, blobs, []byte("never written"))
}

func blobsBadIDs(t *testing.T, blobs storage.Blobs) {
	id := mustWrite(t, blobs, []byte("x")).ID
	for _, bad := range []string{
		"", "x", id[:63], id + "0", strings.ToUpper(id), "../" + id[3:], "/etc/passwd", id[:2] + "/" + id[3:],
		id[:63] + "\x00", strings.Repeat(".", 64), strings.Repeat("../", 21) + "x",
	} {
		if r, err := blobs.Open(t.Context(), bad); err == nil {
			r.Close()
			t.Errorf("Open(%q) succeeded", bad)
		}
	}
}

func blobsReadError(t *testing.T, blobs storage.Blobs) {
	broken := errors.New("the line broke")
	for _, size := range []int{0, 10, 300 << 10} {
		b := bytes.Repeat([]byte("z"), size)
		_, err := blobs.Write(t.Context(), io.MultiReader(bytes.NewReader(b), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("Write that broke after %d bytes: %v", size, err)
		}
		wantNoBlob(t, blobs, b)
	}
}

func blobsCancelled(t *testing.T, blobs storage.Blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	b := bytes.Repeat([]byte("c"), 1<<20)
	r := io.MultiReader(bytes.NewReader(b), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}))
	if _, err := blobs.Write(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Write: %v", err)
	}
	wantNoBlob(t, blobs, b)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// used is an answer to inUse.
func used(ids ...string) func(context.Context, []string) (map[string]bool, error) {
	all := make(map[string]bool)
	for _, id := range ids {
		all[id] = true
	}
	return func(context.Context, []string) (map[string]bool, error) { return maps.Clone(all), nil }
}

func blobsSweep(t *testing.T, blobs storage.Blobs) {
	keep, drop := []byte("named by a row"), []byte("named by none")
	mustWrite(t, blobs, keep).Release()
	mustWrite(t, blobs, drop).Release()
	if n, err := blobs.Sweep(t.Context(), 0, used(sum(keep))); n != 1 || err != nil {
		t.Fatalf("Sweep = %d, %v; want 1", n, err)
	}
	wantBlob(t, blobs, keep)
	wantNoBlob(t, blobs, drop)
	mustWrite(t, blobs, drop).Release()
	wantBlob(t, blobs, drop)
}

// blobsSweepOfMany: a sweep asks for at most 500 blobs at a time, and each blob
// that is used stays.
func blobsSweepOfMany(t *testing.T, blobs storage.Blobs) {
	const n = 60
	kept := make(map[string]bool)
	for i := range n {
		blob, err := blobs.Write(t.Context(), strings.NewReader(fmt.Sprint("blob ", i)))
		if err != nil {
			t.Fatal(err)
		}
		blob.Release()
		if i%3 == 0 {
			kept[blob.ID] = true
		}
	}
	removed, err := blobs.Sweep(t.Context(), 0, func(_ context.Context, ids []string) (map[string]bool, error) {
		if len(ids) > 500 {
			t.Errorf("asked for %d blobs at once", len(ids))
		}
		used := make(map[string]bool)
		for _, id := range ids {
			if kept[id] {
				used[id] = true
			}
		}
		return used, nil
	})
	if err != nil || removed != n-len(kept) {
		t.Errorf("Sweep = %d, %v; want %d", removed, err, n-len(kept))
	}
	for i := range n {
		b := fmt.Appendf(nil, "blob %d", i)
		if kept[sum(b)] {
			wantBlob(t, blobs, b)
		} else {
			wantNoBlob(t, blobs, b)
		}
	}
}

func blobsSweepYoung(t *testing.T, blobs storage.Blobs) {
	b := []byte("young")
	mustWrite(t, blobs, b).Release()
	if n, err := blobs.Sweep(t.Context(), time.Hour, used()); n != 0 || err != nil {
		t.Fatalf("Sweep = %d, %v; want 0", n, err)
	}
	wantBlob(t, blobs, b)
}

func blobsSweepPending(t *testing.T, blobs storage.Blobs) {
	b := []byte("about to be named")
	blob := mustWrite(t, blobs, b)
	if n, err := blobs.Sweep(t.Context(), 0, used()); n != 0 || err != nil {
		t.Fatalf("Sweep before the release = %d, %v; want 0", n, err)
	}
	wantBlob(t, blobs, b)
	blob.Release()
	if n, err := blobs.Sweep(t.Context(), 0, used()); n != 1 || err != nil {
		t.Fatalf("Sweep after the release = %d, %v; want 1", n, err)
	}
}

func blobsSweepWithoutAnswer(t *testing.T, blobs storage.Blobs) {
	b := []byte("in doubt")
	mustWrite(t, blobs, b).Release()
	down := errors.New("the database is down")
	n, err := blobs.Sweep(t.Context(), 0, func(context.Context, []string) (map[string]bool, error) { return nil, down })
	if n != 0 || !errors.Is(err, down) {
		t.Errorf("Sweep = %d, %v", n, err)
	}
	wantBlob(t, blobs, b)
}

// blobsSweepRacesWrite writes what sweeps remove, again and again: between
// Write and Release the blob must be there.
func blobsSweepRacesWrite(t *testing.T, blobs storage.Blobs) {
	ctx, cancel := context.WithCancel(t.Context())
	swept := make(chan error, 1)
	go func() {
		for {
			if _, err := blobs.Sweep(ctx, 0, used()); err != nil || ctx.Err() != nil {
				swept <- err
				return
			}
		}
	}()
	b := []byte("wanted and unwanted")
	for range 50 {
		blob := mustWrite(t, blobs, b)
		wantBlob(t, blobs, b)
		blob.Release()
	}
	cancel()
	if err := <-swept; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// blobsQuarantine: what is not damaged stays. That damage is found is for each
// implementation to test, which alone can make some.
func blobsQuarantine(t *testing.T, blobs storage.Blobs) {
	blob := mustWrite(t, blobs, []byte("whole"))
	blob.Release()
	if err := blobs.Quarantine(t.Context(), blob.ID); err != nil {
		t.Errorf("of a whole blob: %v", err)
	}
	f, err := blobs.Open(t.Context(), blob.ID)
	if err != nil {
		t.Fatalf("a whole blob is gone: %v", err)
	}
	f.Close()
	if err := blobs.Quarantine(t.Context(), sum([]byte("never written"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an absent blob: %v, want fs.ErrNotExist", err)
	}
}

// blobsListed is about a method that a copy of all blobs takes.
func blobsListed(t *testing.T, blobs storage.Blobs) {
	lister, ok := blobs.(interface {
		BlobsAfter(ctx context.Context, after string) ([]storage.Stored, error)
	})
	if !ok {
		t.Skip("it lists none")
	}
	want := map[string]int64{}
	for i := range 300 {
		b := mustWrite(t, blobs, fmt.Append(nil, strings.Repeat("x", i%7), i))
		want[b.ID] = b.Size
	}
	for after := ""; ; {
		page, err := lister.BlobsAfter(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			if size, ok := want[b.ID]; !ok || size != b.Size || b.ID <= after {
				t.Fatalf("after %s comes %+v, of %d bytes, known: %v", after, b, size, ok)
			}
			delete(want, b.ID)
			after = b.ID
		}
	}
	if len(want) > 0 {
		t.Errorf("%d were not listed", len(want))
	}
}
