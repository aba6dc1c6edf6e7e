package filestore

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTemporariesAreClearedAtStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "tmp", "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tmp/half", "tmp/folder/file"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left over: %q", got)
	}
}

func TestSweepTakesAbandonedTemporariesOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "tmp", "abandoned"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		blob, err := s.Write(t.Context(), r)
		if err == nil {
			blob.Release()
		}
		written <- err
	}()
	if _, err := w.Write([]byte("still coming")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context(), 0, nobody); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 1 || got[0] == "tmp/abandoned" {
		t.Errorf("after the sweep: %q", got)
	}
	w.Close()
	if err := <-written; err != nil {
		t.Errorf("the write under way: %v", err)
	}
}

func nobody(context.Context, []string) (map[string]bool, error) { return nil, nil }

// TestSweepAsksTwice: what is named between the questions stays, and from the
// second question to the removal no writer can name it.
func TestSweepAsksTwice(t *testing.T) {
	s := open(t, t.TempDir())
	blob := write(t, s, "named late")
	blob.Release()
	questions := 0
	n, err := s.Sweep(t.Context(), 0, func(_ context.Context, ids []string) (map[string]bool, error) {
		if questions++; questions == 1 {
			return nil, nil
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.pend(cancelled, ids[0]); !errors.Is(err, context.Canceled) {
			t.Errorf("a writer did not wait for the sweep: %v", err)
		}
		return map[string]bool{blob.ID: true}, nil
	})
	if n != 0 || err != nil || questions != 2 {
		t.Errorf("Sweep = %d, %v after %d questions", n, err, questions)
	}
	if err := s.pend(t.Context(), blob.ID); err != nil {
		t.Errorf("a writer after the sweep: %v", err)
	}
	s.unpend(blob.ID)
}

func TestRewrittenBlobIsYoung(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	blob := write(t, s, "again")
	blob.Release()
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, blobPath(blob.ID)), old, old); err != nil {
		t.Fatal(err)
	}
	write(t, s, "again").Release()
	if n, err := s.Sweep(t.Context(), time.Hour, nobody); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v: it took a blob just written", n, err)
	}
}
