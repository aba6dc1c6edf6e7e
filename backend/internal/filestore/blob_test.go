package filestore

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/storage"
)

// opened returns a blob with that content, opened, and its path.
func opened(t *testing.T, content string) (*blobFile, string) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	blob := write(t, s, content)
	t.Cleanup(blob.Release)
	r, err := s.Open(t.Context(), blob.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.(*blobFile), filepath.Join(dir, blobPath(blob.ID))
}

func TestBlobIsAReader(t *testing.T) {
	content := strings.Repeat("some bytes ", 1000)
	f, _ := opened(t, content)
	if err := iotest.TestReader(f, []byte(content)); err != nil {
		t.Error(err)
	}
	if _, err := f.Seek(0, 7); err == nil {
		t.Error("it went to nowhere")
	}
	if at, err := f.Seek(5, io.SeekEnd); at != int64(len(content)+5) || err != nil {
		t.Errorf("behind the end: %d, %v", at, err)
	}
	if n, err := f.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("behind the end, Read = %d, %v", n, err)
	}
}

func TestBlobThatIsCut(t *testing.T) {
	f, path := opened(t, "some bytes")
	if err := os.Truncate(path, 4); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); string(b) != "some" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestBlobThatIsClosed(t *testing.T) {
	f, _ := opened(t, "some bytes")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil {
		t.Error("it was closed twice")
	}
	if _, err := f.Read(make([]byte, 10)); !errors.Is(err, unix.EBADF) {
		t.Errorf("Read: %v", err)
	}
}

// TestBlobIsSentByTheKernel sends a blob from a place within it, in pieces.
func TestBlobIsSentByTheKernel(t *testing.T) {
	content := strings.Repeat("0123456789", 1000)
	f, _ := opened(t, content)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := pair[0], os.NewFile(uintptr(pair[1]), "socket")
	defer far.Close()
	if _, err := f.Seek(17, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	for sent := 1; sent > 0; {
		if sent, err = f.SendTo(near, 3000); err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(near)
	if got, err := io.ReadAll(far); !bytes.Equal(got, []byte(content[17:])) || err != nil {
		t.Errorf("%d bytes arrived, %v; want %d", len(got), err, len(content)-17)
	}
}

// unread is a blob that nobody may read but the kernel.
type unread struct{ *blobFile }

func (unread) Read([]byte) (int, error) { return 0, errors.New("it was read") }

// TestNetSendsBlobsByTheKernel: package net sends a part of a blob without reading it,
// and the blob's place is behind it then.
func TestNetSendsBlobsByTheKernel(t *testing.T) {
	content := strings.Repeat("0123456789", 10_000)
	f, _ := opened(t, content)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	arrived := make(chan string, 1)
	go func() {
		defer close(arrived)
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		b, err := io.ReadAll(c)
		if err != nil {
			t.Error(err)
		}
		arrived <- string(b)
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := f.Seek(17, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	n, err := c.(*net.TCPConn).ReadFrom(&io.LimitedReader{R: unread{f}, N: 70_000})
	if n != 70_000 || err != nil {
		t.Errorf("sent %d bytes, %v", n, err)
	}
	c.Close()
	if got := <-arrived; got != content[17:70_017] {
		t.Errorf("%d bytes arrived, which are others", len(got))
	}
	if at, err := f.Seek(0, io.SeekCurrent); at != 70_017 || err != nil {
		t.Errorf("it is at %d, %v", at, err)
	}
	f.Close()
	if _, err := f.SyscallConn(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed, it is a connection still: %v", err)
	}
}

// BenchmarkOpen opens, reads and closes a blob of 1 KiB.
func BenchmarkOpen(b *testing.B) {
	s, err := Open(b.TempDir(), Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var blob storage.Blob
	if blob, err = s.Write(b.Context(), strings.NewReader(strings.Repeat("x", 1<<10))); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 1<<10)
	for b.Loop() {
		r, err := s.Open(b.Context(), blob.ID)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(r, p); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
