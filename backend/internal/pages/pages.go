// Package pages serves what the browser needs to run MemCache: the pages, the
// WebAssembly program, the loader, the service worker, styles and icons.
//
// go-app draws each page of the user interface once, when the handler is made.
// That drawing holds nothing of anybody's data; it is what the browser shows
// until the program has started and taken over. From then on every reply is a
// fixed string of bytes from memory: no request reaches go-app's own handler,
// which would answer unknown pages with 304 and fetch addresses that the client
// chooses.
//
// Every reply carries the security headers below, and an ETag made of its
// content.
package pages

import (
	"cmp"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"memcache/web"
)

// Config is what [New] needs.
type Config struct {
	// Version is shown in the user interface. A page of another version is
	// offered a reload.
	Version string
	// Exposed has every page warn that everybody is let in.
	Exposed bool
	// Login has the pages ask for a login.
	Login bool
	// Log hears what is wrong with the pages when they are made.
	Log *slog.Logger
	// Routes registers the pages with go-app; nil when that has been done.
	Routes func()
	// Paths are the addresses of the pages; nil stands for those of the app.
	Paths []string
}

// defaultPaths are the addresses of the user interface's pages.
var defaultPaths = []string{"/", "/object", "/cache", "/stats", "/lab", "/login", "/security"}

// New returns the handler of everything that is neither an object nor an API.
// It fails when a page cannot be drawn. When the user interface is not built, it
// answers the pages with what to do about that.
func New(c Config) (http.Handler, error) {
	return newHandler(c, web.Files())
}

func newHandler(c Config, files fs.FS) (*handler, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Paths == nil {
		c.Paths = defaultPaths
	}
	if c.Routes != nil {
		c.Routes()
	}
	h := &handler{notFound: notFoundPage()}
	if missing := web.Missing(files); len(missing) > 0 {
		c.Log.Warn("the user interface is not built: run ./build.sh, then start again", "missing", strings.Join(missing, " "))
		h.notBuilt = notBuiltPage(missing)
		h.pages = c.Paths
	}
	var err error
	h.assets, err = makeAssets(c, files, h.notBuilt == nil)
	return h, err
}

// handler answers from assets. It is immutable.
type handler struct {
	assets   map[string]*asset
	notFound *asset
	notBuilt *asset   // nil when the user interface is built
	pages    []string // the addresses that notBuilt answers
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the method "+strconv.Quote(r.Method)+" is not allowed here: use GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	if a := h.assets[r.URL.Path]; a != nil {
		a.serve(w, r)
		return
	}
	for _, path := range h.pages {
		if r.URL.Path == path {
			h.notBuilt.serveAs(w, r, http.StatusServiceUnavailable)
			return
		}
	}
	h.notFound.serveAs(w, r, http.StatusNotFound)
}

// policy lets the page load its own files, run WebAssembly, and show objects;
// nothing else. There is no inline script or style anywhere.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self' 'wasm-unsafe-eval'",
	"style-src 'self'",
	"img-src 'self' blob:",
	"media-src 'self' blob:",
	"connect-src 'self'",
	"manifest-src 'self'",
	"worker-src 'self'",
	"font-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
}, "; ")

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)")
}

// version is what the user interface is told.
func (c Config) version() string { return cmp.Or(c.Version, "unknown") }

// told is how the user interface is told whether something is so.
func told(so bool) string {
	if so {
		return "yes"
	}
	return ""
}
