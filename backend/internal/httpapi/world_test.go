package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/access"
	"memcache/backend/internal/cachectl"
	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/filestore"
	"memcache/backend/internal/metrics"
	"memcache/backend/internal/share"
	"memcache/backend/internal/sqlindex"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// world is a server on real stores, without a cache process.
type world struct {
	*httptest.Server
	t    *testing.T
	data string
}

const maxObject = 1 << 20

// start starts a server; edit may change its configuration.
func start(t *testing.T, edit ...func(*Config)) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	data := t.TempDir()
	blobs, err := filestore.Open(data, filestore.Config{Log: log})
	must(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	index, err := sqlindex.Open(t.Context(), sqlindex.Config{SQLitePath: filepath.Join(data, "test.db"), Capacity: 64 * api.MB, Policy: "lru", Log: log})
	must(t, err)
	t.Cleanup(func() { _ = index.Close() })
	objects, err := storage.New(storage.Config{Blobs: blobs, Index: index, MaxObject: maxObject, Undo: time.Hour, Log: log})
	must(t, err)
	counts := metrics.New("test")
	control := cachectl.New(cachectl.Config{
		Name: "backend", Reads: counts.Reads, Recognize: func(ck string, _ []byte) (api.Object, bool) { return api.Object{Key: "object " + ck}, true },
		Database: index, Nodes: oneNode{}, Pool: objects, MaxCapacity: 1024 * api.MB, Log: log, Changed: func(api.Cache) {}, Piloted: func(api.Autopilot) {},
	})
	server := httptest.NewUnstartedServer(nil)
	rules, err := access.New(access.Config{Listen: server.Listener.Addr().String()})
	must(t, err)
	cfg := Config{
		Objects: objects, Cache: control, Stats: control, Answers: index, Admit: rules.Check, MaxObject: maxObject, BeginUpload: access.NewUploads(64).Begin, Stall: time.Minute, CourseAPI: 1, Log: log,
		Live: http.NotFoundHandler(), Pages: http.NotFoundHandler(), Metrics: counts, Shares: share.New(index, true, time.Now),
	}
	for _, f := range edit {
		f(&cfg)
	}
	server.Config.Handler = New(cfg)
	server.Config.MaxHeaderBytes = 64 << 10
	server.Start()
	t.Cleanup(server.Close)
	return &world{Server: server, t: t, data: data}
}

// oneNode is a cache node that is there and cannot be changed.
type oneNode struct{}

func (oneNode) Stats(context.Context) []cachelink.NodeStats {
	return []cachelink.NodeStats{{Name: "unix:cache.sock", Up: true, Capacity: 64 * api.MB}}
}

func (oneNode) Top(context.Context) []cachelink.NodeTop {
	return []cachelink.NodeTop{{Name: "unix:cache.sock", OK: true, Since: time.Unix(1, 0), Hottest: []cachelink.Known{{Key: "a", Bytes: 5, Hits: 3}}}, {Name: "plain"}}
}

func (oneNode) Evictions(context.Context) []cachelink.NodeTop {
	return []cachelink.NodeTop{{Name: "unix:cache.sock", OK: true, Evictions: []cachelink.Known{{Key: "b", Why: api.WhyRoom, At: time.Unix(9, 0), Idle: 2}}}}
}

func (oneNode) Probe(_ context.Context, address string) (cachelink.NodeStats, error) {
	if address != "unix:/there" {
		return cachelink.NodeStats{}, api.Errorf(api.Invalid, "no cache answers at %q: start one there, or check the address", address)
	}
	return cachelink.NodeStats{Name: address, Up: true, Version: "1.6.40"}, nil
}

func (oneNode) Prepare(context.Context, string, int64, string) error { return nil }

func (oneNode) SetCapacity(context.Context, int64) error { return nil }

func (oneNode) SetPolicy(context.Context, string) error { return nil }

func (oneNode) Curves(context.Context) []api.NodeCurves {
	return []api.NodeCurves{{Name: "unix:cache.sock", Capacity: 64 * api.MB, Windows: []api.CurveWindow{{
		Seconds: 3600, Requests: 10, Hits: 5, Curves: []api.Curve{{Policy: "lru", Points: []api.CurvePoint{{Capacity: 64 * api.MB, Objects: 0.5}}}},
	}}}}
}

func (oneNode) StartRecording(context.Context, api.RecordingStart) error { return nil }

func (oneNode) StopRecording(context.Context) error { return nil }

func (oneNode) Recording(context.Context) (api.Recording, error) {
	return api.Recording{State: api.RecordingDone, Bytes: 8}, nil
}

func (oneNode) ReadRecording(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "the file")
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type answer struct {
	*http.Response
	body string
}

// do sends a request whose target is taken as it stands, without cleaning.
func (w *world) do(method, target string, body io.Reader, header ...string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.URL, body)
	must(w.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	req.URL.Opaque = "//" + cmp.Or(req.Header.Get("Host"), req.URL.Host) + target
	res, err := http.DefaultTransport.RoundTrip(req)
	must(w.t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	a := answer{res, string(text)}
	if err := described(method, target, a); err != nil {
		w.t.Errorf("%s %.200s, status %d: the reply is not as openapi.json says: %v", method, target, a.StatusCode, err)
	}
	return a
}

func (w *world) want(a answer, status int) answer {
	w.t.Helper()
	if a.StatusCode != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Opaque, a.StatusCode, status, a.body)
	}
	return a
}

func (w *world) put(key, body string) answer {
	w.t.Helper()
	return w.do("PUT", api.ObjectPath(key), strings.NewReader(body))
}

func (w *world) get(key string, header ...string) answer {
	w.t.Helper()
	return w.do("GET", api.ObjectPath(key), nil, header...)
}

func (w *world) listed() []string {
	w.t.Helper()
	var page api.List
	a := w.want(w.do("GET", "/api/v1/objects?sort=key&limit=1000", nil), 200)
	must(w.t, json.Unmarshal([]byte(a.body), &page))
	keys := []string{}
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// files are the regular files of the data folder, without the database.
func (w *world) files() []string {
	w.t.Helper()
	var files []string
	must(w.t, filepath.WalkDir(w.data, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), "test.db") && d.Name() != "lock" {
			files = append(files, path)
		}
		return err
	}))
	return files
}

func (w *world) wantProblem(a answer, status int, words ...string) {
	w.t.Helper()
	w.want(a, status)
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != status || p.RequestID == "" {
		w.t.Fatalf("%s %s: not a problem document (%v): %s", a.Request.Method, a.Request.URL.Opaque, err, a.body)
	}
	for _, word := range words {
		if !strings.Contains(p.Detail, word) {
			w.t.Errorf("%s %s: the detail %q does not say %q", a.Request.Method, a.Request.URL.Opaque, p.Detail, word)
		}
	}
}
