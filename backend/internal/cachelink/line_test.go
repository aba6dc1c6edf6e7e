package cachelink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memcache/backend/internal/storage"
	"memcache/backend/internal/storage/storagetest"
)

// heard is an answer, with a copy of the value.
type heard struct {
	storage.Lookup
	err error
}

func (h *heard) Answered(found storage.Lookup, err error) {
	found.Value = bytes.Clone(found.Value)
	if found.Release != nil {
		found.Release()
	}
	*h = heard{found, err}
}

// dialLine makes a line that is closed at the test's end.
func dialLine(t *testing.T, c client) *Line {
	t.Helper()
	l, err := Dial(t.Context(), c.CacheNode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(io.ErrClosedPipe) })
	return l
}

// turn sends what has gathered and reads until nothing is outstanding, or the
// line fails.
func turn(l *Line) error {
	for l.Busy() || len(l.out) > 0 {
		if err := l.Flush(); err != nil {
			return err
		}
		events := int16(unix.POLLIN)
		if len(l.out) > 0 {
			events |= unix.POLLOUT
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(l.FD()), Events: events}}, 20); err != nil && err != unix.EINTR {
			return err
		}
		if _, err := l.Read(); err != nil {
			return err
		}
		if err := l.Check(time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// ask looks up keys in one turn.
func (l *Line) ask(t *testing.T, keys ...string) []heard {
	t.Helper()
	all := make([]heard, len(keys))
	for i, key := range keys {
		if !l.Get(key, &all[i], time.Now()) {
			t.Fatalf("%s may not be asked for", key)
		}
	}
	if err := turn(l); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestALineBringsWhatIsCached: many values in one turn, shorter and longer than
// its buffer.
func TestALineBringsWhatIsCached(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		l := dialLine(t, c)
		want := make(map[string]string)
		var keys []string
		for i, size := range []int{1, 2, 100, 4 << 10, 100 << 10, lineBuffer - 30, lineBuffer - 20, lineBuffer - 10, lineBuffer, lineBuffer + 1, 700 << 10} {
			key := fmt.Sprint("k", size)
			want[key] = strings.Repeat(fmt.Sprint(i, "\r\n"), size)[:size]
			keys = append(keys, key, key, "k1")
			found := l.ask(t, key)[0]
			if found.err != nil || found.Lease == 0 {
				t.Fatalf("%s: %+v, want a lease", key, found)
			}
			if again := l.ask(t, key)[0]; again.err != nil || again.Lease != 0 || again.Held || again.Value != nil {
				t.Errorf("%s, which somebody fills: %+v", key, again)
			}
			if err := c.Fill(t.Context(), key, found.Lease, nil, []byte(want[key])); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			for i, found := range l.ask(t, keys...) {
				if found.err != nil || string(found.Value) != want[keys[i]] {
					t.Errorf("%s: %d bytes, %v, want %d", keys[i], len(found.Value), found.err, len(want[keys[i]]))
				}
			}
		}
		if err := c.Hold(t.Context(), "k1"); err != nil {
			t.Fatal(err)
		}
		if found := l.ask(t, "k1")[0]; !found.Held {
			t.Errorf("a key that is held: %+v", found)
		}
	})
}

// TestFault73_ALineToAnEarlierProcess fails when another one is met.
func TestFault73_ALineToAnEarlierProcess(t *testing.T) {
	eachProgram(t, func(t *testing.T, p *storagetest.Process) {
		c := dial(t, Config{Nodes: []string{p.Address}})
		l := dialLine(t, c)
		old := l.ask(t, "k")[0]
		p.Kill(t)
		p.Start(t)
		if _, err := c.Get(t.Context(), "other"); err != nil {
			t.Fatal(err)
		}
		if err := c.Fill(t.Context(), "k", old.Lease, nil, []byte("old")); !errors.Is(err, storage.ErrLeaseLost) {
			t.Errorf("a fill under its lease: %v", err)
		}
		if l.Get("k", &heard{}, time.Now()) {
			if err := turn(l); err == nil {
				t.Error("it is still of use")
			}
		}
		if found := dialLine(t, c).ask(t, "k")[0]; found.err != nil || found.Lease == 0 {
			t.Errorf("a new one: %+v", found)
		}
	})
}

// TestALineThatGetsNoAnswerFails, tells who asked, and opens the breaker.
func TestALineThatGetsNoAnswerFails(t *testing.T) {
	c := dial(t, Config{Nodes: []string{fake(t, func(nc net.Conn, _ *bufio.Reader) { _, _ = io.Copy(io.Discard, nc) })}, Timeout: 100 * time.Millisecond})
	l, err := Dial(t.Context(), c.CacheNode)
	if err != nil {
		t.Fatal(err)
	}
	var a, b heard
	if !l.Get("a", &a, time.Now()) || !l.Get("b", &b, time.Now()) {
		t.Fatal("it may not be asked")
	}
	err = turn(l)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it ends with %v, want that the time is over", err)
	}
	l.Close(err)
	if a.err == nil || b.err == nil {
		t.Error("who asked is not told")
	}
	if _, err := Dial(t.Context(), c.CacheNode); err == nil {
		t.Error("the breaker is closed")
	}
}

// TestALineToANodeThatTalksNonsenseFails.
func TestALineToANodeThatTalksNonsenseFails(t *testing.T) {
	for _, nonsense := range []string{
		"VA x\r\n", "VA 99999999999\r\n", "VA 1 c1\r\nabc\r\n", "VA 0 cx W\r\n\r\n", "HELLO\r\n", "EN\r\nEN\r\n", strings.Repeat("x", 3000),
		fmt.Sprintf("VA %d c1\r\n%sxx", 300<<10, strings.Repeat("v", 300<<10)),
	} {
		c := dial(t, Config{Nodes: []string{fake(t, answering(nonsense))}})
		l, err := Dial(t.Context(), c.CacheNode)
		if err != nil {
			t.Fatal(err)
		}
		var got heard
		l.Get("k", &got, time.Now())
		for err == nil { // also what comes after an answer is read
			if err = turn(l); err == nil {
				_, err = l.Read()
			}
		}
		l.Close(err)
		if got.err == nil && got.Value != nil {
			t.Errorf("%.40q is taken for a value", nonsense)
		}
	}
}
