package pages

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

// fakeProgram is large enough for compression to pay.
var fakeProgram = []byte("\x00asm\x01\x00\x00\x00" + strings.Repeat("not really a program ", 500))

func TestFault17_UnknownPageIs404EvenWithAnETagOfTheApp(t *testing.T) {
	h := mustHandler(t, Config{Version: "v1"}, builtFiles(t))
	tags := []string{`"v1"`, "*", get(h, "/").Header().Get("ETag"), get(h, "/app.js").Header().Get("ETag")}
	for _, path := range []string{"/nothing", "/web/nothing.css", "/object/", "/Cache", "/web/", "/web/css", "/web/app.wasm.br", "/web/web.go", "//", "/../web.go"} {
		for _, tag := range tags {
			w := get(h, "/", "If-None-Match", tag)
			if tag != `"v1"` && tag != tags[3] && w.Code != http.StatusNotModified {
				t.Fatalf("GET / with If-None-Match %s is %d, so that this test tests nothing", tag, w.Code)
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.URL.Path = path
			r.Header.Set("If-None-Match", tag)
			w = httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusNotFound {
				t.Errorf("GET %s with If-None-Match %s is %d, want 404", path, tag, w.Code)
			}
			if !strings.Contains(w.Body.String(), "There is no such page") || w.Header().Get("ETag") != "" {
				t.Errorf("GET %s: want a readable page without ETag, got %q with ETag %q", path, w.Body, w.Header().Get("ETag"))
			}
		}
	}
}

// TestFault18 puts a server at the Host that a client claims: it must not hear
// anything.
func TestFault18_NoRequestGoesToTheHostOfTheClient(t *testing.T) {
	victim := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the server asked %s for %s", r.Host, r.URL)
		io.WriteString(w, "poison")
	}))
	defer victim.Close()
	h := mustHandler(t, Config{}, builtFiles(t))
	want := map[string]int{"/robots.txt": 200, "/sitemap.xml": 404, "/ads.txt": 404, "/": 200, "/manifest.json": 404}
	for _, host := range []string{strings.TrimPrefix(victim.URL, "http://"), "localhost"} {
		for path, status := range want {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != status || strings.Contains(w.Body.String(), "poison") || strings.Contains(w.Body.String(), victim.URL) {
				t.Errorf("GET %s with Host %s is %d %q, want %d", path, host, w.Code, w.Body, status)
			}
		}
	}
}

func TestFault94_SecurityHeadersOnEveryReply(t *testing.T) {
	built := mustHandler(t, Config{}, builtFiles(t))
	unbuilt := mustHandler(t, Config{}, staticFiles(t))
	etag := get(built, "/").Header().Get("ETag")
	replies := map[string]*httptest.ResponseRecorder{
		"page":         get(built, "/"),
		"file":         get(built, "/web/icons/icon.svg"),
		"program":      get(built, "/web/app.wasm", "Accept-Encoding", "br"),
		"worker":       get(built, "/app-worker.js"),
		"not modified": get(built, "/", "If-None-Match", etag),
		"not found":    get(built, "/nothing"),
		"not allowed":  request(built, "POST", "/"),
		"not built":    get(unbuilt, "/"),
	}
	if code := replies["not modified"].Code; code != http.StatusNotModified {
		t.Fatalf("the reply that should be 304 is %d", code)
	}
	want := map[string]string{
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
		"Referrer-Policy":            "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Content-Security-Policy":    "default-src 'none'",
		"Permissions-Policy":         "publickey-credentials-get=(self)",
	}
	for name, w := range replies {
		for header, value := range want {
			if got := w.Header().Get(header); !strings.Contains(got, value) {
				t.Errorf("%s: %s is %q, want %q in it", name, header, got, value)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "'unsafe-eval'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: the policy %q is too weak", name, csp)
		}
	}
}

