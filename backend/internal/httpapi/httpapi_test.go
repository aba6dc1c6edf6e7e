package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestPutGetReplaceDelete(t *testing.T) {
	w := start(t)
	created := w.want(w.put("a/b c", "hello"), 201)
	if created.Header.Get("Location") != "/objects/a/b%20c" || created.Header.Get("Etag") == "" {
		t.Errorf("created with %v", created.Header)
	}
	got := w.want(w.get("a/b c"), 200)
	if got.body != "hello" || got.Header.Get("Etag") != created.Header.Get("Etag") {
		t.Errorf("got %q with %v", got.body, got.Header)
	}
	if !strings.HasPrefix(got.Header.Get("Cache-Status"), "MemCache; ") || !strings.Contains(got.Header.Get("Server-Timing"), "total;dur=") {
		t.Errorf("no provenance in %v", got.Header)
	}
	head := w.want(w.do("HEAD", "/objects/a/b%20c", nil), 200)
	if head.body != "" || head.ContentLength != 5 || head.Header.Get("Etag") != created.Header.Get("Etag") {
		t.Errorf("HEAD gave %q, %d bytes, %v", head.body, head.ContentLength, head.Header)
	}
	w.want(w.put("a/b c", "hello again"), 200)
	if again := w.get("a/b c"); again.body != "hello again" {
		t.Errorf("after replacing: %q", again.body)
	}
	w.want(w.do("DELETE", "/objects/a/b%20c", nil), 204)
	w.wantProblem(w.get("a/b c"), 404, "a/b c")
	w.wantProblem(w.do("DELETE", "/objects/a/b%20c", nil), 404)
}

func TestConditions(t *testing.T) {
	w := start(t)
	first := w.want(w.do("PUT", "/objects/k", strings.NewReader("one"), "If-None-Match", "*"), 201).Header.Get("Etag")
	w.wantProblem(w.do("PUT", "/objects/k", strings.NewReader("two"), "If-None-Match", "*"), 412)
	w.want(w.get("k", "If-None-Match", first), 304)
	w.want(w.get("k", "If-None-Match", `"other", `+first), 304)
	w.want(w.do("PUT", "/objects/k", strings.NewReader("two"), "If-Match", `"x,y", `+first), 200)
	w.wantProblem(w.do("PUT", "/objects/k", strings.NewReader("three"), "If-Match", first), 412)
	w.wantProblem(w.do("DELETE", "/objects/k", nil, "If-Match", first), 412)
	// 16. after an overwrite, never a stale 304 or a mixture.
	if got := w.want(w.get("k", "If-None-Match", first), 200); got.body != "two" {
		t.Errorf("got %q", got.body)
	}
	if got := w.want(w.get("k", "Range", "bytes=1-", "If-Range", first), 200); got.body != "two" {
		t.Errorf("got %q", got.body)
	}
	if got := w.want(w.get("k", "Range", "bytes=1-"), 206); got.body != "wo" {
		t.Errorf("got %q", got.body)
	}
}

func TestFault01_EmptyKey(t *testing.T) {
	w := start(t)
	for _, target := range []string{"/objects/", "/objects", "/objects?key=", "/objects?key=%ZZ"} {
		w.wantProblem(w.do("PUT", target, strings.NewReader("x")), 400, "key")
		w.wantProblem(w.do("GET", target, nil), 400, "key")
	}
	if keys := w.listed(); len(keys) != 0 {
		t.Errorf("stored %q", keys)
	}
}

func TestFault02_LongestKey(t *testing.T) {
	w := start(t)
	long := strings.Repeat("é", 512)
	w.want(w.put(long, "x"), 201)
	if got := w.want(w.get(long), 200); got.body != "x" || w.listed()[0] != long {
		t.Errorf("got %q, listed %q", got.body, w.listed())
	}
	w.wantProblem(w.put(long+"a", "x"), 400, "1025", "1024")
}

func TestFault03_AnyTextIsAKey(t *testing.T) {
	w := start(t)
	keys := []string{
		" a b ", "😀", "שלום", "100%", "%41", "a?b", "a#b", "a/b", "a//b", "/a", "a/", "//", ".", "..", "a/../b", "./a",
		"a+b", "a&b=c", `a\b`, "a;b", "a:b", "http://x/y", "A", "a", "e\u0301", "\u00e9", "'\"<>", "~", "_%",
	}
	for i, key := range keys {
		w.want(w.put(key, key), 201)
		if got := w.want(w.get(key), 200); got.body != key {
			t.Errorf("key %q gives %q", key, got.body)
		}
		if got := len(w.listed()); got != i+1 {
			t.Errorf("after %q: %d keys listed, want %d", key, got, i+1)
		}
	}
	listed := map[string]bool{}
	for _, key := range w.listed() {
		listed[key] = true
	}
	for _, key := range keys {
		if !listed[key] {
			t.Errorf("%q is not listed", key)
		}
		byQuery := w.want(w.do("GET", "/objects?key="+percent(key), nil), 200)
		byPath := w.want(w.do("GET", "/objects/"+percent(key), nil), 200)
		if byQuery.body != key || byPath.body != key {
			t.Errorf("%q: by query %q, by path %q", key, byQuery.body, byPath.body)
		}
	}
	if first, second := w.get("e\u0301"), w.get("\u00e9"); first.body == second.body { // 4
		t.Error("the NFC and the NFD form of a name are one key")
	}
}

