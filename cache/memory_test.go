package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"memcache/cache/policy"
)

var churn = flag.Int64("churn", 200, "MB that TestMemoryStaysWithinThePromise writes in each of its stages")

// The capacity is a promise about memory: what the process has resident is at
// most 1.03 times the capacity and 64 MB, at any time, whatever the sizes of the
// values are, and after the capacity grew and shrank. With -churn 50000 it is hours
// of it.
func TestMemoryStaysWithinThePromise(t *testing.T) {
	for _, name := range []string{policy.Default, "random"} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			p := startProcess(t, "-s", socket, "-m", "128", "-policy", name)
			c := &churner{t: t, pid: p.Process.Pid, nc: dial(t, socket), rng: rand.New(rand.NewPCG(1, 1)), capacity: 128}
			for _, sizes := range [][2]int{{1 << 10, 4 << 20}, {1 << 10, 4 << 10}, {64 << 10, 4 << 20}, {4 << 10, 16 << 10}} {
				c.write(sizes[0], sizes[1])
			}
			c.resize(256)
			c.write(1<<10, 4<<20)
			c.resize(64)
			c.write(1<<10, 64<<10)
			c.resize(160)
			c.write(1<<10, 4<<20)
		})
	}
}

// churner writes values to a cache process and looks at the process's memory.
type churner struct {
	t        *testing.T
	pid      int
	nc       net.Conn
	rng      *rand.Rand
	capacity int64 // MB
	keys     int
}

// write stores values of low to high bytes, small ones as often as large ones,
// under new keys, and checks the memory at every eighth of it.
func (c *churner) write(low, high int) {
	value := []byte(strings.Repeat("0123456789abcdef", 4<<20/16))
	w := bufio.NewWriterSize(c.nc, 64<<10)
	for range 8 {
		for left := *churn << 20 / 8; left > 0; c.keys++ {
			size := low << c.rng.IntN(bitsBetween(low, high)+1)
			size -= c.rng.IntN(size/2 + 1)
			fmt.Fprintf(w, "set key-%d 0 0 %d noreply\r\n%s\r\n", c.keys, size, value[:size])
			left -= int64(size)
		}
		if err := w.Flush(); err != nil {
			c.t.Fatal(err)
		}
		if got := ask(c.t, c.nc, "mn"); got != "MN" {
			c.t.Fatalf("answered %q", got)
		}
		c.check(fmt.Sprintf("values of %d to %d bytes", low, high))
	}
}

func bitsBetween(low, high int) (n int) {
	for ; low < high; low *= 2 {
		n++
	}
	return n
}

func (c *churner) resize(mb int64) {
	if got := ask(c.t, c.nc, fmt.Sprint("cache_memlimit ", mb)); got != "OK" {
		c.t.Fatalf("cache_memlimit %d: %s", mb, got)
	}
	c.capacity = mb
	c.check(fmt.Sprintf("after cache_memlimit %d", mb))
}

func (c *churner) check(when string) {
	c.t.Helper()
	resident := c.resident()
	c.t.Logf("%s: %d MB resident for %d MB", when, resident>>20, c.capacity)
	if promise := c.capacity<<20*103/100 + 64<<20; resident > promise {
		c.t.Errorf("%s: %d MB are resident, %d MB are promised", when, resident>>20, promise>>20)
	}
}

// resident is the memory of the process that is in RAM, in bytes.
func (c *churner) resident() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return kb << 10
		}
	}
	c.t.Fatal("the process has no VmRSS")
	return 0
}
