// Package httpapi is the backend's HTTP interface: one file a resource, the
// routes in one table, and one place where errors become statuses.
//
//	GET, HEAD, PUT, DELETE /objects/KEY   an object's bytes (objects.go, hit.go)
//	GET, POST /api/v1/objects             the list of keys (list.go); a form of files (form.go)
//	GET /api/v1/objects/starts            what the keys begin with
//	POST /api/v1/objects/copy, /rename, /delete, /restore   (transfer.go)
//	GET, POST /api/v1/archives            several objects as one ZIP file (archives.go)
//	GET, PUT /api/v1/cache                capacity and policy (cache.go)
//	POST, DELETE, PUT /api/v1/cache/nodes add, remove, number of those of start.sh
//	GET, DELETE /api/v1/cache/items[/KEY] is it cached?; clear; invalidate
//	GET /api/v1/thumbnails/KEY            a picture, small (thumbnails.go)
//	GET /api/v1/stats                     samples (stats.go)
//	GET /api/v1/insight[/history]         miss-ratio curves (insight.go)
//	GET, PUT /api/v1/autopilot            the capacity by itself; POST /undo (autopilot.go)
//	GET, POST, DELETE /api/v1/recording   a recording of the traffic; /file is the CSV
//	GET /api/v1/openapi.json              all of this, described (openapi.go)
//	GET, POST, DELETE /api/v1/login       who one is; log in; log out (login.go)
//	GET /api/v1/login/passkey             what a passkey is asked (passkeys.go)
//	GET /shared                           an object by a signed link; POST, DELETE /api/v1/shares (shares.go)
//	… /api/v1/security                    sessions, tokens, passkeys, accounts
//	GET /healthz, /readyz                 liveness and readiness (health.go)
//	GET /metrics                          for Prometheus (package metrics)
//	POST /api/…                           the course API (course.go)
//	GET /ws                               the WebSocket, handed to package live
//
// Changes of objects take an Idempotency-Key (once.go). Everything else is a page or an asset of the app. Keys come percent-encoded,
// a "/" in them may stand as it is; paths are therefore never cleaned.
package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/login"
	"memcache/backend/internal/metrics"
	"memcache/backend/internal/share"
	"memcache/backend/internal/storage"
	"memcache/backend/internal/thumbnail"
	"memcache/shared/api"
)

// Cache is what the routes need of the cache's control.
type Cache interface {
	Cache(ctx context.Context) (api.Cache, error)
	Configure(ctx context.Context, change api.CacheChange) (api.Cache, error)
	AddNode(ctx context.Context, address string) (api.Cache, error)
	RemoveNode(ctx context.Context, address string) (api.Cache, error)
	ResizePool(ctx context.Context, count int) (api.Cache, error)
	Autopilot(ctx context.Context) (api.Autopilot, error)
	SetAutopilot(ctx context.Context, set api.AutopilotSet) (api.Autopilot, error)
	UndoAutopilot(ctx context.Context, undo api.AutopilotUndo) (api.Autopilot, error)
}

// Stats is what the routes need of the statistics.
type Stats interface {
	Window(ctx context.Context, seconds int, node string) (api.Stats, error)
	Insight(ctx context.Context) (api.Insight, error)
	Top(ctx context.Context) api.TopKeys
	Evictions(ctx context.Context) api.Evictions
	Insights(ctx context.Context, hours int) (api.Insights, error)
	StartRecording(ctx context.Context, s api.RecordingStart) (api.Recording, error)
	StopRecording(ctx context.Context) (api.Recording, error)
	Recording(ctx context.Context) (api.Recording, error)
	ReadRecording(ctx context.Context, w io.Writer) error
}

// Part is something the backend depends on; readiness asks each.
type Part struct {
	Name     string
	Required bool // without it the backend is not ready
	Check    func(context.Context) error
}

