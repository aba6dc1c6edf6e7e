package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cespare/xxhash/v2"
	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/disk"
	"memcache/backend/internal/filestore"
	"memcache/backend/internal/sqlindex"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// TestMain makes this program a backend or a writer where a test has started it
// as such, so that it can be killed.
func TestMain(m *testing.M) {
	for name, main := range map[string]func(string) error{backendVariable: backendMain, writerVariable: writerMain} {
		if arg := os.Getenv(name); arg != "" {
			go func() { // the test is gone when its end of the pipe is
				_, _ = io.Copy(io.Discard, os.Stdin)
				os.Exit(3)
			}()
			if err := main(arg); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	// toxiproxy forgets goroutines when it is cut off with bytes on their way.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))
}

// again runs this program once more, with a variable that TestMain looks for.
// It ends with the test process at the latest.
func again(t *testing.T, variable string, arg any) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(arg)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+string(text))
	cmd.Stderr = t.Output()
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

const backendVariable = "STORAGE_TEST_BACKEND"

// backendConfig is what a backend process gets.
type backendConfig struct {
	Socket   string        // where it serves
	Data     string        // the folder of its blobs and its SQLite file
	DSN      string        // MariaDB instead of SQLite; the folder is shared then
	Cache    string        // address
	Timeout  time.Duration // of requests to the cache
	Distrust bool          // it was killed before

	disk func(disk.Disk) disk.Disk // before the real one
}

// parts opens what a store stands on. Several backends of one database share
// their blobs, as they would on S3.
func (c backendConfig) parts(ctx context.Context) (cfg storage.Config, err error) {
	database := sqlindex.Config{DSN: c.DSN, Capacity: 64 << 20, Policy: "lru", Log: slog.New(slog.DiscardHandler)}
	if c.DSN != "" {
		cfg.Blobs, cfg.Distrust, cfg.Lease = sharedBlobs(c.Data), c.Distrust, 50*time.Millisecond
	} else {
		database.SQLitePath = filepath.Join(c.Data, "index.db")
		files, err := filestore.Open(c.Data, filestore.Config{Disk: c.disk})
		if err != nil {
			return cfg, err
		}
		cfg.Blobs, cfg.Distrust = files, files.Unclean()
	}
	if cfg.Index, err = sqlindex.Open(ctx, database); err != nil {
		return cfg, err
	}
	client, err := cachelink.New(cachelink.Config{Nodes: []string{c.Cache}, Timeout: c.Timeout, Backoff: 2 * time.Millisecond})
	cfg.Cache = oneNode{client, c.Cache}
	cfg.Wait, cfg.Grace = 20*time.Millisecond, time.Millisecond
	return cfg, err
}

// backendMain serves objects until it is killed.
func backendMain(arg string) error {
	var c backendConfig
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return err
	}
	ctx := context.Background()
	cfg, err := c.parts(ctx)
	if err != nil {
		return err
	}
	store, err := storage.New(cfg)
	if err != nil {
		return err
	}
	cfg.Cache.(oneNode).watch(store)
	if err := store.RefreshGeneration(ctx); err != nil {
		return err
	}
	go func() { // the jobs
		for range time.Tick(50 * time.Millisecond) {
			if err := errors.Join(store.RefreshGeneration(ctx), store.Sweep(ctx)); err != nil {
				fmt.Fprintln(os.Stderr, "job:", err)
			}
		}
	}()
	if err := os.Remove(c.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", c.Socket)
	if err != nil {
		return err
	}
	return http.Serve(l, &objectServer{Store: store})
}

// objectServer is a store over HTTP: GET, and POST to change something, which
// no client sends twice. It opens every other object in two steps.
type objectServer struct {
	*storage.Store
	opens atomic.Int64
}

func (s *objectServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, key := r.Context(), r.URL.Query().Get("key")
	var err error
	switch r.URL.Query().Get("op") {
	case "put":
		_, err = s.Put(ctx, key, r.Body, storage.Cond{})
	case "delete":
		err = s.Delete(ctx, key, storage.Cond{})
	case "clear":
		err = s.Clear(ctx)
	case "drop":
		err = s.Invalidate(ctx, key)
	case "rename":
		_, err = s.Rename(ctx, key, r.URL.Query().Get("to"), storage.Cond{})
	default:
		err = s.get(w, r, key)
	}
	switch {
	case err == nil:
	case api.AsError(err).Code == api.NotFound && !strings.Contains(err.Error(), "content missing"):
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, err, ": ", errors.Unwrap(err))
	}
}

