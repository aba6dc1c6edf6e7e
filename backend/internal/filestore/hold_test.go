package filestore

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// TestHeldBlobsAreNotSwept: while a backup holds the folder, which a server uses,
// not even a blob that nothing names goes.
func TestHeldBlobsAreNotSwept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	blob := write(t, s, "content")
	blob.Release()
	held, err := Hold(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 0, nobody); err != nil || n != 0 {
		t.Errorf("a sweep meanwhile removed %d, %v", n, err)
	}
	r, size, err := held.Open(t.Context(), blob.ID)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(r); err != nil || string(content) != "content" || size != 7 {
		t.Errorf("the blob holds %q of %d bytes, %v", content, size, err)
	}
	if err := errors.Join(r.Close(), held.Close()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 0, nobody); err != nil || n != 1 {
		t.Errorf("a sweep afterwards removed %d, %v; want 1", n, err)
	}
}

func TestHoldFails(t *testing.T) {
	if _, err := Hold(t.Context(), t.TempDir()+"/absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	if _, err := Hold(t.Context(), t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder of something else: %v", err)
	}
	dir := t.TempDir()
	open(t, dir)
	held, err := Hold(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, _, err := held.Open(t.Context(), strings.Repeat("0", 64)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent blob: %v", err)
	}
}
