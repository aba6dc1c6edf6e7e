package cachelink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memcache/backend/internal/storage"
)

// greeting is what a node answers to a new connection.
const greeting = "STAT pid 7\r\nSTAT time 1000\r\nSTAT uptime 10\r\nSTAT limit_maxbytes 67108864\r\nEND\r\nSTAT item_size_max 1048576\r\nEND\r\n"

// fake runs a node that greets like one and then does what serve says.
func fake(t *testing.T, serve func(nc net.Conn, br *bufio.Reader)) (address string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, nc := range open {
			nc.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			wg.Go(func() {
				defer nc.Close()
				br := bufio.NewReader(nc)
				for range 2 {
					if _, err := br.ReadString('\n'); err != nil {
						return
					}
				}
				if _, err := nc.Write([]byte(greeting)); err == nil {
					serve(nc, br)
				}
			})
		}
	})
	return "unix:" + path
}

// answering answers every command with the same.
func answering(reply string) func(net.Conn, *bufio.Reader) {
	return func(nc net.Conn, br *bufio.Reader) {
		for {
			if _, err := br.ReadString('\n'); err != nil {
				return
			}
			if _, err := nc.Write([]byte(reply)); err != nil {
				return
			}
		}
	}
}

func TestNonsenseFromTheNode(t *testing.T) {
	for _, reply := range []string{
		"HELLO\r\n", "VA\r\n", "VA x c1\r\n", "VA -1 c1\r\n", "VA 99999999999999999999 c1\r\n", "VA 1073741824 c1\r\n",
		"VA 3 cx\r\nabc\r\n", "VA 3 c1\r\nabcde\r\n", "\r\n", "END\r\n", "STAT a b\r\n", strings.Repeat("x", 1<<20), "\x81\x00\n",
	} {
		c := dial(t, Config{Nodes: []string{fake(t, answering(reply))}, Conns: 1})
		if l, err := c.Get(t.Context(), "k"); err == nil {
			t.Errorf("the reply %.40q became %+v", reply, l)
		}
		if !c.first().breaker.open.Load() {
			t.Errorf("after the reply %.40q the node counts as well", reply)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, reply := range []string{"ERROR\r\n", "CLIENT_ERROR no\r\n", "SERVER_ERROR out of memory\r\n", "EX\r\n"} {
		c := dial(t, Config{Nodes: []string{fake(t, answering(reply))}, Conns: 1})
		for range 2 { // the connection goes on
			err := c.Delete(t.Context(), "k")
			r, ok := errors.AsType[*RefusedError](err)
			if !ok || r.Reply != strings.TrimSpace(reply) {
				t.Errorf("Delete answered with %q: %v", reply, err)
			}
		}
	}
}

func TestGetRefused(t *testing.T) {
	c := dial(t, Config{Nodes: []string{fake(t, answering("SERVER_ERROR out of memory\r\n"))}, Conns: 1})
	if l, err := c.Get(t.Context(), "k"); err == nil {
		t.Errorf("a refused Get became %+v", l)
	}
}

// TestUnaskedReply: what nobody asked for ends the connection, or the next
// reply would be taken for it.
func TestUnaskedReply(t *testing.T) {
	c := dial(t, Config{Nodes: []string{fake(t, answering("NF\r\nHD\r\n"))}, Conns: 1})
	for range 20 {
		if err := c.Delete(t.Context(), "k"); err != nil && !errors.Is(err, errStale) && !isDown(err) {
			t.Fatal(err)
		}
	}
}

func isDown(err error) bool {
	_, ok := errors.AsType[*errDown](err)
	return ok
}

// TestStaleConnectionIsReplacedOnce: a connection that the node closes before
// the reply begins costs a second one; two such are an error.
func TestStaleConnectionIsReplacedOnce(t *testing.T) {
	for _, test := range []struct {
		bad  int
		fine bool
	}{{1, true}, {2, false}} {
		var mu sync.Mutex
		seen := 0
		c := dial(t, Config{Conns: 1, Nodes: []string{fake(t, func(nc net.Conn, br *bufio.Reader) {
			if _, err := br.ReadString('\n'); err != nil {
				return
			}
			mu.Lock()
			seen++
			n := seen
			mu.Unlock()
			if n > test.bad {
				nc.Write([]byte("HD\r\n"))
				br.ReadString('\n')
			}
		})}})
		if err := c.Delete(t.Context(), "k"); (err == nil) != test.fine {
			t.Errorf("after %d stale connections: %v", test.bad, err)
		}
	}
}

// TestBrokenReplyIsNotRetried: once a reply has begun, the command was carried out.
func TestBrokenReplyIsNotRetried(t *testing.T) {
	var mu sync.Mutex
	seen := 0
	c := dial(t, Config{Conns: 1, Nodes: []string{fake(t, func(nc net.Conn, br *bufio.Reader) {
		br.ReadString('\n')
		mu.Lock()
		seen++
		mu.Unlock()
		nc.Write([]byte("VA 10 c1\r\nabc"))
	})}})
	if _, err := c.Get(t.Context(), "k"); err == nil {
		t.Error("half a value was taken")
	}
	mu.Lock()
	defer mu.Unlock()
	if seen != 1 {
		t.Errorf("the command was sent %d times", seen)
	}
}

// TestAbandonedRequestKeepsStep: the reply to a caller that is gone is not
// given to the next one.
func TestAbandonedRequestKeepsStep(t *testing.T) {
	got := make(chan string)
	release := make(chan struct{})
	c := dial(t, Config{Conns: 1, Nodes: []string{fake(t, func(nc net.Conn, br *bufio.Reader) {
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "mg first") {
				got <- line
				<-release
				nc.Write([]byte("VA 5 c1\r\nFIRST\r\n"))
			} else {
				nc.Write([]byte("VA 6 c2\r\nSECOND\r\n"))
			}
		}
	})}})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.Get(ctx, "first")
		first <- err
	}()
	<-got
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the abandoned Get: %v", err)
	}
	close(release)
	l, err := c.Get(t.Context(), "second")
	if err != nil || string(l.Value) != "SECOND" {
		t.Fatalf("the next Get = %q, %v", l.Value, err)
	}
	l.Release()
}

