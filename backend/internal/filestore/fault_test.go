package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"memcache/backend/internal/disk"
	"memcache/backend/internal/disk/disktest"
	"memcache/shared/api"
)

// faulty opens a data folder on a disk that can be made to fail.
func faulty(t *testing.T, dir string) (*Store, *disktest.Faults) {
	t.Helper()
	faults := &disktest.Faults{}
	s, err := Open(dir, Config{Disk: faults.Wrap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, faults
}

// writing are the steps of a write, in their order.
var writing = []string{
	disktest.Create, disktest.Write, disktest.Sync, disktest.Close, disktest.Mkdir, disktest.SyncDir, disktest.Rename,
}

// TestBytesAreDurableBeforeTheirName, and the name before the write ends.
func TestBytesAreDurableBeforeTheirName(t *testing.T) {
	var steps []string
	s, err := Open(t.TempDir(), Config{Disk: disktest.Around(func(step string, do func() error) error {
		steps = append(steps, step)
		return do()
	})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	steps = nil
	write(t, s, "new")
	if want := append(slices.Clone(writing), disktest.SyncDir); !slices.Equal(steps, want) {
		t.Errorf("the steps are %q, want %q", steps, want)
	}
}

// TestFaultsOfEveryStep has the disk fail at every step of a write. Nothing
// half-written stays, what is there can be read, and when the disk is well
// again, so is the store.
func TestFaultsOfEveryStep(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault error
		code  api.Code
	}{
		{"Fault50_DiskFull", &fs.PathError{Op: "write", Err: syscall.ENOSPC}, api.Full},
		{"Fault50_QuotaReached", syscall.EDQUOT, api.Full},
		{"Fault51_InputOutputError", syscall.EIO, api.Internal},
		{"Fault54_ReadOnly", syscall.EROFS, api.Unavailable},
		{"Fault54_NotPermitted", syscall.EACCES, api.Unavailable},
		{"Fault56_OutOfDescriptors", syscall.EMFILE, api.Unavailable},
	} {
		for _, step := range writing {
			t.Run(test.name+"/"+step, func(t *testing.T) {
				dir := t.TempDir()
				s, faults := faulty(t, dir)
				before := write(t, s, "stored before")
				faults.Fail(test.fault, step)
				_, err := s.Write(t.Context(), strings.NewReader("new"))
				if api.AsError(err).Code != test.code || !errors.Is(err, test.fault) {
					t.Errorf("Write = %v, want the code %q", err, test.code)
				}
				if got := files(t, dir); len(got) != 1 {
					t.Errorf("left over: %q", got)
				}
				wantBytes(t, s, before.ID, "stored before")
				faults.Heal()
				wantBytes(t, s, write(t, s, "new").ID, "new")
			})
		}
	}
}

// wantBytes checks what a blob holds.
func wantBytes(t *testing.T, s *Store, id, want string) {
	t.Helper()
	r, err := s.Open(t.Context(), id)
	if err != nil {
		t.Errorf("Open(%.8s): %v", id, err)
		return
	}
	defer r.Close()
	got := make([]byte, len(want)+1)
	if n, _ := r.Read(got); string(got[:n]) != want {
		t.Errorf("blob %.8s holds %q, want %q", id, got[:n], want)
	}
}

// TestFault51_AFailedSyncOfAFolderFailsTheWrite: also the one after the rename,
// and one that is tried again begins anew.
func TestFault51_AFailedSyncOfAFolderFailsTheWrite(t *testing.T) {
	dir := t.TempDir()
	s, faults := faulty(t, dir)
	write(t, s, "hello") // 2cf24d…
	faults.Fail(syscall.EIO, disktest.SyncDir)
	if _, err := s.Write(t.Context(), strings.NewReader("hello")); !errors.Is(err, syscall.EIO) {
		t.Errorf("the folder 2c: %v", err)
	}
	if _, err := s.Write(t.Context(), strings.NewReader("bye")); !errors.Is(err, syscall.EIO) { // b49f42…
		t.Errorf("the folder of the folders: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, blobsDir, "b4")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder that was not made durable: %v", err)
	}
}

// recorded is a disk that notes which folders are synced.
type recorded struct {
	disk.Disk
	synced []string
}

func (d *recorded) SyncDir(name string) error {
	d.synced = append(d.synced, name)
	return d.Disk.SyncDir(name)
}

// TestFoldersAreSynced: a blob is only there for good when the folder that names
// it is synced, and so for a new folder.
func TestFoldersAreSynced(t *testing.T) {
	s := open(t, t.TempDir())
	d := &recorded{Disk: s.disk}
	s.disk = d
	write(t, s, "hello") // 2cf24d…
	write(t, s, "hello")
	if want := []string{"blobs", "blobs/2c", "blobs/2c"}; !slices.Equal(d.synced, want) {
		t.Errorf("synced %q, want %q", d.synced, want)
	}
}
