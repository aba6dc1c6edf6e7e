package pages

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// addPages draws every page and adds it.
func addPages(assets map[string]*asset, c Config) error {
	// Only what it makes of the body and the title is used. The icons are named
	// because the defaults are on another server.
	drawer := &app.Handler{
		Name:    "MemCache",
		Title:   "MemCache",
		Version: c.version(),
		Icon:    app.Icon{Default: "/web/icons/icon-192.png", Large: "/web/icons/icon-512.png", SVG: "/web/icons/icon.svg"},
	}
	for _, path := range c.Paths {
		p, err := draw(drawer, path, c.Log)
		if err != nil {
			return fmt.Errorf("draw the page %s: %w", path, err)
		}
		assets[path] = p.asset()
	}
	return nil
}

// draw lets go-app draw the page at path and takes out what is needed.
func draw(drawer http.Handler, path string, log *slog.Logger) (content, error) {
	drawn := &recorder{header: make(http.Header), status: http.StatusOK}
	drawer.ServeHTTP(drawn, &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Path: path},
		Host:   "localhost",
		Header: make(http.Header),
	})
	if drawn.status != http.StatusOK {
		return content{}, fmt.Errorf("go-app answers status %d: is the page registered?", drawn.status)
	}
	markup := drawn.body.String()
	title, err := between(markup, "<title>", "</title>")
	if err != nil {
		return content{}, err
	}
	// The page is the first child of the body; the last is go-app's loader,
	// which covers the page and is not wanted.
	body, err := between(markup, "<body>", "</body>")
	if err != nil {
		return content{}, err
	}
	loader := strings.LastIndex(body, "<aside")
	if loader < 0 || !strings.Contains(body[loader:], "app-wasm-loader") {
		return content{}, fmt.Errorf("go-app's loader is not at the end of the body %.200q", body)
	}
	body, forbidden := tidy(body[:loader])
	for _, tag := range forbidden {
		log.Warn("a page has what the Content-Security-Policy forbids: use a class or a file instead", "page", path, "tag", tag)
	}
	return content{Title: title, Body: body, Program: true}, nil
}

func between(s, first, last string) (string, error) {
	_, s, begun := strings.Cut(s, first)
	s, _, ended := strings.Cut(s, last)
	if !begun || !ended {
		return "", fmt.Errorf("go-app's page has no %s…%s", first, last)
	}
	return s, nil
}

// recorder keeps a reply in memory.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