// percent encodes every byte.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
	}
	return b.String()
}

func TestFault05_ControlCharactersAndBadUTF8(t *testing.T) {
	w := start(t)
	for _, key := range []string{"a\x00b", "a\r\nSet-Cookie: x", "a\nb", "\xff", "a\xc3", "a\u0085b"} {
		a := w.do("PUT", "/objects/"+percent(key), strings.NewReader("x"))
		w.wantProblem(a, 400)
		if a.Header.Get("Set-Cookie") != "" {
			t.Errorf("key %q injected a header", key)
		}
	}
}

func TestFault06_PathsAreJustKeys(t *testing.T) {
	w := start(t)
	for _, target := range []string{"../../etc/passwd", `..\x`, "%2e%2e%2f%2e%2e%2fx", "/abs", "CON"} {
		w.want(w.do("PUT", "/objects/"+target, strings.NewReader(target)), 201)
		if got := w.want(w.do("GET", "/objects/"+target, nil), 200); got.body != target {
			t.Errorf("%q gives %q", target, got.body)
		}
	}
	for _, file := range w.files() {
		if !strings.HasPrefix(file, filepath.Join(w.data, "blobs")) {
			t.Errorf("a file outside of the blobs: %s", file)
		}
	}
}

func TestFault07_EmptyObject(t *testing.T) {
	w := start(t)
	w.want(w.put("empty", ""), 201)
	if got := w.want(w.get("empty"), 200); got.body != "" || got.ContentLength != 0 {
		t.Errorf("got %q of %d bytes", got.body, got.ContentLength)
	}
	w.want(w.get("empty", "Range", "bytes=0-0"), 416)
}

func TestFault08_LimitOfSize(t *testing.T) {
	w := start(t)
	full := strings.Repeat("x", maxObject)
	w.want(w.put("full", full), 201)
	before := len(w.files())
	for name, body := range map[string]io.Reader{
		"with a length":    strings.NewReader(full + "x"),
		"without a length": io.MultiReader(strings.NewReader(full), strings.NewReader("x")),
	} {
		a := w.do("PUT", "/objects/more", body)
		w.wantProblem(a, 413)
		if after := len(w.files()); after != before {
			t.Errorf("%s: %d files, want %d", name, after, before)
		}
	}
	w.wantProblem(w.get("more"), 404)
}

func TestFault11_TypeComesFromTheBytes(t *testing.T) {
	w := start(t)
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 64)
	for _, c := range []struct{ key, body, mediaType, how string }{
		{"picture.txt", png, "image/png", "inline"},
		{"tone", "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00", "audio/wav", "inline"},
		{"page.jpg", "<!DOCTYPE html><html><script>alert(1)</script></html>", "text/html; charset=utf-8", "attachment"},
		{"logo.png", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "image/svg+xml", "attachment"},
		{"note.html", "just text", "text/plain; charset=utf-8", "inline"},
		{"doc", "%PDF-1.7\n1 0 obj\n", "application/pdf", "inline"},
		{"data", "\x00\x01\x02\x03", "application/octet-stream", "attachment"},
	} {
		w.want(w.put(c.key, c.body), 201)
		h := w.want(w.get(c.key), 200).Header
		if h.Get("Content-Type") != c.mediaType || !strings.HasPrefix(h.Get("Content-Disposition"), c.how+";") {
			t.Errorf("%s: %q, %q; want %s as %s", c.key, h.Get("Content-Type"), h.Get("Content-Disposition"), c.mediaType, c.how)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: sniffing is allowed", c.key)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "script-src") {
			t.Errorf("%s: served with the policy %q", c.key, csp)
		} else if strings.HasSuffix(csp, "; sandbox") == hasViewer(c.mediaType) {
			t.Errorf("%s: sandboxed or not by the policy %q", c.key, csp)
		}
	}
}

func TestFault15_Ranges(t *testing.T) {
	w := start(t)
	w.want(w.put("digits", "0123456789"), 201)
	for _, c := range []struct {
		asked  string
		status int
		body   string
	}{
		{"bytes=0-3", 206, "0123"},
		{"bytes=-3", 206, "789"},
		{"bytes=8-99", 206, "89"},
		{"bytes=10-", 416, ""},
		{"bytes=5-2", 416, ""},
		{"bytes=" + strings.Repeat("0-,", 1000) + "0-", 200, "0123456789"},
	} {
		a := w.want(w.get("digits", "Range", c.asked), c.status)
		if c.body != "" && a.body != c.body {
			t.Errorf("%.30s: %q, want %q", c.asked, a.body, c.body)
		}
	}
}

func TestFault18_ForeignHost(t *testing.T) {
	w := start(t)
	req, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/robots.txt", nil)
	must(t, err)
	req.Host = "evil.example"
	res, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status %d, want 421", res.StatusCode)
	}
}