// TestAnotherProcessEndsOldConnections: a deletion must not be confirmed by a
// process that readers do not ask any more.
func TestAnotherProcessEndsOldConnections(t *testing.T) {
	c := dial(t, Config{Conns: 2, Nodes: []string{fake(t, answering("HD\r\n"))}})
	n := c.first()
	for range 2 {
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	first, second := n.slots[0].cn.Load(), n.slots[1].cn.Load()
	n.mu.Lock()
	n.run.pid++ // as if they led to another one
	n.mu.Unlock()
	first.fail(errors.New("the test closes it"))
	for range 4 {
		if err := c.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	if !second.dead() || n.slots[1].cn.Load() == second {
		t.Error("the connection to the earlier process is still in use")
	}
}

// TestRequestsShareConnections: a hundred are under way on two connections
// before the first is answered.
func TestRequestsShareConnections(t *testing.T) {
	const requests, conns = 100, 2
	var arrived sync.WaitGroup
	arrived.Add(requests)
	var connected atomic.Int64
	c := dial(t, Config{Conns: conns, Nodes: []string{fake(t, func(nc net.Conn, br *bufio.Reader) {
		connected.Add(1)
		answers := make(chan struct{}, requests)
		var answering sync.WaitGroup
		defer answering.Wait()
		defer close(answers)
		answering.Go(func() {
			for range answers {
				arrived.Wait()
				nc.Write([]byte("HD\r\n"))
			}
		})
		for {
			if _, err := br.ReadString('\n'); err != nil {
				return
			}
			answers <- struct{}{}
			arrived.Done()
		}
	})}})
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			if err := c.Delete(t.Context(), fmt.Sprint("key", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := connected.Load(); n > conns {
		t.Errorf("%d connections were made for %d requests, want at most %d", n, requests, conns)
	}
}

// TestFault71_ANodeThatDoesNotRead: the deadline holds also for who waits to
// write, and for who waits behind it.
func TestFault71_ANodeThatDoesNotRead(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck) // before the fake waits for its end
	c := dial(t, Config{Conns: 1, Timeout: 50 * time.Millisecond, Nodes: []string{fake(t, func(net.Conn, *bufio.Reader) { <-stuck })}})
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			q := newCall(replyLine)
			q.line, q.body = append(q.line, "ms k 8388608\r\n"...), make([]byte, 8<<20)
			if _, err := c.first().do(t.Context(), q); !errors.Is(err, os.ErrDeadlineExceeded) && !isDown(err) {
				t.Errorf("a value that cannot be written: %v", err)
			}
		})
	}
	all.Wait()
	if !c.first().breaker.open.Load() {
		t.Error("the breaker is not open")
	}
}

