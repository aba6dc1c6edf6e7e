package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memcache/cache/internal/store"
)

// Answers go out as far as the socket takes them; the rest waits with its values
// pinned, whatever becomes of the items.
func TestAnswersThatTheSocketDoesNotTakeWait(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := start(t, Config{Threads: 1}, store.Config{Capacity: 64 * mb, ItemLimit: 16 * mb})
			slow, quick := s.dialOn(t, network), s.dial(t)
			r := bufio.NewReader(quick)
			var want bytes.Buffer
			for i, size := range []int{16 * mb, 10, 1 * mb, 5000, 64 << 10, 0, 4096, 8 * mb} {
				value := pattern(size, byte(i))
				fmt.Fprintf(&want, "VA %d\r\n%s\r\n", size, value)
				send(t, quick, fmt.Sprintf("ms k%d %d q\r\n%s\r\n", i, size, value), 0)
				send(t, quick, "mn\r\n", 0)
				readLine(t, r)
				send(t, slow, fmt.Sprintf("mg k%d v\r\n", i), 0)
				if i == 0 { // it has begun to be sent: what follows waits behind it
					awaitByte(t, slow, want.Bytes()[0])
				}
			}
			send(t, slow, "mn\r\n", 0)
			want.WriteString("MN\r\n")
			send(t, quick, "mg k0 s\r\nmd k0\r\nmg k0\r\n", 0)
			for _, line := range []string{fmt.Sprintf("HD s%d", 16*mb), "HD", "EN"} {
				if got := readLine(t, r); got != line {
					t.Fatalf("%q instead of %q", got, line)
				}
			}
			if st := s.store.Stats(); st.Held < st.Bytes+16*mb {
				t.Errorf("%d bytes are held for %d bytes of items: the value that is being sent is missing", st.Held, st.Bytes)
			}
			got := make([]byte, want.Len()-1)
			if _, err := io.ReadFull(slow, got); err != nil || !bytes.Equal(got, want.Bytes()[1:]) {
				t.Errorf("other bytes arrived (%v)", err)
			}
			send(t, quick, "mn\r\n", 0) // the loop has released what it sent before
			readLine(t, r)
			if st := s.store.Stats(); st.Held != st.Bytes {
				t.Errorf("%d bytes are held for %d bytes of items", st.Held, st.Bytes)
			}
		})
	}
}

func awaitByte(t *testing.T, nc net.Conn, want byte) {
	t.Helper()
	var b [1]byte
	if _, err := io.ReadFull(nc, b[:]); err != nil || b[0] != want {
		t.Fatalf("the first byte is %q (%v)", b, err)
	}
}

func pattern(size int, seed byte) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = seed + byte(i) + byte(i>>8)*3 + byte(i>>16)*5
	}
	return b
}

func TestLongValuesThroughBothSockets(t *testing.T) {
	s := start(t, Config{}, store.Config{Capacity: 16 * mb, ItemLimit: 4 * mb})
	for _, network := range []string{"unix", "tcp"} {
		for _, size := range []int{64 << 10, 1 * mb, 4 * mb} {
			for _, pieces := range []int{0, 1 << 12, 100_003} {
				t.Run(fmt.Sprintf("%s/%d bytes/in pieces of %d", network, size, pieces), func(t *testing.T) {
					nc := s.dialOn(t, network)
					value := pattern(size, 1)
					send(t, nc, fmt.Sprintf("set k 0 0 %d\r\n%s\r\nget k\r\n", size, value), pieces)
					want := fmt.Sprintf("STORED\r\nVALUE k 0 %d\r\n%s\r\nEND\r\n", size, value)
					got := make([]byte, len(want))
					if _, err := io.ReadFull(nc, got); err != nil || string(got) != want {
						t.Errorf("other bytes arrived (%v)", err)
					}
				})
			}
		}
	}
}

// Requests without end from one connection, which reads all answers, and from
// one that reads none: the third of the same loop is served all the same.
func TestAnEndlessPipelineStarvesNobody(t *testing.T) {
	s := start(t, Config{Threads: 1}, store.Config{ItemLimit: mb})
	other := s.dial(t)
	r := bufio.NewReader(other)
	send(t, other, "set k 0 0 1000\r\n"+strings.Repeat("x", 1000)+"\r\n", 0)
	readLine(t, r)
	greedy, deaf := s.dial(t), s.dial(t)
	requests := []byte(strings.Repeat("mg k v\r\n", 10_000))
	flooded := make(chan struct{})
	var floods sync.WaitGroup
	floods.Go(func() { _, _ = io.Copy(io.Discard, greedy) })
	for _, nc := range []net.Conn{greedy, deaf} {
		floods.Go(func() {
			for i := 0; ; i++ {
				if _, err := nc.Write(requests); err != nil {
					return // closed below
				}
				if i == 3 && nc == greedy {
					close(flooded)
				}
			}
		})
	}
	<-flooded
	for range 200 {
		send(t, other, "mn\r\n", 0)
		if got := readLine(t, r); got != "MN" {
			t.Fatal(got)
		}
	}
	for _, nc := range []net.Conn{greedy, deaf} {
		if err := nc.Close(); err != nil {
			t.Error(err)
		}
	}
	floods.Wait()
}

