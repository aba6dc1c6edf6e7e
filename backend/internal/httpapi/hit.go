package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"memcache/backend/internal/front"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// asked is a plain GET of an object between the question to the cache and the
// answer. Package front asks for many at once; what is not cached goes on as any
// other request, with what the cache said.
type asked struct {
	s        *server
	r        *http.Request
	start    time.Time
	question storage.Question
	found    storage.Lookup // when it goes on
	past     bool           // it goes on past the cache
	cache    string         // Cache-Status
}

var _ front.Hits = Handler{}

type askedKey struct{}

// askedOf returns what r goes on from, or nil.
func askedOf(r *http.Request) *asked {
	a, _ := r.Context().Value(askedKey{}).(*asked)
	return a
}

// Begin returns what r asks for if it is a plain GET of an object that the cache
// may be asked for, and its client is let in; nil for every other request.
func (s *server) Begin(r *http.Request) front.Hit {
	if to, found := s.match(r.URL.EscapedPath()); !found || !strings.HasPrefix(to.path, api.ObjectsPath) || !plain(r.Header) {
		return nil
	}
	key, err := keyAfter(r, api.ObjectsPath+"/")
	if err != nil {
		return nil
	}
	question, ok := s.Objects.Ask(key)
	if !ok || s.Admit(r) != nil { // the usual way tells why not
		return nil
	}
	return &asked{s: s, r: r, start: time.Now(), question: question}
}

// Node is the cache node to be asked.
func (a *asked) Node() storage.CacheNode { return a.question.Node() }

// CacheKey is what it is to be asked for.
func (a *asked) CacheKey() string { return a.question.CacheKey() }

// Answer returns the object in a cached value and sets the header of the reply;
// false when the value is damaged.
func (a *asked) Answer(h http.Header, value []byte) (body []byte, ok bool) {
	content, ok := a.s.Objects.Hit(a.question, value)
	if !ok {
		return nil, false
	}
	a.s.Metrics.Read(content.Source, content.Steps.Total())
	protect(h)
	contentHeader(h, content, downloads(a.r), a.start)
	wholeLength(h, content)
	a.cache = h["Cache-Status"][0]
	return content.Bytes(), true
}

// Sent notes that the reply was sent, or as much of its body as the client took.
func (a *asked) Sent(bytes int64) {
	route := api.ObjectsPath
	if len(a.r.URL.Path) > len(route) {
		route += "/"
	}
	took := time.Since(a.start)
	a.s.Metrics.Sent(storage.Hit, bytes)
	a.s.Metrics.Request(route, a.r.Method, http.StatusOK, bytes, took)
	a.s.logRequest(a.r, answered{route, http.StatusOK, bytes, took, a.cache})
}

// GoOn returns the request for the handler, which goes on from what was found.
func (a *asked) GoOn(found storage.Lookup) *http.Request {
	a.found = found
	return a.r.WithContext(context.WithValue(a.r.Context(), askedKey{}, a))
}

// GoPast returns the request for the handler, which answers it without the cache.
func (a *asked) GoPast() *http.Request {
	a.past = true
	return a.GoOn(storage.Lookup{})
}
