package front

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// TestSlowReadersKeepNobodyWaiting, and get all in the end.
func TestSlowReadersKeepNobodyWaiting(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	var slow []client
	for range 3 {
		c := dial(t, w.address)
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		c.send(t, get("large"))
		slow = append(slow, c)
	}
	quick := dial(t, w.address)
	for range 100 {
		if _, body := quick.ask(t, get("100k")); body != string(w.of["100k"]) {
			t.Fatal("another client gets something else")
		}
	}
	for i, c := range slow {
		answer, err := http.ReadResponse(c.Reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(body, w.of["large"]) {
			t.Errorf("slow reader %d gets %d bytes, %v", i, len(body), err)
		}
		c.ask(t, get("one")) // it is in step
	}
}

// TestWhoTakesNothingIsDropped.
func TestWhoTakesNothingIsDropped(t *testing.T) {
	w := newWorld(t, patience, func(c *Config) { c.Stall = 200 * time.Millisecond })
	w.warm(t)
	c := dial(t, w.address)
	if err := c.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(t, get("large"))
	timeout := time.After(patience)
	for n := int64(1); n == 1; { // those of warm
		select {
		case n = <-w.sent:
			if n >= large {
				t.Errorf("%d bytes were taken", n)
			}
		case <-timeout:
			t.Fatal("the client is still waited for")
		}
	}
}

// TestClientsThatLeaveLeaveNothing: no descriptor, no goroutine (TestMain looks).
func TestClientsThatLeaveLeaveNothing(t *testing.T) {
	w := newWorld(t, patience, nil)
	w.warm(t)
	before := descriptors(t)
	for i := range 200 {
		nc, err := net.Dial("tcp", w.address)
		if err != nil {
			t.Fatal(err)
		}
		said := []string{"", "GET /ob", get("large"), get("nothing"), get("16k") + get("16k"), "PUT /objects/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"}[i%6]
		if _, err := io.WriteString(nc, said); err != nil {
			t.Fatal(err)
		}
		if i%6 == 2 || i%6 == 4 { // it leaves in the middle of the answers
			_, _ = nc.Read(make([]byte, 100))
		}
		nc.Close()
	}
	for deadline := time.Now().Add(patience); descriptors(t) > before; w.warm(t) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d before", descriptors(t), before)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// counted is a Memory that knows the most that was taken of it.
type counted struct {
	mu               sync.Mutex
	size, used, most int64
}

func (m *counted) TryAcquire(bytes int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+bytes > m.size {
		return false
	}
	m.used += bytes
	m.most = max(m.most, m.used)
	return true
}

func (m *counted) Release(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= bytes
}

func (m *counted) taken() (used, most int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.most
}

// TestFault78_WhatSlowReadersKeepIsBounded: who comes when it is used up is
// answered from elsewhere, and all is given back when they are gone.
func TestFault78_WhatSlowReadersKeepIsBounded(t *testing.T) {
	memory := &counted{size: 2*large + large/2}
	w := newWorld(t, patience, func(c *Config) { c.Memory = memory })
	w.warm(t)
	var slow []client
	for i := range 2 {
		c := dial(t, w.address)
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		c.send(t, get("large"))
		slow = append(slow, c)
		for used, _ := memory.taken(); used < int64(i+1)*large; used, _ = memory.taken() {
			time.Sleep(time.Millisecond)
		}
	}
	quick := dial(t, w.address)
	for name, past := range map[string]string{"large": "true", "1k": ""} {
		before := w.other.Load()
		answer, body := quick.ask(t, get(name))
		if body != string(w.of[name]) || answer.Header.Get("Past") != past || w.other.Load()-before != int64(len(past)/4) {
			t.Errorf("%s: %d bytes, past the cache %q, want %q", name, len(body), answer.Header.Get("Past"), past)
		}
	}
	for _, c := range slow {
		_ = c.Close()
	}
	for used, _ := memory.taken(); used > 0; used, _ = memory.taken() {
		time.Sleep(time.Millisecond)
	}
	if _, most := memory.taken(); most > memory.size {
		t.Errorf("%d bytes were kept of %d", most, memory.size)
	}
	if answer, body := quick.ask(t, get("large")); body != string(w.of["large"]) || answer.Header.Get("Past") != "" {
		t.Errorf("afterwards: %d bytes, past the cache %q", len(body), answer.Header.Get("Past"))
	}
}
