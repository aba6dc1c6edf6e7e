package e2e

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFault91_NothingElseListens: without flags, the backend on this machine alone,
// and the cache on its socket; no UDP.
func TestFault91_NothingElseListens(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, want := range map[string]int{"backend": 1, "cache": 0} {
		open := listening(t, s.program(name).pid)
		if len(open) != want {
			t.Errorf("the %s listens on %v, want %d addresses", name, open, want)
		}
		for _, address := range open {
			if !address.Addr().IsLoopback() || !strings.HasSuffix(s.url, fmt.Sprint(":", address.Port())) {
				t.Errorf("the %s listens on %v, and said %s", name, address, s.url)
			}
		}
	}
	s.stop()
}

// listening returns the addresses of TCP that a process accepts connections on, and
// those of UDP that it has.
func listening(t *testing.T, pid int) (open []netip.AddrPort) {
	t.Helper()
	own := sockets(t, pid)
	if len(own) == 0 {
		t.Fatalf("process %d has no sockets at all: this looks at the wrong place", pid)
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			const listens = "0A"
			f := strings.Fields(line) // sl local remote state ... inode
			if len(f) < 10 || !slices.Contains(own, f[9]) || strings.HasPrefix(table, "tcp") && f[3] != listens {
				continue
			}
			open = append(open, parseAddress(t, f[1]))
		}
	}
	return open
}

// sockets are the inodes of a process's sockets.
func sockets(t *testing.T, pid int) (inodes []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, _ := os.Readlink(link) // it may be closed by now
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}

// parseAddress reads what the kernel writes: words of four bytes in the machine's
// order, here little-endian, and the port.
func parseAddress(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host + port)
	if err != nil || len(raw)%4 != 2 {
		t.Fatalf("the kernel has the address %q", text)
	}
	end := len(raw) - 2
	for word := 0; word < end; word += 4 {
		slices.Reverse(raw[word : word+4])
	}
	address, _ := netip.AddrFromSlice(raw[:end])
	return netip.AddrPortFrom(address, uint16(raw[end])<<8|uint16(raw[end+1]))
}
