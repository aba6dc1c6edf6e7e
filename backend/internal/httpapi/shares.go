package httpapi

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

// sharedHeader is what makes a reply one to a link that needs no login: the link is
// told neither to the sites that the file leads to nor to search engines, and no cache
// in between keeps the file longer than the link holds.
var sharedHeader = http.Header{
	"Cache-Control":   {"private, no-cache"},
	"Referrer-Policy": {"no-referrer"},
	"X-Robots-Tag":    {"noindex, nofollow"},
}

// getShared answers to a link with the object it leads to, as any object is served.
func (s *server) getShared(w http.ResponseWriter, r *http.Request) error {
	query, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be read is not signed
	key, err := s.Shares.Check(r.Context(), query)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return s.sendHead(w, r, key, sharedHeader)
	}
	return s.sendObject(w, r, key, sharedHeader)
}

// refuseShared tells whoever has followed a link why it leads nowhere: a browser with
// a page, for its reader may have nothing to do with us.
func (s *server) refuseShared(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	h["Referrer-Policy"], h["X-Robots-Tag"] = sharedHeader["Referrer-Policy"], sharedHeader["X-Robots-Tag"]
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.fail(w, r, err)
		return
	}
	e, status := s.explain(w, r, err)
	h["Content-Security-Policy"] = fileCSP
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = fmt.Fprintf(w, refusedPage, html.EscapeString(strings.ToUpper(e.Message[:1])+e.Message[1:]), html.EscapeString(RequestID(r)))
	}
}

const refusedPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>MemCache</title>
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto 0; padding: 0 1.5rem } small { opacity: .7 }</style>
<h1>No file here</h1>
<p>%s.</p>
<p><small>%s</small></p>
</html>
`

func (s *server) postShare(w http.ResponseWriter, r *http.Request) error {
	var n api.NewShare
	if err := readJSON(w, r, &n, `{"key": "KEY", "seconds": for how long it holds}`); err != nil {
		return err
	}
	if err := n.Check(); err != nil {
		return err
	}
	if _, err := s.Objects.Stat(r.Context(), n.Key); err != nil {
		return err
	}
	made, err := s.Shares.Make(r.Context(), whoOf(r), n)
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "key", n.Key, "until", time.UnixMilli(made.Expires).UTC().Format(time.RFC3339))
	w.Header().Set("Location", made.Path)
	return reply(w, r, http.StatusCreated, made)
}

// deleteShares ends all links that were made until now.
func (s *server) deleteShares(w http.ResponseWriter, r *http.Request) error {
	if err := s.Shares.Renew(r.Context()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
