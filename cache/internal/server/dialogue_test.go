package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/cache/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A file of testdata holds dialogues in the txtar format: text up to the first
// marker explains them, and below each marker "-- name --" is one dialogue with
// a fresh server, line by line:
//
//	> text      is sent, with a line end
//	>> "text"   is sent as it is, a Go string
//	< text      is the next line of the answer
//	<~ text     is how the next line begins
//	<EOF        the connection is closed
//	! 30s       the clock goes on, and the server maintains its store
//
// {x*251} stands for 251 times x. Every dialogue ends with a check that nothing
// is left to read and that the connection is in step.
//
// memcached must give the same answers, except where a name begins with "ours:".
type dialogue struct {
	name  string
	lines []string
}

func TestDialogues(t *testing.T) {
	for _, file := range []string{"text.txt", "numbers.txt", "meta.txt", "lease.txt", "expiry.txt", "admin.txt"} {
		t.Run(strings.TrimSuffix(file, ".txt"), func(t *testing.T) { runDialogues(t, file) })
	}
}

func TestFault33_AnotherProtocolIsNotAnswered(t *testing.T) { runDialogues(t, "fault33.txt") }
func TestFault34_UnknownCommand(t *testing.T)               { runDialogues(t, "fault34.txt") }
func TestFault35_LengthOutOfRange(t *testing.T)             { runDialogues(t, "fault35.txt") }
func TestFault36_KeyOf251Bytes(t *testing.T)                { runDialogues(t, "fault36.txt") }
func TestFault37_DataWithoutItsLineEnd(t *testing.T)        { runDialogues(t, "fault37.txt") }
func TestFault38_BareNewlines(t *testing.T)                 { runDialogues(t, "fault38.txt") }
func TestFault39_ItemOverTheLimit(t *testing.T)             { runDialogues(t, "fault39.txt") }
func TestFault42_ErrorsUnderNoreply(t *testing.T)           { runDialogues(t, "fault42.txt") }
func TestFault43_BinaryProtocol(t *testing.T)               { runDialogues(t, "fault43.txt") }

// Fault 40: whether a request comes whole or byte by byte, it is answered in
// the same way, so every dialogue is held in both.
func runDialogues(t *testing.T, file string) {
	all := readDialogues(t, file)
	for _, d := range all {
		t.Run(d.name+"/whole", func(t *testing.T) { talkToOurs(t, d, 0) })
		t.Run(d.name+"/fault 40 byte by byte", func(t *testing.T) { talkToOurs(t, d, 1) })
	}
	for _, d := range all {
		if !strings.HasPrefix(d.name, "ours:") {
			t.Run(d.name+"/memcached", func(t *testing.T) { talk(t, d.withoutSeconds(), startMemcached(t).dial(t), 0, nil) })
		}
	}
}

func readDialogues(t testing.TB, file string) (all []dialogue) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			all = append(all, dialogue{name: strings.TrimSuffix(name, " --")})
		} else if len(all) > 0 && line != "" {
			d := &all[len(all)-1]
			d.lines = append(d.lines, line)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no dialogue", file)
	}
	return all
}

func talkToOurs(t *testing.T, d dialogue, atOnce int) {
	s := start(t, Config{}, store.Config{ItemLimit: 20_000})
	talk(t, d, s.dial(t), atOnce, func(by time.Duration) {
		s.clock.advance(by)
		if err := s.store.Maintain(); err != nil {
			t.Error(err)
		}
	})
	if st := s.store.Stats(); st.Held != st.Bytes || st.Held > st.Capacity {
		t.Errorf("%d bytes are held for %d bytes of items, of %d", st.Held, st.Bytes, st.Capacity)
	}
}

// unixServer is a server on a unix socket, ours or memcached.
type unixServer struct{ socket string }

// startMemcached starts Debian's memcached, for a second opinion.
func startMemcached(t testing.TB) unixServer {
	t.Helper()
	s := unixServer{filepath.Join(t.TempDir(), "s")}
	cmd := exec.CommandContext(t.Context(), program(t, "memcached", "memcached"), "-s", s.socket, "-m", "64", "-u", "root")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for start := time.Now(); ; {
		nc, err := net.Dial("unix", s.socket)
		if err == nil {
			_ = nc.Close()
			return s
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal(err)
		}
	}
}

func (s unixServer) dial(t testing.TB) net.Conn {
	t.Helper()
	return dial(t, "unix", s.socket)
}