// Config is what the routes are made of. All fields but Stall are needed.
type Config struct {
	Objects   *storage.Store
	Cache     Cache
	Stats     Stats
	Answers   Answers
	Live      http.Handler                // the WebSocket
	Pages     http.Handler                // the app
	Admit     func(r *http.Request) error // who is let in at all
	Parts     []Part
	MaxObject int64 // bytes
	// BeginUpload admits an upload, until end is called, or fails: only so many may
	// run at once.
	BeginUpload func() (end func(), err error)
	// Stall is how long a client may take to send or to receive 256 KiB, or the
	// rest of a body; 0 is for ever.
	Stall     time.Duration
	CourseAPI int // the generation of testers to answer: 1 or 2
	// Login knows who asks; nil where nobody has to log in.
	Login *login.Keeper
	// CourseOpen leaves the course API open to everybody all the same.
	CourseOpen bool
	// Shares are the links to single objects.
	Shares *share.Links
	// Audit notes changes that matter; nil for nothing of the kind.
	Audit   audit.Journal
	Metrics *metrics.Metrics
	Log     *slog.Logger
}

type server struct {
	Config
	log     *slog.Logger
	routes  []route
	pack    func(http.Handler) http.HandlerFunc
	running running

	thumbnails *thumbnail.Maker
}

// handler answers a request or says why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one resource. A path that ends in "/" also takes the key after it.
type route struct {
	path    string
	methods map[string]handler
	open    string    // the method that nobody has to log in for
	change  api.Scope // what all methods but GET and HEAD need; "" is ScopeWrite
	audit   noted
	course  bool
	fail    func(http.ResponseWriter, *http.Request, error) // nil: a problem document
}

// noted is what the log tells of changes, by method. Those of single objects are told
// of by the lines of requests alone.
type noted map[string]string

// Handler is the handler of everything the backend answers. Plain GETs of
// cached objects it answers also in two steps (hit.go).
type Handler struct{ *server }

// New returns the handler for cfg.
func New(cfg Config) Handler {
	s := &server{Config: cfg, log: cfg.Log, pack: newPacker(), running: running{ids: map[[32]byte]bool{}}, thumbnails: thumbnail.New()}
	s.routes = append(s.nativeRoutes(), s.courseRoutes()...)
	return Handler{s}
}