// What is read at once is answered over many turns, in order.
func TestALongPipelineIsAnsweredInOrder(t *testing.T) {
	const requests = 3_000
	s := start(t, Config{}, store.Config{Capacity: 4 * mb, ItemLimit: mb})
	nc := s.dial(t)
	var ask, want strings.Builder
	fmt.Fprintf(&ask, "ms small 2000 q\r\n%2000d\r\nms long 20000 q\r\n%20000d\r\n", 1, 2)
	for i := range requests {
		switch i % 50 {
		case 0:
			fmt.Fprintf(&ask, "mg long v O%d\r\n", i)
			fmt.Fprintf(&want, "VA 20000 O%d\r\n%20000d\r\n", i, 2)
		case 1:
			ask.WriteString("get small nobody long small" + strings.Repeat(" small", 30) + "\r\n")
			value := fmt.Sprintf("VALUE small 0 2000\r\n%2000d\r\n", 1)
			fmt.Fprintf(&want, "%sVALUE long 0 20000\r\n%20000d\r\n%sEND\r\n", value, 2, strings.Repeat(value, 31))
		default:
			fmt.Fprintf(&ask, "mg small v O%d\r\n", i)
			fmt.Fprintf(&want, "VA 2000 O%d\r\n%2000d\r\n", i, 1)
		}
	}
	go send(t, nc, ask.String(), 0)
	got := make([]byte, want.Len())
	if n, err := io.ReadFull(nc, got); err != nil || string(got) != want.String() {
		t.Errorf("other answers arrived (%d bytes, %v)", n, err)
	}
}

// What a client sent is read to its end, also when it fills what is read at once,
// and the end of the stream comes with it.
func TestAllThatIsSentBeforeTheEndIsAnswered(t *testing.T) {
	s := start(t, Config{Threads: 1}, store.Config{ItemLimit: mb})
	for _, size := range []int{4, inSize - 4, inSize, inSize + 4, 2 * inSize, 3*inSize + 4} {
		nc, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		go func() {
			send(t, nc, strings.Repeat("mn\r\n", size/4), 0)
			_ = nc.(*net.UnixConn).CloseWrite()
		}()
		got, err := io.ReadAll(nc)
		if err != nil || string(got) != strings.Repeat("MN\r\n", size/4) {
			t.Errorf("%d bytes of requests are answered with %d (%v)", size, len(got), err)
		}
	}
}

func TestIdleConnectionsTakeHardlyAnyMemory(t *testing.T) {
	const conns, most = 400, 1024 // bytes a connection
	s := start(t, Config{MaxConns: 2 * conns, Threads: 1}, store.Config{ItemLimit: mb})
	fds := make([]int, 0, 2*conns)
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
	connect := func() (fd int) { // without the memory of a net.Conn
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: s.socket})
		}
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		return fd
	}
	exchange := func(fd int, request, want string) {
		if _, err := unix.Write(fd, []byte(request)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		for n := 0; n < len(got); {
			m, err := unix.Read(fd, got[n:])
			if err != nil || m == 0 {
				t.Fatalf("%d bytes: %v", m, err)
			}
			n += m
		}
		if string(got) != want {
			t.Fatalf("%.100q is answered %.100q", request, got)
		}
	}
	value := strings.Repeat("x", 30_000)
	for range 16 { // the loop's own buffers
		exchange(connect(), fmt.Sprintf("ms k %d\r\n%s\r\n", len(value), value), "HD\r\n")
	}
	before := heap()
	for range conns {
		fd := connect()
		exchange(fd, fmt.Sprintf("ms k %d\r\n%s\r\n", len(value), value), "HD\r\n")
		exchange(fd, "get k\r\n", fmt.Sprintf("VALUE k 0 %d\r\n%s\r\nEND\r\n", len(value), value))
	}
	if each := (int64(heap()) - int64(before)) / conns; each > most {
		t.Errorf("an idle connection takes %d bytes, more than %d", each, most)
	}
}

// beginSlowCommand makes the only connection of the only loop carry out a
// command that takes until release is closed.
func (ts *testServer) beginSlowCommand(t *testing.T) (release chan struct{}) {
	t.Helper()
	ts.awaitConnections(t, 1)
	release, begun := make(chan struct{}), make(chan struct{})
	l := ts.server.loops[0]
	l.inbox.Do(func() {
		c := l.slots[0]
		c.hungry = false
		c.settle(c.aside(func() string {
			close(begun)
			<-release
			return "DONE"
		}))
	})
	<-begun
	return release
}

