package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

type idKey struct{}

// lazyID is the id of a request. It is made when it is asked for: most requests
// go well, and nobody hears of theirs.
type lazyID struct {
	once sync.Once
	text string
}

func withRequestID(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), idKey{}, &lazyID{}))
}

// RequestID returns what the log and problem documents call the request.
func RequestID(r *http.Request) string {
	id, ok := r.Context().Value(idKey{}).(*lazyID)
	if !ok {
		return ""
	}
	id.once.Do(func() { id.text = newRequestID() })
	return id.text
}

func newRequestID() string { return rand.Text()[:16] }

// recorder notes what was answered, for the log, and gives up on clients that
// do not take it (patience.go).
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	start   time.Time
	stall   time.Duration // 0: there is no hurry
	route   string
	status  int
	bytes   int64
}

func (w *recorder) WriteHeader(status int) {
	w.begin(status)
	w.await()
	w.ResponseWriter.WriteHeader(status)
}

// begin notes the status, before the header is sent.
func (w *recorder) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if h := w.Header(); h["Server-Timing"] == nil {
		h["Server-Timing"] = []string{serverTiming(storage.Steps{}, time.Since(w.start))}
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// note counts and logs a request that was answered.
func (s *server) note(r *http.Request, w *recorder, took time.Duration) {
	s.Metrics.Request(w.route, r.Method, w.status, w.bytes, took)
	s.logRequest(r, answered{w.route, w.status, w.bytes, took, w.Header().Get("Cache-Status")})
}

// answered is what the log tells of a request.
type answered struct {
	route  string
	status int
	bytes  int64
	took   time.Duration
	cache  string // Cache-Status
}

// logRequest writes one line a request.
func (s *server) logRequest(r *http.Request, a answered) {
	if !s.log.Enabled(r.Context(), slog.LevelInfo) { // then nobody needs an id
		return
	}
	id := RequestID(r)
	if id == "" { // nobody else heard of it
		id = newRequestID()
	}
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("id", id), slog.String("method", r.Method), slog.String("route", a.route),
		slog.Int("status", a.status), slog.Int64("bytes", a.bytes), slog.Float64("took_ms", float64(a.took.Microseconds())/1000),
		slog.String("cache", a.cache))
}

// keyAfter returns the key that the request names: after prefix in the path, or
// as the query's key where the path is prefix without its last slash.
func keyAfter(r *http.Request, prefix string) (string, error) {
	raw, inPath := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	key, err := url.PathUnescape(raw)
	if !inPath {
		key, err = queryKey(r)
	}
	if err != nil {
		return "", api.Errorf(api.Invalid, "the key in the address is not percent-encoded properly: %v", err)
	}
	return key, api.CheckKey(key)
}

func queryKey(r *http.Request) (string, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	return query.Get("key"), err
}

// maxJSONBody is room for as many keys as one request may name, of usual length.
const maxJSONBody = 1 << 20

// readJSON decodes the body into v, strictly: what is misspelt or of the wrong
// kind must not look as if it had been understood. form tells what to send.
func readJSON(w http.ResponseWriter, r *http.Request, v any, form string) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSONBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil && decoder.More() {
		err = errors.New("there is more after the object")
	}
	if _, known := errors.AsType[*api.Error](err); known || err == nil || isTooBig(err) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the body is empty")
	}
	return api.Errorf(api.Invalid, "the body cannot be read (%v): send %s", err, form)
}

func isTooBig(err error) bool {
	_, tooBig := errors.AsType[*http.MaxBytesError](err)
	return tooBig
}