func TestFault19_MethodsAndHeaders(t *testing.T) {
	w := start(t)
	for target, allow := range map[string]string{
		"/objects/a":      "GET, HEAD, PUT, DELETE",
		"/api/v1/cache":   "GET, HEAD, PUT",
		"/api/v1/objects": "GET, HEAD, POST",
		"/healthz":        "GET, HEAD",
		"/some/page":      "GET, HEAD",
	} {
		a := w.do("BREW", target, nil)
		w.wantProblem(a, 405, "BREW")
		if a.Header.Get("Allow") != allow {
			t.Errorf("%s allows %q, want %q", target, a.Header.Get("Allow"), allow)
		}
	}
	w.want(w.do("GET", "/healthz", nil, "X-Long", strings.Repeat("x", 1<<20)), 431)
	w.wantProblem(w.do("GET", "/api/v1/nothing", nil), 404)
}

func TestFault20_21_SettingsAreCheckedStrictly(t *testing.T) {
	w := start(t)
	before := w.want(w.do("GET", "/api/v1/cache", nil), 200).body
	for _, body := range []string{
		`{"capacity":-1}`, `{"capacity":0}`, `{"capacity":NaN}`, `{"capacity":1e30}`, `{"capacity":1099511627776}`,
		`{"capacity":"abc"}`, `{"capacity":1048577}`, `{"capacity":1.5}`, `{"size":1}`, ``, `[]`, `{} {}`,
	} {
		w.wantProblem(w.do("PUT", "/api/v1/cache", strings.NewReader(body)), 400, "1048576", "1073741824")
	}
	w.wantProblem(w.do("PUT", "/api/v1/cache", strings.NewReader(`{"policy":"best"}`)), 400, "lru", "random")
	w.wantProblem(w.do("PUT", "/api/v1/cache", bytes.NewReader(make([]byte, 1<<20))), 400)
	w.wantProblem(w.do("PUT", "/api/v1/cache", strings.NewReader(`{"policy":"`+strings.Repeat("x", 1<<20)+`"}`)), 413)
	if after := w.do("GET", "/api/v1/cache", nil).body; after != before {
		t.Errorf("the settings changed from %s to %s", before, after)
	}
	w.want(w.do("PUT", "/api/v1/cache", strings.NewReader(`{"capacity":3145728,"policy":"random"}`)), 200)
	var cache api.Cache
	must(t, json.Unmarshal([]byte(w.do("GET", "/api/v1/cache", nil).body), &cache))
	if cache.Capacity != 3*api.MB || cache.Policy != "random" {
		t.Errorf("the settings are %+v", cache)
	}
}

func TestListPagesAndSearches(t *testing.T) {
	w := start(t)
	for _, key := range []string{"a1", "a2", "b1", "100%", "1000"} {
		w.want(w.put(key, key), 201)
	}
	var page api.List
	must(t, json.Unmarshal([]byte(w.want(w.do("GET", "/api/v1/objects?prefix=a&sort=key&limit=1", nil), 200).body), &page))
	if len(page.Objects) != 1 || page.Objects[0].Key != "a1" || page.Next == "" || page.Total != 2 {
		t.Errorf("the first page is %+v", page)
	}
	must(t, json.Unmarshal([]byte(w.want(w.do("GET", "/api/v1/objects?search=0%25", nil), 200).body), &page))
	if len(page.Objects) != 1 || page.Objects[0].Key != "100%" { // 67
		t.Errorf("the search found %+v", page.Objects)
	}
	for _, query := range []string{"limit=0", "limit=x", "limit=1001", "sort=best", "after=!", "search=%"} {
		w.wantProblem(w.do("GET", "/api/v1/objects?"+query, nil), 400)
	}
}

func TestStatsAndHealth(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Parts = []Part{
			{Name: "database", Required: true, Check: func(context.Context) error { return nil }},
			{Name: "cache", Check: func(context.Context) error { return io.ErrUnexpectedEOF }},
		}
	})
	w.want(w.do("GET", "/api/v1/stats?window=1m", nil), 200)
	w.wantProblem(w.do("GET", "/api/v1/stats?window=soon", nil), 400, "soon")
	w.wantProblem(w.do("GET", "/api/v1/stats?window=9000h", nil), 400)
	w.want(w.do("GET", "/healthz", nil), 200)
	if ready := w.want(w.do("GET", "/readyz", nil), 200); !strings.Contains(ready.body, `"degraded"`) {
		t.Errorf("without its cache it says %s", ready.body)
	}
	down := start(t, func(c *Config) {
		c.Parts = []Part{{Name: "database", Required: true, Check: func(context.Context) error { return io.ErrUnexpectedEOF }}}
	})
	down.want(down.do("GET", "/readyz", nil), 503)
}

func TestPanicBecomesAnError(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Pages = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })
	})
	a := w.do("GET", "/", nil)
	w.wantProblem(a, 500)
	if strings.Contains(a.body, "a bug") {
		t.Errorf("the answer tells too much: %s", a.body)
	}
}