// While a slow command is carried out aside, its connection waits, and the
// others of the loop do not.
func TestSlowCommandsRunAside(t *testing.T) {
	s := start(t, Config{Threads: 1}, store.Config{ItemLimit: mb})
	slow := s.dial(t)
	r := bufio.NewReader(slow)
	send(t, slow, "mn\r\n", 0)
	readLine(t, r)
	release := s.beginSlowCommand(t)
	send(t, slow, "mn\r\nquit\r\n", 0)
	other := s.dial(t)
	for range 3 {
		send(t, other, "mn\r\n", 0)
		if got := readLine(t, bufio.NewReader(other)); got != "MN" {
			t.Fatal(got)
		}
	}
	close(release)
	for _, want := range []string{"DONE", "MN"} {
		if got := readLine(t, r); got != want {
			t.Errorf("%q is answered, want %q", got, want)
		}
	}
	expectEOF(t, slow, r)
}

// The end waits for what is carried out aside, and lets it be answered.
func TestTheEndWaitsForSlowCommands(t *testing.T) {
	s := start(t, Config{Threads: 1}, store.Config{ItemLimit: mb})
	nc := s.dial(t)
	send(t, nc, "mn\r\n", 0)
	readLine(t, bufio.NewReader(nc))
	release := s.beginSlowCommand(t)
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	s.awaitClosed(t)
	select {
	case err := <-ended:
		t.Errorf("Serve returned (%v) before the command was done", err)
	default:
	}
	close(release)
	if got := readLine(t, bufio.NewReader(nc)); got != "DONE" {
		t.Errorf("answered %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheEndLetsAnswersBeReadWhole(t *testing.T) {
	const size = 12 * mb
	s := start(t, Config{}, store.Config{Capacity: 16 * mb, ItemLimit: 16 * mb})
	nc := s.dial(t)
	value := pattern(size, 1)
	send(t, nc, fmt.Sprintf("set k 0 0 %d\r\n%s\r\nmg k v\r\n", size, value), 0)
	r := bufio.NewReader(nc)
	readLine(t, r)
	if got := readLine(t, r); got != fmt.Sprintf("VA %d", size) {
		t.Fatal(got)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	s.awaitClosed(t)
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, append(value, "\r\n"...)) {
		t.Errorf("%d other bytes arrived (%v)", len(got), err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A client that never reads is dropped after the stall limit, or at the end
// after the grace; what was pinned for it is free again.
func TestAClientThatNeverReadsIsDropped(t *testing.T) {
	for name, c := range map[string]Config{"by the stall limit": {Stall: 50 * time.Millisecond}, "at the end": {}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, c, store.Config{Capacity: 8 * mb, ItemLimit: 8 * mb})
			deaf := s.dial(t)
			send(t, deaf, fmt.Sprintf("ms k %d\r\n%s\r\nmg k v\r\nmd k\r\nmg k v\r\n", 4*mb, pattern(4*mb, 1)), 0)
			readLine(t, bufio.NewReaderSize(deaf, 16)) // HD: the rest of it is on its way
			if c.Stall == 0 {
				if err := s.stop(); err != nil {
					t.Error(err)
				}
			} else {
				s.awaitConnections(t, 0)
			}
			if st := s.store.Stats(); st.Held != st.Bytes {
				t.Errorf("%d bytes are held for %d bytes of items", st.Held, st.Bytes)
			}
		})
	}
}

func TestNoDescriptorIsLeaked(t *testing.T) {
	round := func() {
		s := start(t, Config{}, store.Config{ItemLimit: mb})
		for i := range 20 {
			nc := s.dialOn(t, []string{"unix", "tcp"}[i%2])
			send(t, nc, []string{"", "mn\r\n", "set k 0 0 10\r\nabc", "quit\r\n", "\x80"}[i%5], 0)
			if i%3 == 0 {
				_ = nc.Close()
			}
			defer nc.Close()
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
	round() // the runtime's own
	before := descriptors(t)
	round()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}

// dialOn is dial over a unix socket or TCP.
func (ts *testServer) dialOn(t *testing.T, network string) net.Conn {
	t.Helper()
	if network == "unix" {
		return ts.dial(t)
	}
	return dial(t, "tcp", ts.address)
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// awaitClosed waits until nobody listens any more.
func (ts *testServer) awaitClosed(t *testing.T) {
	t.Helper()
	for start := time.Now(); ; {
		nc, err := net.Dial("unix", ts.socket)
		if err != nil {
			return
		}
		_ = nc.Close()
		if time.Since(start) > 10*time.Second {
			t.Fatal("the socket is still open after 10 s")
		}
	}
}

func (ts *testServer) awaitConnections(t *testing.T, want int64) {
	t.Helper()
	for start := time.Now(); ts.server.connections.Load() != want; {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d connections after 10 s, want %d", ts.server.connections.Load(), want)
		}
	}
}
