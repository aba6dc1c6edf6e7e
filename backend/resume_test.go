package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"memcache/backend/internal/s3store/s3test"
	"memcache/backend/internal/sqlindex/mariadbtest"
	"memcache/frontend-wasm/link"
)

// asBackend makes the test program a backend with these arguments, so that one can be
// killed.
const asBackend = "MEMCACHE_TEST_BACKEND"

func TestMain(m *testing.M) {
	if args := os.Getenv(asBackend); args != "" {
		if err := run(context.Background(), strings.Split(args, "\n"), none, strings.NewReader(""), os.Stdout, os.Stderr); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// startProcess runs a backend that kill ends as kill -9 does.
func startProcess(t *testing.T, args ...string) (address string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asBackend+"="+strings.Join(append([]string{"-listen", "127.0.0.1:0"}, args...), "\n"))
	var said lockedBuffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	t.Cleanup(kill)
	line := make([]byte, 200)
	n, err := out.Read(line)
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}()
	_, url, found := strings.Cut(string(line[:n]), "http://")
	if err != nil || !found {
		kill()
		t.Fatalf("the backend says %q, %v\n%s", line[:n], err, &said)
	}
	return strings.TrimSpace(url), kill
}

// balancer sends each new connection to one backend.
type balancer struct {
	net.Listener
	backend atomic.Pointer[string]
	latest  atomic.Pointer[net.Conn] // of a client
}