func TestProgramEncodings(t *testing.T) {
	h := mustHandler(t, Config{}, builtFiles(t))
	unpack := map[string]func(io.Reader) (io.Reader, error){
		"":     func(r io.Reader) (io.Reader, error) { return r, nil },
		"br":   func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	}
	tags := make(map[string]string)
	for _, c := range []struct{ accept, want string }{
		{"", ""},
		{"identity", ""},
		{"deflate, zstd", ""},
		{"gzip", "gzip"},
		{"gzip, deflate, br, zstd", "br"},
		{"BR;q=0.5", "br"},
		{"br;q=0, gzip", "gzip"},
		{"br; q=0.0, gzip; q=0", ""},
		{"br;q=nonsense, gzip;q=1", "gzip"},
		{"x-br, brotli", ""},
	} {
		w := get(h, programPath, "Accept-Encoding", c.accept)
		if got := w.Header().Get("Content-Encoding"); got != c.want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", c.accept, got, c.want)
			continue
		}
		r, err := unpack[c.want](w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, fakeProgram) {
			t.Errorf("Accept-Encoding %q: %d bytes and %v, want the program's %d", c.accept, len(got), err, len(fakeProgram))
		}
		for header, want := range map[string]string{
			"Content-Type": "application/wasm", "Cache-Control": "no-cache", "Vary": "Accept-Encoding",
			"X-Raw-Length": "10508",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("Accept-Encoding %q: %s is %q, want %q", c.accept, header, got, want)
			}
		}
		tags[c.want] = w.Header().Get("ETag")
		if w := get(h, programPath, "Accept-Encoding", c.accept, "If-None-Match", `"other", W/`+tags[c.want]); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("Accept-Encoding %q with its own ETag: %d with %d bytes, want 304 without", c.accept, w.Code, w.Body.Len())
		}
	}
	if tags[""] == tags["br"] || tags["br"] == tags["gzip"] {
		t.Errorf("two encodings share a strong ETag: %q", tags)
	}
}