func (s *server) nativeRoutes() []route {
	object := map[string]handler{
		"GET": s.getObject, "HEAD": s.headObject, "PUT": s.upload(s.once(s.putObject)), "DELETE": s.once(s.deleteObject),
	}
	return []route{
		{path: api.ObjectsPath, methods: object},
		{path: api.ObjectsPath + "/", methods: object},
		{path: api.Base + "/objects", methods: map[string]handler{"GET": s.list, "POST": s.upload(s.once(s.postObjects))}},
		{path: api.Base + "/objects/starts", methods: map[string]handler{"GET": s.starts}},
		{path: api.Base + "/objects/copy", methods: map[string]handler{"POST": s.once(s.copyObject)}},
		{path: api.Base + "/objects/rename", methods: map[string]handler{"POST": s.once(s.renameObject)}},
		{path: api.Base + "/objects/delete", methods: map[string]handler{"POST": s.once(s.deleteObjects)}, audit: noted{"POST": "objects deleted"}},
		{path: api.Base + "/objects/restore", methods: map[string]handler{"POST": s.once(s.restoreObjects)}},
		{path: api.Base + "/archives", methods: map[string]handler{"GET": s.getArchive, "POST": s.postArchive}, change: api.ScopeRead},
		{path: api.Base + "/cache", methods: map[string]handler{"GET": s.getCache, "PUT": s.putCache}, change: api.ScopeAdmin, audit: noted{"PUT": "cache settings changed"}},
		{path: api.Base + "/cache/top", methods: map[string]handler{"GET": s.topKeys}},
		{path: api.Base + "/cache/evictions", methods: map[string]handler{"GET": s.evictions}},
		{
			path: api.Base + "/cache/nodes", methods: map[string]handler{"POST": s.postNode, "DELETE": s.deleteNode, "PUT": s.putNodes}, change: api.ScopeAdmin,
			audit: noted{"POST": "cache node added", "DELETE": "cache node removed", "PUT": "number of cache nodes set"},
		},
		{path: api.Base + "/cache/items", methods: map[string]handler{"GET": s.getItem, "DELETE": s.deleteItems}, change: api.ScopeAdmin, audit: noted{"DELETE": "cache cleared"}},
		{path: api.Base + "/cache/items/", methods: map[string]handler{"GET": s.getItem, "DELETE": s.deleteItem}},
		{path: api.ThumbnailsPath, methods: map[string]handler{"GET": s.getThumbnail}},
		{path: api.ThumbnailsPath + "/", methods: map[string]handler{"GET": s.getThumbnail}},
		{path: api.Base + "/stats", methods: map[string]handler{"GET": s.stats}},
		{path: api.Base + "/insight", methods: map[string]handler{"GET": s.insight}},
		{path: api.Base + "/insight/history", methods: map[string]handler{"GET": s.insights}},
		{path: api.Base + "/autopilot", methods: map[string]handler{"GET": s.getAutopilot, "PUT": s.putAutopilot}, change: api.ScopeAdmin, audit: noted{"PUT": "autopilot set"}},
		{path: api.Base + "/autopilot/undo", methods: map[string]handler{"POST": s.undoAutopilot}, change: api.ScopeAdmin, audit: noted{"POST": "autopilot undone"}},
		{path: api.Base + "/recording", methods: map[string]handler{"GET": s.getRecording, "POST": s.startRecording, "DELETE": s.stopRecording}, change: api.ScopeAdmin, audit: noted{"POST": "recording started", "DELETE": "recording stopped"}},
		{path: api.Base + "/recording/file", methods: map[string]handler{"GET": s.getRecordingFile}},
		{path: api.Base + "/openapi.json", methods: map[string]handler{"GET": s.describe}},
		{path: api.SharedPath, methods: map[string]handler{"GET": s.getShared}, open: "GET", fail: s.refuseShared},
		{path: api.SharesPath, methods: map[string]handler{"POST": s.postShare}, audit: noted{"POST": "link to an object made"}},
		{path: api.SharesPath + "/all", methods: map[string]handler{"DELETE": s.deleteShares}, change: api.ScopeAdmin, audit: noted{"DELETE": "links to objects ended"}},
		{path: api.LoginPath, methods: map[string]handler{"GET": s.getWho, "POST": s.logIn, "DELETE": s.logOut}, open: "POST", change: api.ScopeRead},
		{path: api.PasskeyPath, methods: map[string]handler{"GET": s.askPasskey}, open: "GET"},
		{path: api.SecurityPath, methods: map[string]handler{"GET": s.getLogins}},
		{path: api.SecurityPath + "/tokens", methods: map[string]handler{"POST": s.postToken}, change: api.ScopeRead, audit: noted{"POST": "token made"}},
		{path: api.SecurityPath + "/links", methods: map[string]handler{"POST": s.postLink}, change: api.ScopeRead, audit: noted{"POST": "one-time link made"}},
		{path: api.PasskeysPath, methods: map[string]handler{"GET": s.offerPasskey, "POST": s.postPasskey}, change: api.ScopeRead, audit: noted{"POST": "passkey added"}},
		{path: api.SecurityPath + "/logins/", methods: map[string]handler{"DELETE": s.deleteLogin}, change: api.ScopeRead, audit: noted{"DELETE": "login revoked"}},
		{path: "/healthz", methods: map[string]handler{"GET": s.healthy}, open: "GET"},
		{path: "/readyz", methods: map[string]handler{"GET": s.ready}, open: "GET"},
		{path: "/metrics", methods: map[string]handler{"GET": s.metrics}},
	}
}

// upload makes a handler one of those of which only so many run at once.
func (s *server) upload(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		end, err := s.BeginUpload()
		if err != nil {
			return err
		}
		defer end()
		return h(w, r)
	}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withRequestID(r)
	rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w), start: time.Now(), stall: s.Stall, route: "refused"}
	if s.Stall > 0 && r.ContentLength != 0 {
		r.Body = withPatience(r.Body, rec.control, s.Stall)
	}
	defer func() { s.note(r, rec, time.Since(rec.start)) }()
	defer func() {
		if reason := recover(); reason != nil {
			s.panicked(rec, r, reason)
		}
	}()
	protect(rec.Header())
	if a := askedOf(r); a != nil { // which was let in already
		rec.start = a.start
	} else if err := s.Admit(r); err != nil {
		s.fail(rec, r, err)
		return
	}
	s.dispatch(rec, r)
}

