package filestore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storagetest.Blobs(t, func(t *testing.T) storage.Blobs { return open(t, t.TempDir()) })
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func write(t *testing.T, s *Store, content string) storage.Blob {
	t.Helper()
	blob, err := s.Write(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// files lists the files of a data folder, without the lock.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != lockFile {
			rel, _ := filepath.Rel(dir, path)
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	s := open(t, dir)
	blob := write(t, s, "hello")
	blob.Release()
	want := "blobs/2c/f24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if got := files(t, dir); len(got) != 1 || got[0] != want {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	info, err := os.Stat(filepath.Join(dir, want))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the blob's mode is %v, %v", info.Mode(), err)
	}
}

func TestFault58_SecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	_, err := Open(dir, Config{})
	if err == nil {
		t.Fatal("a second server opened the folder")
	}
	for _, part := range []string{dir, "in use", "process " + strconv.Itoa(os.Getpid()), "-data"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q lacks %q", err, part)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestUncleanEndIsNoticed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if s.Unclean() {
		t.Error("a new folder counts as unclean")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.Unclean() {
		t.Error("a closed folder counts as unclean")
	}
	if err := s.Abandon(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, dir); !s.Unclean() {
		t.Error("a folder that was not closed counts as clean")
	}
}

func TestFailedWritesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Write(cancelled, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if _, err := s.Write(t.Context(), broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken: %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left over: %q", got)
	}
}

func TestFault53_AWriteHealsADamagedBlob(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	blob := write(t, s, "precious")
	path := filepath.Join(dir, blobPath(blob.ID))
	if err := os.WriteFile(path, []byte("previous"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, s, "precious")
	if got, err := os.ReadFile(path); string(got) != "precious" || err != nil {
		t.Errorf("after writing it again: %q, %v", got, err)
	}
}

// eachKernel runs a test as it would be on a kernel with openat2 and on one without.
func eachKernel(t *testing.T, test func(t *testing.T, open func(dir string) *Store)) {
	for name, without := range map[string]bool{"openat2": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			test(t, func(dir string) *Store {
				s := open(t, dir)
				s.noOpenat2.Store(without)
				return s
			})
		})
	}
}

func TestFault55_SymlinksAreRefused(t *testing.T) { eachKernel(t, symlinksAreRefused) }

func symlinksAreRefused(t *testing.T, open func(string) *Store) {
	dir, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(dir)
	blob := write(t, s, "content")
	blob.Release()
	path := filepath.Join(dir, blobPath(blob.ID))
	for name, target := range map[string]string{"outside": secret, "inside": filepath.Join("..", "..", lockFile)} {
		replace(t, path, target)
		if r, err := s.Open(t.Context(), blob.ID); err == nil {
			r.Close()
			t.Errorf("a link %s was followed", name)
		}
	}
	write(t, s, "content").Release() // replaces the link, not what it leads to
	if got, err := os.ReadFile(filepath.Join(dir, lockFile)); err != nil || strings.Contains(string(got), "content") {
		t.Errorf("the link's target is %q, %v", got, err)
	}
	replace(t, filepath.Dir(path), outside)
	if r, err := s.Open(t.Context(), blob.ID); err == nil {
		r.Close()
		t.Error("a linked folder was followed")
	}
	if _, err := s.Write(t.Context(), strings.NewReader("content")); err == nil {
		t.Error("a blob was written through a linked folder")
	}
	if got := files(t, outside); len(got) != 1 {
		t.Errorf("outside the data folder there is %q", got)
	}
}

// replace puts a link to target where path is.
func replace(t *testing.T, path, target string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(path), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
}

func TestFault55_LinkedFoldersAtStart(t *testing.T) {
	for _, name := range []string{blobsDir, tmpDir, lockFile} {
		dir := t.TempDir()
		replace(t, filepath.Join(dir, name), t.TempDir())
		if s, err := Open(dir, Config{}); err == nil {
			s.Close()
			t.Errorf("the link %s was followed", name)
		}
	}
}

func TestOtherFilesAreNoBlobs(t *testing.T) { eachKernel(t, otherFilesAreNoBlobs) }

func otherFilesAreNoBlobs(t *testing.T, open func(string) *Store) {
	dir := t.TempDir()
	s := open(dir)
	blob := write(t, s, "x")
	blob.Release()
	path := filepath.Join(dir, blobPath(blob.ID))
	for name, plant := range map[string]func() error{
		"folder": func() error { return os.Mkdir(path, 0o700) },
		"pipe":   func() error { return syscall.Mkfifo(path, 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(path), plant()); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Open(t.Context(), blob.ID); err == nil {
			r.Close()
			t.Errorf("a %s was opened as a blob", name)
		}
	}
}

// TestConstantMemory writes a blob from a reader that would notice a large
// buffer: it hands out as much as it is asked for.
func TestConstantMemory(t *testing.T) {
	s := open(t, t.TempDir())
	largest, left := 0, 8<<20
	buffers := map[*byte]bool{}
	_, err := s.Write(t.Context(), readerFunc(func(p []byte) (int, error) {
		largest = max(largest, len(p))
		if len(p) == pieceBytes {
			buffers[&p[0]] = true
		}
		n := min(len(p), left)
		left -= n
		if n == 0 {
			return 0, io.EOF
		}
		copy(p[:n], bytes.Repeat([]byte{7}, n))
		return n, nil
	}))
	if err != nil || largest > pieceBytes {
		t.Errorf("%v; asked for %d bytes at once, want at most %d", err, largest, pieceBytes)
	}
	if len(buffers) > maxPieces {
		t.Errorf("it took %d buffers, want at most %d", len(buffers), maxPieces)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestFolderOfNoBlobs: a folder that is only locked tells of an unclean end, too.
func TestFolderOfNoBlobs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for i, end := range []struct {
		how     func(*Folder) error
		unclean bool // found
	}{{(*Folder).Close, false}, {(*Folder).Abandon, false}, {(*Folder).GiveBack, true}, {(*Folder).Close, true}, {(*Folder).GiveBack, false}, {(*Folder).Close, false}} {
		f, err := OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if f.Unclean() != end.unclean {
			t.Errorf("opening %d: unclean is %v", i, f.Unclean())
		}
		if other, err := OpenFolder(dir); err == nil {
			t.Error("a folder in use can be opened", other.Close())
		}
		if err := end.how(f); err != nil {
			t.Fatal(err)
		}
	}
}
