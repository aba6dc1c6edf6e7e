package s3store

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"memcache/shared/api"
)

var large = flag.Int64("large", 48<<20, "bytes of the blob whose memory is measured")

// TestMemoryIsFlat, whatever the size of a blob that is written and read.
func TestMemoryIsFlat(t *testing.T) {
	s := start(t).open(t, "", "")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, at := uint64(0), int64(0)
	look := func(n int) {
		if at += int64(n); at%(8<<20) < int64(n) {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		}
	}
	blob, err := s.Write(t.Context(), io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), *large), telling(look)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), blob.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(telling(look), r); n != *large || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 4*minPartBytes {
		t.Errorf("%d bytes took %d bytes of memory", *large, grown)
	}
}

type telling func(n int)

func (c telling) Write(p []byte) (int, error) {
	c(len(p))
	return len(p), nil
}

// TestAbandonedUploadsAreSwept: what a process that was killed has left, but not what
// is still being written.
func TestAbandonedUploadsAreSwept(t *testing.T) {
	w := start(t)
	s, killed := w.open(t, "", "p"), w.open(t, "", "p")
	up, err := killed.begin(t.Context(), killed.tmpKey(), "")
	if err != nil {
		t.Fatal(err)
	}
	part := &buffer{}
	if err := part.fill(t.Context(), bytes.NewReader(content(1000)), 1000, func([]byte) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := up.part(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	if err := killed.putObject(t.Context(), killed.tmpKey(), []byte("put together, not yet in its place")); err != nil {
		t.Fatal(err)
	}
	s.abandoned = defaultAbandoned
	if _, err := s.Sweep(t.Context(), 0, nobody); err != nil {
		t.Fatal(err)
	}
	if parts, _, err := s.listParts(t.Context(), up.key, up.id); len(parts) != 1 || err != nil {
		t.Errorf("a young upload has %d parts, %v", len(parts), err)
	}
	s.abandoned = 0
	blob, err := s.Write(t.Context(), io.MultiReader(bytes.NewReader(content(2*minPartBytes)), sweeping{t, s}))
	if err != nil {
		t.Fatal(err)
	}
	w.wantOnlyBelow(t, "p/", blob.ID)
}

// sweeping is the end of what is written; a sweep comes before.
type sweeping struct {
	t *testing.T
	s *Store
}

func (r sweeping) Read([]byte) (int, error) {
	if _, err := r.s.Sweep(context.WithoutCancel(r.t.Context()), 0, nobody); err != nil {
		r.t.Error(err)
	}
	return 0, io.EOF
}

func (w world) wantOnlyBelow(t *testing.T, prefix, id string) {
	t.Helper()
	if got := w.files(t); len(got) != 1 || got[0] != prefix+"blobs/"+id[:2]+"/"+id[2:] {
		t.Errorf("S3 keeps %q, want the blob %s alone", got, id)
	}
}

// TestLimitOfTheStore: it is full at its limit, counts what is there, and what was
// removed no more.
func TestLimitOfTheStore(t *testing.T) {
	w := start(t)
	limited := func(c *Config) { c.MaxBytes = 1000 }
	s := w.open(t, "", "", limited)
	fill := func(s *Store, c string, n int) error {
		blob, err := s.Write(t.Context(), strings.NewReader(strings.Repeat(c, n)))
		if err == nil {
			blob.Release()
		}
		return err
	}
	full := func(err error) {
		t.Helper()
		if err == nil || api.AsError(err).Code != api.Full {
			t.Errorf("got %v, want the code %q", err, api.Full)
		}
	}
	if err := errors.Join(fill(s, "a", 500), fill(s, "a", 500), fill(s, "b", 500)); err != nil {
		t.Fatal(err)
	}
	full(fill(s, "c", 1))
	full(s.CheckRoom(t.Context()))
	other := w.open(t, "", "", limited)
	full(fill(other, "c", 1))
	if _, err := s.Sweep(t.Context(), 0, nobody); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.CheckRoom(t.Context()), fill(s, "c", 1000)); err != nil {
		t.Errorf("after a sweep: %v", err)
	}
	if _, err := other.Sweep(t.Context(), 0, func(_ context.Context, ids []string) (map[string]bool, error) {
		return map[string]bool{ids[0]: true}, nil
	}); err != nil {
		t.Fatal(err)
	}
	full(fill(other, "d", 1)) // it has seen what the other wrote
}