// protect sets the header of every reply.
func protect(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = sameOrigin
	h["Content-Security-Policy"] = inertCSP // objects and pages replace it
}

var (
	nosniff    = []string{"nosniff"}
	sameOrigin = []string{"same-origin"}
	inertCSP   = []string{"default-src 'none'; frame-ancestors 'none'; sandbox"}
)

func (s *server) dispatch(w *recorder, r *http.Request) {
	path := r.URL.EscapedPath()
	if path == api.LivePath {
		w.route = path
		s.Live.ServeHTTP(w, r)
		return
	}
	to, found := s.match(path)
	if !found {
		s.elsewhere(w, r, path)
		return
	}
	w.route = to.path
	if strings.HasPrefix(path, api.Base) {
		s.pack(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(to, w, r) })).ServeHTTP(w, r)
		return
	}
	s.answer(to, w, r)
}

func (s *server) answer(to route, w http.ResponseWriter, r *http.Request) {
	r, err := s.letIn(to, w, r)
	if err == nil {
		err = s.carryOut(to, w, r)
	}
	if err != nil {
		fail := to.fail
		if fail == nil {
			fail = s.fail
		}
		fail(w, r, err)
	}
}

// carryOut answers the request, and has noted what is to be noted.
func (s *server) carryOut(to route, w http.ResponseWriter, r *http.Request) error {
	what := to.audit[r.Method]
	if what == "" || s.Audit == nil {
		return to.serve(w, r)
	}
	ctx, remarks := audit.With(r.Context())
	err := to.serve(w, r.WithContext(ctx))
	if err == nil {
		remarks.Write(s.Audit(r, whoOf(r)), what)
	}
	return err
}

// newPacker compresses the JSON of our API for clients that take it. Objects are
// never compressed: their ETags and ranges are those of the bytes that were
// stored, most of them are compressed already, and hits come from memory as they
// are. The pages are compressed beforehand, and the metrics by their library.
func newPacker() func(http.Handler) http.HandlerFunc {
	pack, _ := gzhttp.NewWrapper( // fails for options out of range alone
		gzhttp.MinSize(packFrom), gzhttp.EnableZstd(false), gzhttp.ContentTypes([]string{"application/json", "application/problem+json"}))
	return pack
}

// packFrom is the size from which compressing saves a packet on the network.
const packFrom = 1400

func (s *server) match(path string) (route, bool) {
	for _, to := range s.routes {
		if path == to.path || strings.HasSuffix(to.path, "/") && strings.HasPrefix(path, to.path) {
			return to, true
		}
	}
	return route{}, false
}

func (s *server) elsewhere(w *recorder, r *http.Request, path string) {
	if path == "/api" || strings.HasPrefix(path, "/api/") {
		s.fail(w, r, api.Errorf(api.NotFound, "there is nothing at %q", path))
		return
	}
	w.route = "page"
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.fail(w, r, api.Errorf(api.MethodNotAllowed, "the method %q is not allowed here: use GET or HEAD", r.Method))
		return
	}
	s.Pages.ServeHTTP(w, r)
}

func (to route) serve(w http.ResponseWriter, r *http.Request) error {
	handle, ok := to.methods[r.Method]
	if !ok && r.Method == http.MethodHead {
		handle, ok = to.methods[http.MethodGet]
	}
	if !ok {
		allow := to.allow()
		w.Header().Set("Allow", allow)
		return api.Errorf(api.MethodNotAllowed, "the method %q is not allowed here: use %s", r.Method, allow)
	}
	return handle(w, r)
}

func (to route) allow() string {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
		_, ok := to.methods[method]
		if _, get := to.methods["GET"]; ok || method == "HEAD" && get {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}

func (s *server) panicked(w *recorder, r *http.Request, reason any) {
	if reason == http.ErrAbortHandler {
		panic(reason)
	}
	s.log.Error("request panicked", "id", RequestID(r), "panic", reason, "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // too late to say so: cut the reply short
	}
	s.fail(w, r, api.Errorf(api.Internal, "something went wrong on the server; its log has the details"))
}