func (s *objectServer) get(w http.ResponseWriter, r *http.Request, key string) error {
	open := s.Open
	if s.opens.Add(1)%2 == 0 {
		open = s.openInSteps
	}
	c, err := open(r.Context(), key)
	if err != nil {
		return err
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	w.Header().Set("Source", c.Source.String()+" "+c.Detail)
	_, err = w.Write(b)
	return err
}

// openInSteps opens key as package front does.
func (s *objectServer) openInSteps(ctx context.Context, key string) (*storage.Content, error) {
	q, ok := s.Ask(key)
	if !ok {
		return s.Open(ctx, key)
	}
	found, err := q.Node().Get(ctx, q.CacheKey())
	if err != nil {
		found = storage.Lookup{}
	}
	if found.Value != nil {
		if c, ok := s.Hit(q, found.Value); ok {
			return c, nil
		}
		found = storage.Lookup{}
	}
	return s.OpenAsked(ctx, q, found)
}

// backend is a running backend process.
type backend struct {
	backendConfig
	cmd    *exec.Cmd
	client *http.Client
}

// startBackend starts a backend, which is killed at the test's end.
func startBackend(t *testing.T, c backendConfig) *backend {
	t.Helper()
	dir, err := os.MkdirTemp("", "backend") // short, for the length of a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c.Socket = filepath.Join(dir, "s")
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
		},
		MaxIdleConnsPerHost: 100,
	}
	b := &backend{backendConfig: c, client: &http.Client{Transport: transport}}
	b.start(t)
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(b.kill)
	return b
}

// start starts the process and waits until it answers.
func (b *backend) start(t *testing.T) {
	t.Helper()
	b.cmd = again(t, backendVariable, b.backendConfig)
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for {
		nc, err := net.Dial("unix", b.Socket)
		if err == nil {
			nc.Close()
			return
		}
		if time.Since(begin) > patient {
			t.Fatalf("the backend does not answer: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// kill ends the process at once. The next one knows of it.
func (b *backend) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // it says that it was killed
	b.Distrust = true
}

// reply is what a backend answered.
type reply struct {
	status  int
	content []byte
	source  string // where the content came from
}

// do sends a request; the query says what to do.
func (b *backend) do(method, query string, body []byte) (reply, error) {
	req, err := http.NewRequest(method, "http://backend/?"+query, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	res, err := b.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, content, res.Header.Get("Source")}, err
}

// notSent tells that a request cannot have had an effect.
func notSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED)
}

// sharedBlobs is a folder of blobs that several backends share. It loses
// nothing when a process is killed, but would when the machine is.
type sharedBlobs string

func (d sharedBlobs) Write(ctx context.Context, r io.Reader) (storage.Blob, error) {
	f, err := os.CreateTemp(string(d), "tmp-*")
	if err != nil {
		return storage.Blob{}, err
	}
	hash, checksum := sha256.New(), xxhash.New()
	size, err := io.Copy(io.MultiWriter(f, hash, checksum), r)
	blob := storage.Blob{ID: hex.EncodeToString(hash.Sum(nil)), Checksum: hex.EncodeToString(checksum.Sum(nil)), Size: size, Release: func() {}}
	return blob, errors.Join(err, f.Close(), os.Rename(f.Name(), filepath.Join(string(d), blob.ID)))
}

func (d sharedBlobs) Open(_ context.Context, id string) (io.ReadSeekCloser, error) {
	return os.Open(filepath.Join(string(d), id))
}

func (d sharedBlobs) Quarantine(context.Context, string) error {
	return errors.New("no blob is ever damaged here")
}

func (d sharedBlobs) Sweep(context.Context, time.Duration, func(context.Context, []string) (map[string]bool, error)) (int, error) {
	return 0, nil
}
