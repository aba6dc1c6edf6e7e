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

// memoryLimit is how much memory of its own the server may have at any time,
// without the pages of its program.
const memoryLimit = 64 << 20

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

// TestConstantMemory: an object of any size goes in and out through little memory.
func TestConstantMemory(t *testing.T) {
	s := newSite(t, "-max-object", "8g")
	s.env = []string{"GOMEMLIMIT=48MiB"} // SQLite's memory is not Go's
	s.start()
	backend := s.program("backend").pid
	s.do("PUT", "/objects/large", &zeros{*largeObject}, http.StatusCreated)
	res, err := http.Get(s.url + "/objects/large")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != *largeObject || err != nil {
		t.Fatalf("read %d of %d bytes, %v", n, *largeObject, err)
	}
	peak := memory(t, backend, "VmHWM") - memory(t, backend, "RssFile")
	t.Logf("at most %d KiB with an object of %d MiB", peak>>10, *largeObject>>20)
	if peak > memoryLimit {
		t.Errorf("an object of %d bytes takes %d bytes of memory, want at most %d", *largeObject, peak, memoryLimit)
	}
	s.stop()
}

// memory returns a figure of a process's memory in bytes: "VmHWM", the most that
// it has had resident, or "RssFile", what of that are pages of files.
func memory(t *testing.T, pid int, name string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\n"+name+":")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseInt(kb, 10, 64)
	if err != nil {
		t.Fatalf("%s of process %d: %v", name, pid, err)
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
