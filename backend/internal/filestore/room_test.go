package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"memcache/backend/internal/disk/disktest"
	"memcache/shared/api"
)

// limited opens a data folder with a limit.
func limited(t *testing.T, dir string, limit int64) (*Store, *disktest.Faults) {
	t.Helper()
	faults := &disktest.Faults{}
	s, err := Open(dir, Config{MaxBytes: limit, Disk: faults.Wrap})
	if err != nil {
		t.Fatal(err)
	}
	return s, faults
}

// fill writes n bytes of c and tells how that went.
func fill(s *Store, c string, n int) error {
	blob, err := s.Write(context.Background(), strings.NewReader(strings.Repeat(c, n)))
	if err == nil {
		blob.Release()
	}
	return err
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if err == nil || api.AsError(err).Code != api.Full {
		t.Errorf("got %v, want the code %q", err, api.Full)
	}
}

func wantUsed(t *testing.T, s *Store, want int64) {
	t.Helper()
	if got := s.room.used.Load(); got != want {
		t.Errorf("%d bytes count as used, want %d", got, want)
	}
}

func TestFault50_LimitOfTheStore(t *testing.T) {
	dir := t.TempDir()
	s, _ := limited(t, dir, 1000)
	if err := errors.Join(fill(s, "a", 600), fill(s, "b", 400)); err != nil {
		t.Fatalf("up to the limit: %v", err)
	}
	wantFull(t, fill(s, "c", 1))
	wantFull(t, s.CheckRoom(t.Context()))
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("reading a full store: %v", err)
	}
	if got := files(t, dir); len(got) != 2 {
		t.Errorf("left over: %q", got)
	}
	if _, err := s.Sweep(t.Context(), 0, nobody); err != nil {
		t.Fatal(err)
	}
	wantUsed(t, s, 0)
	if err := errors.Join(s.CheckRoom(t.Context()), fill(s, "c", 1000)); err != nil {
		t.Errorf("after a sweep: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = limited(t, dir, 1000)
	defer s.Close()
	wantUsed(t, s, 1000) // it is counted at the start
	wantFull(t, fill(s, "d", 1))
}

// TestOneBlobCountsOnce however often it is written, and what failed does not.
func TestOneBlobCountsOnce(t *testing.T) {
	dir := t.TempDir()
	s, faults := limited(t, dir, 10_000)
	defer s.Close()
	var writers sync.WaitGroup
	for range 10 {
		writers.Go(func() {
			if err := fill(s, "a", 500); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	wantUsed(t, s, 500)
	for _, step := range writing {
		faults.Fail(syscall.EIO, step)
		if err := fill(s, "b", 700); !errors.Is(err, syscall.EIO) {
			t.Errorf("Write failing at %q: %v", step, err)
		}
	}
	faults.Heal()
	wantUsed(t, s, 500)
	bad := write(t, s, "damaged")
	bad.Release()
	wantUsed(t, s, 507)
	flip(t, dir, bad.ID)
	if err := s.Quarantine(t.Context(), bad.ID); err != nil {
		t.Fatal(err)
	}
	wantUsed(t, s, 500)
}

// TestRoomOfAnUnsureWrite: a blob in its place counts, though its write failed.
func TestRoomOfAnUnsureWrite(t *testing.T) {
	s, faults := limited(t, t.TempDir(), 10_000)
	defer s.Close()
	if err := fill(s, "a", 100); err != nil { // its folder is durable
		t.Fatal(err)
	}
	faults.Fail(syscall.EIO, disktest.SyncDir)
	if err := fill(s, "a", 100); !errors.Is(err, syscall.EIO) {
		t.Errorf("Write = %v", err)
	}
	wantUsed(t, s, 100)
	faults.Heal()
	if _, err := s.Sweep(t.Context(), -time.Hour, nobody); err != nil {
		t.Fatal(err)
	}
	wantUsed(t, s, 0)
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	s, faults := limited(t, dir, 0)
	defer s.Close()
	check := func(what string, readable, writable bool) {
		t.Helper()
		if err := s.Check(t.Context()); (err == nil) != readable {
			t.Errorf("%s: Check = %v", what, err)
		}
		if err := s.CheckRoom(t.Context()); (err == nil) != writable {
			t.Errorf("%s: CheckRoom = %v", what, err)
		}
	}
	check("a good folder", true, true)
	faults.Fail(syscall.ENOSPC)
	check("a full disk", true, false)
	faults.Heal()
	check("room again", true, true)
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left over: %q", got)
	}
	if err := os.RemoveAll(filepath.Join(dir, tmpDir)); err != nil {
		t.Fatal(err)
	}
	check("without the temporary folder", true, false)
	if err := os.RemoveAll(filepath.Join(dir, blobsDir)); err != nil {
		t.Fatal(err)
	}
	check("without the folder of the blobs", false, false)
}
