package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// workload is what one round does: gets, and among a hundred requests some sets.
type workload struct {
	shape
	pipeline int
	sets     int // in 100
}

const (
	stored  = "STORED\r\n"
	readMax = 1 << 20
	// patience is how long no answer may come before the round is given up: an
	// answer was shorter than it should be, or the server hangs.
	patience = 10 * time.Second
)

// run loads one server for the duration of a round.
func (w workload) run(p peer) (result, error) {
	threads := make([]*thread, w.threads)
	for i := range threads {
		t, err := newThread(w, p, uint64(i))
		if err != nil {
			return result{}, err
		}
		defer t.close()
		threads[i] = t
	}
	before, err := p.cpu()
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	var running sync.WaitGroup
	for _, t := range threads {
		running.Go(func() { t.err = t.run(began.Add(w.duration)) })
	}
	running.Wait()
	took := time.Since(began)
	after, err := p.cpu()
	if err != nil {
		return result{}, err
	}
	var ops int
	var all histogram
	for _, t := range threads {
		err = errors.Join(err, t.err)
		ops += t.ops
		all.add(&t.latency)
	}
	if err != nil {
		return result{}, err
	}
	resident, err := p.resident()
	return result{
		ops: float64(ops) / took.Seconds(), cpu: (after - before) / time.Duration(ops),
		p50: all.quantile(0.50), p99: all.quantile(0.99), resident: resident,
	}, err
}

// thread drives some of the connections: as soon as a pipeline is answered, the
// next is sent. It reads and writes when it can, never one instead of the other,
// because with long values server and client would wait for each other.
type thread struct {
	workload
	epoll   int
	clients []*client
	random  uint64
	value   []byte
	buffer  []byte
	ops     int
	latency histogram
	err     error
}

// client is one connection.
type client struct {
	fd      int
	request []byte // what is still to be sent
	whole   []byte // its memory
	left    int    // bytes of the answers that are still to come
	ops     int    // requests under way
	since   time.Time
	blocked bool // for writing
}

func newThread(w workload, p peer, number uint64) (*thread, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	t := &thread{workload: w, epoll: epoll, random: number, value: w.value(), buffer: make([]byte, readMax)}
	for range max(1, w.conns/w.threads) {
		fd, err := p.connect()
		if err == nil {
			t.clients = append(t.clients, &client{fd: fd})
			err = unix.SetNonblock(fd, true)
		}
		if err == nil {
			err = t.watch(unix.EPOLL_CTL_ADD, len(t.clients)-1, unix.EPOLLIN)
		}
		if err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

func (t *thread) close() {
	for _, c := range t.clients {
		_ = unix.Close(c.fd)
	}
	_ = unix.Close(t.epoll)
}

func (t *thread) watch(op, number int, events uint32) error {
	return unix.EpollCtl(t.epoll, op, t.clients[number].fd, &unix.EpollEvent{Events: events, Fd: int32(number)})
}

// run sends requests until the time comes, and reads all answers.
func (t *thread) run(until time.Time) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range t.clients {
		if err := t.next(i, time.Now()); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, len(t.clients))
	for busy := len(t.clients); busy > 0; {
		n, err := unix.EpollWait(t.epoll, events, int(patience/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no answer in %s", patience)
		}
		now := time.Now()
		for _, e := range events[:n] {
			done, err := t.goOn(int(e.Fd), now, e.Events)
			if err != nil {
				return err
			}
			if !done {
				continue
			}
			if now.After(until) {
				busy--
			} else if err := t.next(int(e.Fd), now); err != nil {
				return err
			}
		}
	}
	return nil
}

// goOn writes and reads what it can. done tells that all is answered.
func (t *thread) goOn(number int, now time.Time, events uint32) (done bool, err error) {
	c := t.clients[number]
	if events&unix.EPOLLOUT != 0 {
		if err := t.write(number); err != nil {
			return false, err
		}
	}
	if events&^unix.EPOLLOUT == 0 {
		return false, nil
	}
	n, err := unix.Read(c.fd, t.buffer)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, errors.New("the server closed the connection")
	case n > c.left:
		return false, fmt.Errorf("%d bytes more than asked for were answered: %q", n-c.left, t.buffer[:min(n, 200)])
	}
	if c.left -= n; c.left > 0 {
		return false, nil
	}
	if !bytes.HasSuffix(t.buffer[:n], []byte("\r\n")) {
		return false, fmt.Errorf("the answer ends in %q", t.buffer[max(0, n-20):n])
	}
	t.ops += c.ops
	t.latency.note(now.Sub(c.since))
	return true, nil
}

// next sends the next pipeline.
func (t *thread) next(number int, now time.Time) error {
	c := t.clients[number]
	b := c.whole[:0]
	c.left, c.ops, c.since = 0, t.pipeline, now
	for range t.pipeline {
		r := t.draw()
		key := int(r >> 32 % uint64(t.keys))
		if int(r%100) < t.sets {
			b = t.appendSet(b, key, t.value)
			c.left += len(stored)
		} else {
			b = t.appendGet(b, key)
			c.left += t.answer()
		}
	}
	c.whole, c.request = b, b
	return t.write(number)
}

func (t *thread) write(number int) error {
	c := t.clients[number]
	for len(c.request) > 0 {
		n, err := unix.Write(c.fd, c.request)
		if err == unix.EAGAIN {
			if c.blocked {
				return nil
			}
			c.blocked = true
			return t.watch(unix.EPOLL_CTL_MOD, number, unix.EPOLLIN|unix.EPOLLOUT)
		}
		if err != nil {
			return err
		}
		c.request = c.request[n:]
	}
	if !c.blocked {
		return nil
	}
	c.blocked = false
	return t.watch(unix.EPOLL_CTL_MOD, number, unix.EPOLLIN)
}

// draw is splitmix64: each thread asks for the same keys in each round.
func (t *thread) draw() uint64 {
	t.random += 0x9e3779b97f4a7c15
	z := t.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// histogram counts latencies in buckets of at most 1/16 their value.
type histogram [64 * 16]int

func (h *histogram) note(d time.Duration) {
	v := max(uint64(d), 16)
	top := bits.Len64(v) - 1
	h[top*16+int(v>>(top-4)&15)]++
}

func (h *histogram) add(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// quantile returns the lower end of the bucket in which the part q ends.
func (h *histogram) quantile(q float64) time.Duration {
	var all, seen int
	for _, n := range h {
		all += n
	}
	for i, n := range h {
		if seen += n; float64(seen) >= q*float64(all) && n > 0 {
			return time.Duration((16 + uint64(i%16)) << (i / 16) >> 4)
		}
	}
	return 0
}