func balance(t *testing.T, backend string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{Listener: l}
	b.turnTo(backend)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { b.forward(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return b
}

func (b *balancer) turnTo(backend string) { b.backend.Store(&backend) }

// cut ends the latest connection, of which both ends live on.
func (b *balancer) cut() { _ = (*b.latest.Load()).Close() }

func (b *balancer) forward(conn net.Conn) {
	defer conn.Close()
	b.latest.Store(&conn)
	to, err := net.Dial("tcp", *b.backend.Load())
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{conn, to}, {to, conn}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
}

func (b *backend) address() string { return strings.TrimPrefix(b.url, "http://") }

// slowly is what is uploaded: at some places it waits, and it counts what is read.
type slowly struct {
	b       []byte
	arrived chan struct{} // gets an element when it gets to a place
	goOn    chan struct{} // takes one for each place
	read    atomic.Int64

	mu sync.Mutex
	at []int64 // the places that it has not got to yet
}

func newSlowly(b []byte, at ...int64) *slowly {
	return &slowly{b: b, at: at, arrived: make(chan struct{}), goOn: make(chan struct{})}
}

func (s *slowly) Size() int64 { return int64(len(s.b)) }

func (s *slowly) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if s.isPlace(off) {
		s.arrived <- struct{}{}
		select {
		case <-s.goOn:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	n := copy(p, s.b[off:])
	s.read.Add(int64(n))
	return n, nil
}

func (s *slowly) isPlace(off int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.at) == 0 || off < s.at[0] {
		return false
	}
	s.at = s.at[1:]
	return true
}

// TestAnUploadGoesOnAtAnotherBackend: the one that it was begun at is killed or ends,
// and nothing that S3 has is sent again.
func TestAnUploadGoesOnAtAnotherBackend(t *testing.T) {
	s3test.Set(t)
	s3 := s3test.Start(t)
	dsn := mariadbtest.Start(t)
	args := func(data string) []string {
		return []string{"-data", data, "-database", dsn, "-store", s3.Location("", "objects"), "-log-level", "warn"}
	}
	content := make([]byte, 23<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	for name, start := range map[string]func(t *testing.T, args ...string) (address string, leave func()){
		"killed": startProcess,
		"closed": func(t *testing.T, args ...string) (string, func()) {
			b := startBackend(t, args...)
			return b.address(), b.stop
		},
	} {
		t.Run(name, func(t *testing.T) {
			first, leave := start(t, args(t.TempDir())...)
			second := startBackend(t, args(t.TempDir())...)
			lb := balance(t, first)
			client := link.New(link.Config{URL: "http://" + lb.Addr().String() + "/ws"})
			client.Start(t.Context())
			t.Cleanup(client.Close)
			source := newSlowly(content, 17<<20)
			done := make(chan error, 1)
			var back atomic.Int64 // how far it went back
			var most int64
			go func() {
				_, err := client.Upload(t.Context(), link.Upload{ID: link.NewID(), Key: name}, source, func(sent, _ int64) {
					if sent < most {
						back.Store(most - sent)
					}
					most = max(most, sent)
				})
				done <- err
			}()
			<-source.arrived
			second.until(20*time.Second, "three parts", http.MethodGet, "/healthz", "", func(*http.Response) bool { return strings.Contains(kept(t, dsn), `"offset":15728640,`) })
			lb.turnTo(second.address())
			leave()
			source.goOn <- struct{}{}
			if err := <-done; err != nil {
				t.Fatalf("the upload failed: %v\n%s", err, second.log)
			}
			if _, stored := second.want(http.StatusOK, http.MethodGet, "/objects/"+name, ""); !bytes.Equal([]byte(stored), content) {
				t.Errorf("%d bytes are stored, other than the %d sent", len(stored), len(content))
			}
			// 17 MiB were sent to the first, of which S3 has three parts of 5 MiB.
			if again := source.read.Load() - int64(len(content)); again > 2<<20+256<<10 || back.Load() == 0 {
				t.Errorf("%d bytes were sent again, of %d that it went back", again, back.Load())
			}
			if state := kept(t, dsn); state != "" {
				t.Errorf("of the upload is kept %q", state)
			}
		})
	}
}

// TestAnUploadGoesThereAndBack: the connection breaks and the next one leads to another
// backend, while the first one runs on with what it had; and so once more, back to it.
func TestAnUploadGoesThereAndBack(t *testing.T) {
	s3test.Set(t)
	s3 := s3test.Start(t)
	dsn := mariadbtest.Start(t)
	start := func() *backend {
		return startBackend(t, "-data", t.TempDir(), "-database", dsn, "-store", s3.Location("", "objects"), "-log-level", "warn")
	}
	first, second := start(), start()
	content := make([]byte, 33<<20)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(content)
	lb := balance(t, first.address())
	client := link.New(link.Config{URL: "http://" + lb.Addr().String() + "/ws"})
	client.Start(t.Context())
	t.Cleanup(client.Close)
	source := newSlowly(content, 12<<20, 23<<20)
	done := make(chan error, 1)
	go func() {
		_, err := client.Upload(t.Context(), link.Upload{ID: link.NewID(), Key: "k"}, source, func(int64, int64) {})
		done <- err
	}()
	for _, step := range []struct {
		to    *backend
		parts int // that S3 has then
	}{{second, 2}, {first, 4}} {
		<-source.arrived
		want := fmt.Sprintf(`"offset":%d,`, step.parts*5<<20)
		first.until(20*time.Second, want, http.MethodGet, "/healthz", "", func(*http.Response) bool { return strings.Contains(kept(t, dsn), want) })
		lb.turnTo(step.to.address())
		lb.cut()
		source.goOn <- struct{}{}
	}
	if err := <-done; err != nil {
		t.Fatalf("the upload failed: %v\n%s\n%s", err, first.log, second.log)
	}
	for _, b := range []*backend{first, second} {
		if _, stored := b.want(http.StatusOK, http.MethodGet, "/objects/k", ""); !bytes.Equal([]byte(stored), content) {
			t.Errorf("%d bytes are stored, other than the %d sent", len(stored), len(content))
		}
	}
	if again := source.read.Load() - int64(len(content)); again > 6<<20 {
		t.Errorf("%d bytes were sent again", again)
	}
	if state := kept(t, dsn); state != "" {
		t.Errorf("of the upload is kept %q", state)
	}
}

// kept is what is kept of the upload in progress, "" if there is none.
func kept(t *testing.T, dsn string) (state string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config := mysql.NewConfig()
	config.User, config.DBName, config.Net, config.Addr = u.User.Username(), strings.TrimPrefix(u.Path, "/"), "unix", u.Query().Get("socket")
	config.Passwd, _ = u.User.Password()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT state FROM uploads").Scan(&state); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return state
}
