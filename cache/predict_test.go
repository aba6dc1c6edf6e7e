//go:build !race

package main

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"memcache/cache/sim"
)

var (
	predictTraces = flag.Bool("predict.traces", false, "TestThePromiseOfStatsMRC replays the traces beside the repository, too")
	predictRate   = flag.Int("predict.rate", 500, "requests a second while TestThePromiseOfStatsMRC listens to the curves: of more than 2 % of a processor has time for, some keys are sampled")
)

// What stats mrc of the running process says of another capacity and another policy
// is what happens when they are set: the same requests hit as often, to within 0.01.
func TestThePromiseOfStatsMRC(t *testing.T) {
	var short []sim.Request
	for key, size := range sim.Sized(sim.Zipf(1, 2000, 500), sim.Photograph) {
		short = append(short, sim.Request{Key: key, Size: size / 16})
	}
	t.Run("photographs", func(t *testing.T) {
		t.Parallel()
		for range 3 { // a busy machine may keep the curves from hearing of every key
			if keepsPromise(t, short, "s3fifo") == exact {
				return
			}
		}
	})
	if !*predictTraces {
		return
	}
	files, err := filepath.Glob("../../shared/traces/*.csv.zst")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, to := range []string{"lru", "wtinylfu"} {
			t.Run(filepath.Base(file)+" "+to, func(t *testing.T) {
				trace, err := readTrace(file, nil)
				if err != nil {
					t.Fatal(err)
				}
				keepsPromise(t, trace.Requests[:min(len(trace.Requests), 200_000)], to)
			})
		}
	}
}

// What the curves say of themselves, and how far a promise may be off then. The few
// keys of the short form tell less where some of them were left out.
const exact = "yes"

func allowed(said string) float64 {
	if said == exact || *predictTraces {
		return 0.01
	}
	return 0.03
}

// keepsPromise replays the requests twice with LRU and an eighth of what they need,
// sets twice of that and the policy, replays them once to warm up and once to see. It
// returns whether the curves said that they are exact.
func keepsPromise(t *testing.T, requests []sim.Request, to string) (said string) {
	_, all := sim.WorkingSet(requests)
	mb := max(1, all/8>>20)
	socket := filepath.Join(t.TempDir(), "s")
	startProcess(t, "-s", socket, "-m", strconv.FormatInt(mb, 10), "-policy", "lru")
	c := &replayer{t: t, nc: dial(t, socket)}
	c.r = bufio.NewReader(c.nc)
	c.replay(requests, *predictRate)
	before := c.promise(to, 2*mb<<20)
	hits := c.replay(requests, *predictRate)
	after := c.promise(to, 2*mb<<20)
	promised := 1 - (after.misses-before.misses)/(after.requests-before.requests)
	c.command(fmt.Sprintf("cache_memlimit %d", 2*mb), "OK")
	c.command("cache_policy "+to, "OK")
	c.replay(requests, 0)
	happened := c.replay(requests, 0)
	t.Logf("from lru, %d MB (%.4f hits) to %s, %d MB: %.4f promised, %.4f happened; rate %s, exact %s", mb, hits, to, 2*mb, promised, happened, after.rate, after.exact)
	if math.Abs(promised-happened) > allowed(after.exact) {
		t.Errorf("%.4f hits were promised, %.4f happened", promised, happened)
	}
	return after.exact
}

// replayer asks a cache process for keys, one after the other, and stores what is missing.
type replayer struct {
	t     *testing.T
	nc    net.Conn
	r     *bufio.Reader
	value [1 << 20]byte
	asked int
}

// replay returns the part that hit; so many a second, or as fast as it goes for 0.
func (c *replayer) replay(requests []sim.Request, perSecond int) float64 {
	c.t.Helper()
	hits, began := 0, time.Now()
	for i, r := range requests {
		if perSecond > 0 && i%50 == 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		}
		if c.get(r.Key) {
			hits++
		} else {
			c.set(r.Key, min(int(r.Size), len(c.value)-1024))
		}
	}
	c.asked += len(requests)
	return float64(hits) / float64(len(requests))
}

func (c *replayer) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (c *replayer) write(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.nc, format+"\r\n", args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *replayer) command(text, want string) {
	c.t.Helper()
	c.write("%s", text)
	if got := c.line(); got != want {
		c.t.Fatalf("%s is answered %q", text, got)
	}
}

func (c *replayer) get(key uint64) bool {
	c.t.Helper()
	c.write("get %x", key)
	line := c.line()
	if line == "END" {
		return false
	}
	fields := strings.Fields(line)
	if len(fields) != 4 || fields[0] != "VALUE" {
		c.t.Fatalf("get is answered %q", line)
	}
	size, err := strconv.Atoi(fields[3])
	if err == nil {
		_, err = c.r.Discard(size + len("\r\nEND\r\n"))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return true
}

func (c *replayer) set(key uint64, size int) {
	c.t.Helper()
	c.write("set %x 0 0 %d\r\n%s", key, size, c.value[:size])
	if got := c.line(); got != "STORED" && !strings.HasPrefix(got, "SERVER_ERROR object too large") {
		c.t.Fatalf("a set of %d bytes is answered %q", size, got)
	}
}

// promised is what stats mrc says of a setting.
type promised struct {
	requests, misses float64
	rate, exact      string
}

// promise waits until the curves have heard of every request, which takes a second.
func (c *replayer) promise(policy string, capacity int64) (p promised) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if p = c.curve(policy, capacity); int(p.requests) >= c.asked {
			return p
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the curves know of %.0f requests, want %d", p.requests, c.asked)
		}
	}
}

func (c *replayer) curve(policy string, capacity int64) (p promised) {
	c.t.Helper()
	c.write("stats mrc")
	ratio := -1.0
	for line := c.line(); line != "END"; line = c.line() {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			c.t.Fatalf("stats mrc has the line %q", line)
		}
		number, _ := strconv.ParseFloat(fields[2], 64)
		switch fields[1] {
		case "1h:requests":
			p.requests = number
		case fmt.Sprintf("1h:%s:%d", policy, capacity):
			ratio = number
		case "rate":
			p.rate = fields[2]
		case "exact":
			p.exact = fields[2]
		}
	}
	if ratio < 0 {
		c.t.Fatalf("stats mrc says nothing of %s with %d bytes", policy, capacity)
	}
	p.misses = ratio * p.requests
	return p
}