func TestLeasesAreBounded(t *testing.T) {
	var l leases
	first := l.add(run{}, 1)
	for range maxLeases - 1 {
		l.add(run{}, 2)
	}
	if _, cas, ok := l.find(first); !ok || cas != 1 {
		t.Errorf("the oldest of %d leases is %d, %t", maxLeases, cas, ok)
	}
	l.add(run{}, 3)
	if _, _, ok := l.find(first); ok {
		t.Error("one lease too many is remembered")
	}
	if _, _, ok := l.find(0); ok {
		t.Error("the lease 0 exists")
	}
}

func TestFillOfForgottenLease(t *testing.T) {
	c := dial(t, Config{Nodes: []string{"unix:/nowhere"}})
	if err := c.Fill(t.Context(), "k", 77, nil, nil); !errors.Is(err, storage.ErrLeaseLost) {
		t.Errorf("Fill: %v", err)
	}
	if err := c.Release(t.Context(), "k", 77); err != nil {
		t.Errorf("Release: %v", err)
	}
}

// TestBreaker walks through its states with a clock of its own.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker{first: time.Second, most: 4 * time.Second}
		allow := func(want, wantProbe bool) {
			t.Helper()
			probe, err := b.allow("node", 100*time.Millisecond)
			if (err == nil) != want || probe != wantProbe {
				t.Fatalf("allow = %t, %v; want it allowed %t, a probe %t", probe, err, want, wantProbe)
			}
		}
		cause := errors.New("broken")
		allow(true, false)
		if !b.fail(false, cause) || b.fail(false, cause) {
			t.Error("only the first failure opens the breaker")
		}
		allow(false, false)
		for _, backoff := range []time.Duration{1, 2, 4, 4} {
			time.Sleep(backoff*time.Second - time.Millisecond)
			allow(false, false)
			time.Sleep(time.Millisecond)
			allow(true, true)
			allow(false, false) // one probe at a time
			b.fail(true, cause)
		}
		time.Sleep(4 * time.Second)
		allow(true, true)
		time.Sleep(100 * time.Millisecond) // that probe was given up
		allow(true, true)
		if b.succeed(false) || !b.succeed(true) || b.succeed(true) {
			t.Error("only a probe closes the breaker, and once")
		}
		allow(true, false)
	})
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"VA 3 c1\r\nabc\r\n", "VA 0 c1 W\r\n\r\n", "HD\r\n", "EN\r\n", "NF\n", "STAT a b\r\nEND\r\n", "SERVER_ERROR x\r\n", "VA 3\r\nab", "",
	} {
		for kind := range 3 {
			f.Add(seed, kind)
		}
	}
	f.Fuzz(func(t *testing.T, input string, kind int) {
		if kind < 0 || kind > 2 {
			return
		}
		cn := &conn{br: bufio.NewReader(strings.NewReader(input)), buffers: &buffers{}, limit: 1 << 20}
		q := newCall(replyKind(kind))
		err := cn.readReply(q)
		if err != nil && q.value != nil {
			t.Error("a value came with an error")
		}
		if q.value != nil && !strings.Contains(input, string(q.value.b)) {
			t.Errorf("the value %q is not in the reply %q", q.value.b, input)
		}
	})
}
