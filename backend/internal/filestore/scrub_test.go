package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"memcache/backend/internal/storage"
)

// flip changes one bit of a blob, as a failing disk does.
func flip(t *testing.T, dir, id string) {
	t.Helper()
	path := filepath.Join(dir, blobPath(id))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func counting(t *testing.T, dir string) (*Store, *atomic.Int64) {
	t.Helper()
	damaged := new(atomic.Int64)
	s, err := Open(dir, Config{ScrubRate: 1 << 40, OnDamage: func() { damaged.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, damaged
}

func TestFault53_ADamagedBlobIsQuarantined(t *testing.T) {
	dir := t.TempDir()
	s, damaged := counting(t, dir)
	bad, good := write(t, s, "damaged"), write(t, s, "whole")
	bad.Release()
	good.Release()
	flip(t, dir, bad.ID)
	for _, blob := range []storage.Blob{bad, good} {
		if err := s.Quarantine(t.Context(), blob.ID); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{blobPath(good.ID), quarantineDir + "/" + bad.ID}
	if got := files(t, dir); fmt.Sprint(got) != fmt.Sprint(want) || damaged.Load() != 1 {
		t.Errorf("there are %v and %d were told of, want %v", got, damaged.Load(), want)
	}
	if err := s.Quarantine(t.Context(), bad.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is gone: %v", err)
	}
	write(t, s, "damaged")
	if f, err := s.Open(t.Context(), bad.ID); err != nil {
		t.Errorf("written again: %v", err)
	} else {
		f.Close()
	}
}

// TestABlobJustWrittenIsNotQuarantined: its writer may have healed what a
// reader saw.
func TestABlobJustWrittenIsNotQuarantined(t *testing.T) {
	dir := t.TempDir()
	s, damaged := counting(t, dir)
	blob := write(t, s, "healed")
	flip(t, dir, blob.ID) // it would be moved, were it not for its writer
	if err := s.Quarantine(t.Context(), blob.ID); err != nil || damaged.Load() != 0 {
		t.Errorf("error %v, %d moved", err, damaged.Load())
	}
	blob.Release()
	if err := s.Quarantine(t.Context(), blob.ID); err != nil || damaged.Load() != 1 {
		t.Errorf("released: error %v, %d moved", err, damaged.Load())
	}
}

func TestFault53_ScrubFindsDamage(t *testing.T) {
	dir := t.TempDir()
	s, damaged := counting(t, dir)
	var ids []string
	for i := range 300 {
		blob := write(t, s, strings.Repeat("x", i))
		blob.Release()
		ids = append(ids, blob.ID)
	}
	large, err := s.Write(t.Context(), bytes.NewReader(make([]byte, 3*pieceBytes+7)))
	if err != nil {
		t.Fatal(err)
	}
	large.Release()
	bad := []string{ids[7], ids[150], ids[299], large.ID}
	for _, id := range bad {
		flip(t, dir, id)
	}
	if err := s.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range bad {
		if _, err := os.Stat(filepath.Join(dir, quarantineDir, id)); err != nil {
			t.Errorf("not in quarantine: %v", err)
		}
	}
	if n := damaged.Load(); n != 4 || len(files(t, dir)) != 301 {
		t.Errorf("%d of 4 were found, %d files are there", n, len(files(t, dir)))
	}
}

func TestScrubEndsWithItsContext(t *testing.T) {
	s, _ := counting(t, t.TempDir())
	write(t, s, "content").Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Scrub(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled scrub: %v", err)
	}
}
