package e2e

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var largeObject = flag.Int64("large", 256<<20, "bytes of the object that TestConstantMemory stores and reads; 4 GiB is 4294967296")

// maxRise is how much more memory a large object may take than a small one.
const maxRise = 16 << 20

// zeros is a stream of so many zeros.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// TestConstantMemory: an object of any size goes in and out through the same
// little memory.
func TestConstantMemory(t *testing.T) {
	s := newSite(t, "-max-object", "8g")
	s.env = []string{"GOMEMLIMIT=64MiB"}
	s.start()
	backend := s.program("backend").pid
	pass := func(key string, size int64) int64 {
		s.do("PUT", "/objects/"+key, &zeros{size}, http.StatusCreated)
		res, err := http.Get(s.url + "/objects/" + key)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
			t.Fatalf("read %d of %d bytes, %v", n, size, err)
		}
		return peakMemory(t, backend)
	}
	small := pass("small", 1<<20)
	large := pass("large", *largeObject)
	t.Logf("peak of the resident memory: %d KiB with 1 MiB, %d KiB with %d MiB", small>>10, large>>10, *largeObject>>20)
	if large > small+maxRise {
		t.Errorf("an object of %d bytes takes %d bytes of memory, one of 1 MiB %d", *largeObject, large, small)
	}
	s.stop()
}

// peakMemory returns the most memory that a process has had resident, in bytes.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kb, 10, 64)
	if err != nil {
		t.Fatalf("the peak of process %d: %v", pid, err)
	}
	return n << 10
}

// TestFault56_OutOfDescriptors: what needs one more is refused for the moment,
// the rest is served, and the process lives on.
func TestFault56_OutOfDescriptors(t *testing.T) {
	s := start(t)
	backend := s.program("backend").pid
	large := strings.Repeat("x", 2<<20) // too large for the cache, so its file is opened
	s.do("PUT", "/objects/large", strings.NewReader(large), http.StatusCreated)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}} // one connection, which is there already
	defer client.CloseIdleConnections()
	want := func(method, path, body string, status int) {
		t.Helper()
		req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := send(client, req)
		if err != nil || r.StatusCode != status {
			t.Errorf("%s %s: %v, %v, want %d: %.200s", method, path, r.Response, err, status, r.body)
		}
		if status == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
			t.Errorf("%s %s: no Retry-After", method, path)
		}
	}
	want("GET", "/healthz", "", http.StatusOK)
	restore := limitDescriptors(t, backend)
	for range 3 {
		want("GET", "/healthz", "", http.StatusOK)
		want("GET", "/objects/large", "", http.StatusServiceUnavailable)
		want("PUT", "/objects/new", "content", http.StatusServiceUnavailable)
	}
	restore()
	want("PUT", "/objects/new", "content", http.StatusCreated)
	want("GET", "/objects/large", "", http.StatusOK)
	if now := s.program("backend").pid; now != backend {
		t.Errorf("the server is the process %d, it was %d", now, backend)
	}
	s.stop()
}

// limitDescriptors lets a process open no file more; restore undoes it.
func limitDescriptors(t *testing.T, pid int) (restore func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	set := func(most uint64) {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: before.Max}, nil); err != nil {
			t.Fatal(err)
		}
	}
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	least := uint64(len(open)) // a new descriptor takes the lowest number that is free
	for n := range least {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", pid, n)); err != nil {
			least = n
			break
		}
	}
	set(least)
	return func() { set(before.Cur) }
}
