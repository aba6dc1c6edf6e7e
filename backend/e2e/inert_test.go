package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
)

// beacon is a server that counts who comes to see it: a script that runs
// navigates there, which no content security policy forbids.
type beacon struct {
	url  string
	hits atomic.Int64
}

func newBeacon(t *testing.T) *beacon {
	b := new(beacon)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ran" {
			b.hits.Add(1)
		}
	}))
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

// armed are files whose script goes to the beacon when it runs.
func (b *beacon) armed() map[string]string {
	run := fmt.Sprintf("document.title='ran';location.href='%s/ran'", b.url)
	return map[string]string{
		"page.html":  "<!doctype html><title>armed</title><script>" + run + "</script>",
		"photo.jpg":  "<html><body onload=\"" + run + "\">not a photo</body></html>",
		"image.svg":  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>` + run + `</script></svg>`,
		"onload.svg": `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="` + run + `"/>`,
		"page.xhtml": `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title><script>` + run + `</script></head></html>`,
		"style.xml":  `<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">` + run + `</x:script>`,
		"plain.txt":  "<script>" + run + "</script>",
	}
}

func TestFault14_ScriptsInFilesDoNotRun(t *testing.T) {
	t.Parallel()
	b := newBeacon(t)
	s := start(t)
	p := openPage(t, browsertest.Allow("Blocked script execution", "Content Security Policy", "net::ERR_ABORTED"))

	// The beacon works: served as it is, the same script runs.
	careless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, b.armed()["page.html"])
	}))
	t.Cleanup(careless.Close)
	p.visit(careless.URL)
	eventually(t, patience, "the script of a careless server runs", func() error {
		if b.hits.Load() == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	b.hits.Store(0)

	for name, content := range b.armed() {
		s.do("PUT", "/objects/"+name, strings.NewReader(content), http.StatusCreated)
		s.do("GET", "/objects/"+name, nil, http.StatusOK) // also out of the cache
		for _, path := range []string{"/objects/" + name, "/objects?key=" + name} {
			p.visit(s.url + path)
			if eval[string](p, `document.title`) == "ran" {
				t.Errorf("the script in %s ran", path)
			}
			// A second page loads after whatever the first one began.
			p.visit(b.url + "/after")
			if n := b.hits.Load(); n != 0 {
				t.Errorf("the script in %s ran", path)
				b.hits.Store(0)
			}
		}
	}
}

// visit navigates like [page.open], and takes a download for an answer.
func (p *page) visit(url string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil && !strings.Contains(err.Error(), "net::ERR_ABORTED") {
		p.t.Fatalf("visit %s: %v", url, err)
	}
}

func TestFault94_HeadersOnEveryReply(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/x", strings.NewReader("x"), http.StatusCreated)
	for _, path := range []string{
		"/", "/cache", "/stats", "/lab", "/object?key=x", "/no-such-page", "/web/app.wasm", "/web/lab.wasm", "/web/lab-worker.js", "/web/app.css", "/app.js", "/app-worker.js",
		"/manifest.webmanifest", "/robots.txt", "/objects/x", "/objects/unknown", "/api/v1/objects", "/api/v1/cache", "/api/nothing",
		"/api/list_keys", "/healthz", "/readyz", "/ws",
	} {
		r, err := s.try(t.Context(), "GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		csp := r.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe-eval'") && !strings.Contains(csp, "'wasm-unsafe-eval'") {
			t.Errorf("%s (%s) has the Content-Security-Policy %q", path, r.Status, csp)
		}
		if got := r.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s (%s) has X-Content-Type-Options %q", path, r.Status, got)
		}
		if got := r.Header.Get("Referrer-Policy"); got != "no-referrer" && got != "same-origin" {
			t.Errorf("%s (%s) has the Referrer-Policy %q", path, r.Status, got)
		}
	}
}

func TestFault94_FramingIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.do("PUT", "/objects/x", strings.NewReader("x"), http.StatusCreated)
	p := openPage(t, browsertest.Allow("Refused to frame", "frame-ancestors", "chrome-error"))
	framer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><link rel=icon href=data:,><iframe src="%s"></iframe>`, r.URL.Query().Get("of"))
	}))
	t.Cleanup(framer.Close)
	// Another port of the same host is another origin, but the same process of
	// the browser, so that the frame is part of the tree below.
	from := strings.Replace(framer.URL, "127.0.0.1", "localhost", 1)
	framed := func(url string) bool {
		p.open(from + "?of=" + url)
		tree, err := chromedp.Call(p.ctx, cdppage.GetFrameTree, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(tree.FrameTree.ChildFrames); n != 1 {
			t.Fatalf("the page has %d frames, want 1", n)
		}
		return strings.HasPrefix(tree.FrameTree.ChildFrames[0].Frame.URL, url)
	}
	// What may be framed is, so the check would notice.
	harmless := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(harmless.Close)
	if !framed(strings.Replace(harmless.URL, "127.0.0.1", "localhost", 1)) {
		t.Fatal("a page without protection is not seen as framed")
	}
	for _, path := range []string{"/", "/cache", "/stats", "/objects/x", "/readyz"} {
		if framed(s.url + path) {
			t.Errorf("%s can be framed by another site", path)
		}
	}
}