// dial connects for as long as the test lasts; it fails the test rather than
// wait for ever.
func dial(t testing.TB, network, address string) net.Conn {
	t.Helper()
	nc, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// program finds a program of a Debian package. Without it a test fails: what
// it shows is never skipped in silence.
func program(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: install Debian's package %s, or run ./build.sh test, which does", err, debianPackage)
	}
	return path
}

// talk holds a dialogue over nc, atOnce bytes at a time, 0 for all.
func talk(t *testing.T, d dialogue, nc net.Conn, atOnce int, advance func(time.Duration)) {
	t.Helper()
	answers := bufio.NewReader(nc)
	for _, line := range d.lines {
		kind, text := cutLine(line)
		switch kind {
		case ">":
			send(t, nc, text+"\r\n", atOnce)
		case ">>":
			raw, err := strconv.Unquote(text)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			send(t, nc, raw, atOnce)
		case "<", "<~":
			got := readLine(t, answers)
			if advance == nil {
				got = maskSeconds(got)
			}
			if got != text && (kind == "<" || !strings.HasPrefix(got, text)) {
				t.Fatalf("%s: the answer is %q", shorten(line), shorten(got))
			}
		case "<EOF":
			expectEOF(t, nc, answers)
			return
		case "!":
			by, err := time.ParseDuration(text)
			if err != nil || advance == nil {
				t.Fatalf("%s: %v", line, err)
			}
			advance(by)
		default:
			t.Fatalf("a line of the dialogue cannot be understood: %s", line)
		}
	}
	send(t, nc, "mn\r\n", 0)
	if got := readLine(t, answers); got != "MN" {
		t.Errorf("out of step at the end: %q", shorten(got))
	}
}

// memcached's clock goes on while it is asked: answers are compared without the
// seconds in them.
func (d dialogue) withoutSeconds() dialogue {
	masked := dialogue{name: d.name}
	for _, line := range d.lines {
		if strings.HasPrefix(line, "<") {
			line = maskSeconds(line)
		}
		masked.lines = append(masked.lines, line)
	}
	return masked
}

var seconds = regexp.MustCompile(`( t| l| la=)[0-9]+`)

func maskSeconds(line string) string { return seconds.ReplaceAllString(line, "$1…") }

// cutLine splits a line of a dialogue into what it is and its text.
func cutLine(line string) (kind, text string) {
	kind, text, _ = strings.Cut(line, " ")
	return kind, expand(text)
}

var repeat = regexp.MustCompile(`\{(.)\*(\d+)\}`)

func expand(s string) string {
	return repeat.ReplaceAllStringFunc(s, func(m string) string {
		part := repeat.FindStringSubmatch(m)
		n, _ := strconv.Atoi(part[2]) // the expression allows digits alone
		return strings.Repeat(part[1], n)
	})
}

func send(t *testing.T, nc net.Conn, text string, atOnce int) {
	t.Helper()
	if atOnce == 0 {
		atOnce = len(text)
	}
	for len(text) > 0 {
		n := min(atOnce, len(text))
		if _, err := io.WriteString(nc, text[:n]); err != nil {
			// The server may have closed already: what it answered tells.
			t.Logf("sending: %v", err)
			return
		}
		text = text[n:]
	}
}

func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func expectEOF(t *testing.T, nc net.Conn, r *bufio.Reader) {
	t.Helper()
	rest, err := io.ReadAll(r)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the connection stays open")
	}
	if len(rest) > 0 {
		t.Errorf("%q is answered before the connection is closed", rest)
	}
}

func shorten(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// testServer is a server with a clock that stands still.
type testServer struct {
	unixServer
	server  *Server
	store   *store.Store
	clock   *testClock
	address string       // of TCP
	stop    func() error // returns what Serve returns
}

func start(t testing.TB, c Config, sc store.Config) *testServer {
	t.Helper()
	ts := &testServer{
		unixServer: unixServer{filepath.Join(t.TempDir(), "s")},
		clock:      &testClock{now: time.Unix(1_800_000_000, 0)},
	}
	if sc.Capacity == 0 {
		sc.Capacity = 2 << 20
	}
	sc.Policy, sc.FirstCAS, sc.Now = "lru", 1, ts.clock.Now
	s, err := store.New(sc)
	if err != nil {
		t.Fatal(err)
	}
	c.Store, c.Version = s, "1.6.18-test"
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxConns == 0 {
		c.MaxConns = 100
	}
	l, err := ListenUnix(ts.socket, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ts.address = tcp.Addr().String()
	ts.server, ts.store = New(c), s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ts.server.Serve(ctx, l, tcp) }()
	ts.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := errors.Join(ts.stop(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return ts
}

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
