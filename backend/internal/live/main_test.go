package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memcache/backend/internal/access"
	"memcache/shared/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store in memory, and the cache and statistics beside it.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	puts    int
	answers map[[32]byte][]byte
	capital int64  // the cache's capacity
	calls   string // the last of the cache's methods called, with its parameter

	beforePut  func(context.Context) error // before anything is read
	beforeKeep func(context.Context) error // after all is read
	beforeList func(context.Context) error
}

func newMemory() *memory {
	return &memory{objects: make(map[string][]byte), answers: make(map[[32]byte][]byte), capital: api.MB}
}

func (m *memory) Put(ctx context.Context, key string, r io.Reader, cond api.Condition) (api.Object, error) {
	if old, _ := m.get(key); old != nil && cond.IfNew || old == nil && cond.IfMatch != "" {
		return api.Object{}, api.Errorf(api.PreconditionFailed, "the condition %+v does not hold for %q", cond, key)
	}
	if err := hook(ctx, m.beforePut); err != nil {
		return api.Object{}, err
	}
	b, err := io.ReadAll(r)
	if err == nil {
		err = hook(ctx, m.beforeKeep)
	}
	if err != nil {
		return api.Object{}, fmt.Errorf("put %q: %w", key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = b
	m.puts++
	return api.Object{Key: key, Size: int64(len(b))}, nil
}

func (m *memory) Answer(_ context.Context, id [32]byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if answer := m.answers[id]; answer != nil {
		return answer, nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) KeepAnswer(_ context.Context, id [32]byte, answer []byte, _ time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[id] = answer
	return nil
}

func hook(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}
	return f(ctx)
}

func (m *memory) get(key string) ([]byte, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects[key], m.puts
}

func (m *memory) Stat(_ context.Context, key string) (api.Object, error) {
	if b, _ := m.get(key); b != nil {
		return api.Object{Key: key, Size: int64(len(b))}, nil
	}
	return api.Object{}, api.Errorf(api.NotFound, "there is no object %q", key)
}

func (m *memory) List(ctx context.Context, q api.ListQuery) (api.List, error) {
	if err := hook(ctx, m.beforeList); err != nil {
		return api.List{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := api.List{Total: int64(len(m.objects)), Exact: true}
	for key := range m.objects {
		if q.Limit == 0 || len(list.Objects) < q.Limit {
			list.Objects = append(list.Objects, api.Object{Key: key})
		}
	}
	return list, nil
}

func (m *memory) Starts(_ context.Context, prefix string) (api.Starts, error) {
	return api.Starts{Starts: []string{prefix + "a"}}, nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if key == "panic" {
		panic("as the test wants it")
	}
	if key == "broken" {
		return errors.New("a secret of the disk")
	}
	delete(m.objects, key)
	return nil
}

func (m *memory) Restore(_ context.Context, key string) (api.Object, error) {
	if key == "never" {
		return api.Object{}, api.Errorf(api.NotFound, "nothing was deleted under %q", key)
	}
	return api.Object{Key: key}, nil
}

func (m *memory) Rename(_ context.Context, from, to string, replace bool) (api.Object, error) {
	if !replace {
		return api.Object{}, api.Errorf(api.PreconditionFailed, "%q exists", to)
	}
	return api.Object{Key: to, Type: "was " + from}, nil
}

func (m *memory) Cached(_ context.Context, key string) (api.Cached, error) {
	return api.Cached{Cached: true, Idle: int64(len(key))}, nil
}

func (m *memory) Cache(context.Context) (api.Cache, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return api.Cache{Capacity: m.capital, Policy: "lru"}, nil
}

func (m *memory) Configure(ctx context.Context, change api.CacheChange) (api.Cache, error) {
	m.mu.Lock()
	m.capital = *change.Capacity
	m.mu.Unlock()
	return m.Cache(ctx)
}

func (m *memory) AddNode(_ context.Context, address string) (api.Cache, error) {
	if address == "" {
		return api.Cache{}, api.Errorf(api.Invalid, "the address %q is none", address)
	}
	return api.Cache{Policy: "added " + address}, nil
}

func (m *memory) RemoveNode(_ context.Context, address string) (api.Cache, error) {
	if address == "" {
		return api.Cache{}, api.Errorf(api.NotFound, "there is no node %q", address)
	}
	return api.Cache{Policy: "removed " + address}, nil
}

func (m *memory) ResizePool(_ context.Context, count int) (api.Cache, error) {
	if count == 0 {
		return api.Cache{}, api.Errorf(api.Invalid, "%d nodes cannot be had", count)
	}
	return api.Cache{Pool: count}, nil
}

func (m *memory) Autopilot(context.Context) (api.Autopilot, error) {
	return api.Autopilot{State: api.AutopilotOff}, nil
}

func (m *memory) SetAutopilot(_ context.Context, set api.AutopilotSet) (api.Autopilot, error) {
	return api.Autopilot{AutopilotSettings: api.AutopilotSettings{On: *set.On}}, nil
}

func (m *memory) UndoAutopilot(_ context.Context, undo api.AutopilotUndo) (api.Autopilot, error) {
	return api.Autopilot{}, api.Errorf(api.NotFound, "there is no change %d", undo.ID)
}

func (m *memory) Clear(context.Context) error { return m.called("clear") }
func (m *memory) Invalidate(_ context.Context, key string) error {
	return m.called("invalidate " + key)
}

func (m *memory) called(what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = what
	return nil
}

func (m *memory) Window(_ context.Context, seconds int, _ string) (api.Stats, error) {
	return api.Stats{Seconds: seconds, Samples: []api.Sample{{Requests: 3, Hits: 2, Misses: 1}}}, nil
}

func (m *memory) Insight(context.Context) (api.Insight, error) {
	return api.Insight{Time: 7, Nodes: []api.NodeCurves{}}, nil
}

func (m *memory) Keys(context.Context) api.CacheKeys {
	return api.CacheKeys{Evictions: api.Evictions{Evictions: []api.Eviction{{Key: "gone"}}}}
}

// logged collects the log.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// server is a Hub behind a real socket.
type server struct {
	*Hub
	*memory
	http *httptest.Server
	log  *logged
}

// serve starts a server; change may change what is set before.
func serve(t testing.TB, change func(*Config, *limits)) *server {
	t.Helper()
	rules, err := access.New(access.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{memory: newMemory(), log: new(logged)}
	config := Config{
		Log:     slog.New(slog.NewTextHandler(s.log, nil)),
		Objects: s.memory, Cache: s.memory, Stats: s.memory, Answers: s.memory,
		AllowOrigin: rules.AllowOrigin,
		RequestID:   func(*http.Request) string { return "the-id" },
		BeginUpload: access.NewUploads(32).Begin,
		MaxObject:   64 * api.MB,
	}
	limits := defaultLimits()
	if change != nil {
		change(&config, &limits)
	}
	if s.Hub, err = newHub(config, limits); err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(s.Hub)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		s.http.Close()
	})
	return s
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("still not so after 10 s: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *server) connections() int {
	s.Hub.mu.Lock()
	defer s.Hub.mu.Unlock()
	return s.taken
}