func TestRepliesAreWholeAndHEADHasNoBody(t *testing.T) {
	h := mustHandler(t, Config{}, builtFiles(t))
	for _, path := range slices.Sorted(maps.Keys(h.assets)) {
		g, head := get(h, path), request(h, "HEAD", path)
		if g.Code != 200 || g.Body.Len() == 0 || g.Header().Get("ETag") == "" || g.Header().Get("Content-Type") == "" {
			t.Errorf("GET %s: %d, %d bytes, headers %v", path, g.Code, g.Body.Len(), g.Header())
		}
		if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != g.Header().Get("Content-Length") {
			t.Errorf("HEAD %s: %d, %d bytes, headers %v", path, head.Code, head.Body.Len(), head.Header())
		}
	}
	w := request(h, "DELETE", "/")
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE / is %d with Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestMissingBuildOutputsAreSaidClearly(t *testing.T) {
	var logged bytes.Buffer
	files := builtFiles(t)
	delete(files, "app.wasm.br")
	delete(files, "wasm_exec.js")
	h := mustHandler(t, Config{Log: slog.New(slog.NewTextHandler(&logged, nil))}, files)
	for _, path := range defaultPaths {
		w := get(h, path)
		body := w.Body.String()
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(body, "./build.sh") || !strings.Contains(body, "app.wasm.br, wasm_exec.js") {
			t.Errorf("GET %s without build outputs is %d %q", path, w.Code, body)
		}
	}
	if !strings.Contains(logged.String(), "./build.sh") {
		t.Errorf("the log does not say what to do: %q", logged.String())
	}
	if w := get(h, "/web/icons/icon.svg"); w.Code != 200 {
		t.Errorf("an icon without build outputs is %d", w.Code)
	}
	if w := get(h, "/app-worker.js"); w.Code != 404 {
		t.Errorf("the service worker without anything to install is %d", w.Code)
	}
}

func TestPageIsDrawnBeforeTheProgram(t *testing.T) {
	h := mustHandler(t, Config{}, builtFiles(t))
	w := get(h, "/object?key=%3Cimg%20src=x%3E")
	body := w.Body.String()
	for _, want := range []string{
		"<title>Test /object</title>",
		`<h1 id="path" title="say &quot;hi&quot; & <bye>">Page /object</h1>`,
		`<span aria-hidden="true">•</span>`,
		`<path d="M0 0h8v8"/>`,
		`<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	for _, unwanted := range []string{"app-wasm-loader", "goapp", "http://", "https://", "style=", "maximum-scale", "user-scalable", "img"} {
		if strings.Contains(body, unwanted) {
			t.Errorf("the page contains %s:\n%s", unwanted, body)
		}
	}
}

// Two servers of one version must agree on every ETag and on the version, or
// clients would be told of updates for ever.
func TestTwoHandlersOfOneVersionAgree(t *testing.T) {
	files := builtFiles(t)
	first := mustHandler(t, Config{Version: "v1"}, files)
	for range 5 {
		second := mustHandler(t, Config{Version: "v1"}, files)
		for path, a := range first.assets {
			if b := second.assets[path]; b == nil || b.hash != a.hash {
				t.Fatalf("%s differs from handler to handler", path)
			}
		}
	}
	other := mustHandler(t, Config{Version: "v2"}, files)
	if other.assets[workerPath].hash == first.assets[workerPath].hash {
		t.Error("another version has the same service worker: nobody would learn of it")
	}
}

func TestUnregisteredPageIsAnError(t *testing.T) {
	_, err := newHandler(Config{Paths: []string{"/", "/unknown"}}, builtFiles(t))
	if err == nil || !strings.Contains(err.Error(), "/unknown") {
		t.Errorf("a page that go-app does not know gives %v", err)
	}
}

func TestManifestNamesFilesThatExist(t *testing.T) {
	h := mustHandler(t, Config{}, builtFiles(t))
	w := get(h, "/manifest.webmanifest")
	var manifest struct {
		ID    string
		Icons []struct{ Src, Type, Sizes, Purpose string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &manifest); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/manifest+json" {
		t.Errorf("the manifest's type is %q", got)
	}
	found := make(map[string]bool)
	for _, icon := range manifest.Icons {
		w := get(h, icon.Src)
		if w.Code != 200 || w.Header().Get("Content-Type") != icon.Type {
			t.Errorf("icon %s is %d %q", icon.Src, w.Code, w.Header().Get("Content-Type"))
			continue
		}
		if icon.Type == "image/png" {
			img, err := png.DecodeConfig(w.Body)
			if size := fmt.Sprintf("%dx%d", img.Width, img.Height); err != nil || size != icon.Sizes {
				t.Errorf("icon %s is %s, %v; declared %s", icon.Src, size, err, icon.Sizes)
			}
		}
		found[icon.Sizes+" "+icon.Purpose] = true
	}
	for _, want := range []string{"192x192 any", "512x512 any", "512x512 maskable"} {
		if !found[want] {
			t.Errorf("there is no icon %s", want)
		}
	}
	if manifest.ID == "" {
		t.Error("the manifest has no id")
	}
}

func TestTidy(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"sorts attributes", `<a href="/x" class="c">y</a>`, `<a class="c" href="/x">y</a>`},
		{"keeps text as it is", "<p>\na &lt; b  c\n</p>", "<p>a &lt; b  c</p>"},
		{"drops line breaks between elements", "<div>\n<b>x</b>\n<i>y</i>\n</div>", "<div><b>x</b><i>y</i></div>"},
		{"quotes as in HTML", `<p title="a \"b\" \\ c">x</p>`, `<p title="a &quot;b&quot; \ c">x</p>`},
		{"true for aria", `<p aria-hidden hidden>x</p>`, `<p aria-hidden="true" hidden>x</p>`},
		{"keeps markup of our own", `<svg viewBox="0 0 8 8"><path d="M0 0"/><br/></svg>`, `<svg viewBox="0 0 8 8"><path d="M0 0"/><br/></svg>`},
		{"unquoted value", `<svg width=8><g/></svg>`, `<svg width="8"><g/></svg>`},
		{"comment", `<p><!-- a > b -->x</p>`, `<p><!-- a > b -->x</p>`},
		{"greater-than in a value", `<p title="a > b">x</p>`, `<p title="a > b">x</p>`},
		{"unfinished tag", `<p class="a`, `<p class="a">`},
		{"only text", "x", "x"},
	}
	for _, c := range cases {
		got, forbidden := tidy(c.in)
		if got != c.want || len(forbidden) > 0 {
			t.Errorf("%s: tidy(%q) = %q, %q, want %q", c.name, c.in, got, forbidden, c.want)
		}
	}
	for _, bad := range []string{`<p style="color:red">`, `<p onclick="f()">`, `<script>`, `<style>`} {
		if _, forbidden := tidy(bad + "x"); len(forbidden) != 1 {
			t.Errorf("tidy(%q) reports %q as forbidden", bad, forbidden)
		}
	}
}
