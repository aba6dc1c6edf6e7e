package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/certs/certstest"
)

// secretBytes are in an object that nobody may see who is not logged in.
const secretBytes = "the-bytes-that-nobody-may-see"

// intruder tries to get into a site from outside.
type intruder struct {
	*site
	client *http.Client
	cookie string // of a session
}

// TestFault88_NobodyGetsIn tries, from outside, what an attacker would: it has the
// address of a server over TLS, and nothing else.
func TestFault88_NobodyGetsIn(t *testing.T) {
	t.Parallel()
	made := certstest.Write(t, t.TempDir())
	s := start(t, "-login", "-tls-cert", made.Cert, "-tls-key", made.Key)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: made.Pool}, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	owner := &http.Client{Transport: transport, Jar: jar}
	i := &intruder{site: s, client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}

	_, link, _ := strings.Cut(s.firstLink(), "#link=")
	i.cookie = i.login(owner, `{"link":"`+link+`","password":"correct horse battery"}`)
	if r := i.as(owner, "PUT", "/objects/secret", secretBytes); r.StatusCode != 201 {
		t.Fatalf("the owner cannot store: %s %s", r.Status, r.body)
	}
	for range 2 { // into the cache
		if r := i.as(owner, "GET", "/objects/secret", ""); string(r.body) != secretBytes {
			t.Fatalf("the owner cannot read: %s %s", r.Status, r.body)
		}
	}
	i.paths()
	i.headers()
	i.shapes()
	i.crossSite()
	i.oversized()
	signature := i.links(owner)
	i.replay(owner)
	i.guess()

	if r := i.as(owner, "GET", "/healthz", ""); r.StatusCode != 200 {
		t.Errorf("after all that the server answers %s", r.Status)
	}
	if log := s.output.String(); strings.Contains(log, "panic") || strings.Contains(log, link+`"`) || strings.Contains(log, i.cookie) || strings.Contains(log, signature) {
		t.Error("the log tells of a panic, or holds a secret")
	}
	s.stop()
}

func (i *intruder) login(c *http.Client, body string) string {
	i.t.Helper()
	r := i.as(c, "POST", "/api/v1/login", body)
	if r.StatusCode != 200 {
		i.t.Fatalf("login: %s %s", r.Status, r.body)
	}
	cookie, _, _ := strings.Cut(r.Header.Get("Set-Cookie"), ";")
	return cookie
}

// as sends a request as somebody, with header lines in pairs.
func (i *intruder) as(c *http.Client, method, path, body string, header ...string) reply {
	i.t.Helper()
	req, err := http.NewRequestWithContext(i.t.Context(), method, i.url, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	req.URL.Opaque = path // as it stands
	for n := 0; n < len(header); n += 2 {
		if header[n] == "Host" {
			req.Host = header[n+1]
		}
		req.Header.Add(header[n], header[n+1])
	}
	r, err := send(c, req)
	if err != nil {
		i.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// out makes sure that an answer gives nothing away.
func (i *intruder) out(what string, r reply) {
	i.t.Helper()
	if strings.Contains(string(r.body), secretBytes) || r.StatusCode >= 500 {
		i.t.Errorf("%s: %s %.200s", what, r.Status, r.body)
	}
}

func (i *intruder) paths() {
	for _, path := range []string{
		"/objects/secret", "/objects?key=secret", "/objects/%73ecret", "/objects//secret", "//objects/secret", "/./objects/secret", "/x/../objects/secret", "/objects/../objects/secret",
		"/OBJECTS/secret", "/objects%2fsecret", "/objects/secret;x", "/objects/secret%00", "/objects/secret/", "/objects/..%2f..%2fetc%2fpasswd", "/web/../objects/secret", "/login/../objects/secret",
		"/web/..%2fobjects%2fsecret", "/healthz/../objects/secret", "/api/v1/objects", "/api/v1//objects", "/api/v1/login/../objects", "/api/v1/security", "/api/v1/archives?id=1", "/api/v1/thumbnails/secret",
		"/api/v1/cache", "/api/v1/stats", "/api/v1/openapi.json", "/metrics", "/metrics/", "/debug/pprof/", "/api/key/secret", "/data/memcache.db", "/certificates", "/.git/config",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			r := i.as(i.client, method, path, "")
			i.out(method+" "+path, r)
			if r.StatusCode == 200 && !strings.Contains(r.Header.Get("Content-Type"), "text/html") {
				i.t.Errorf("%s %s is answered with 200: %.200s", method, path, r.body)
			}
		}
	}
}

func (i *intruder) headers() {
	value := strings.TrimPrefix(i.cookie, "__Host-memcache=")
	for _, header := range [][]string{
		{"X-Forwarded-For", "127.0.0.1"},
		{"X-Real-IP", "127.0.0.1"},
		{"Forwarded", "for=127.0.0.1;proto=https"},
		{"X-Forwarded-Proto", "https"},
		{"X-Original-URL", "/healthz"},
		{"X-Rewrite-URL", "/healthz"},
		{"X-HTTP-Method-Override", "POST"},
		{"Authorization", "Bearer "},
		{"Authorization", "Bearer null"},
		{"Authorization", "Basic YWRtaW46YWRtaW4="},
		{"Authorization", "Bearer " + value},
		{"Cookie", "__Host-memcache="},
		{"Cookie", "__Host-memcache=x; __Host-memcache=y"},
		{"Cookie", "__host-memcache=" + value},
		{"Cookie", "memcache=" + value},
		{"Cookie", "__Host-memcache=" + value[:len(value)-1]},
		{"Cookie", "__Host-memcache=' OR 1=1 --"},
		{"Host", "localhost"},
		{"Origin", "https://evil.example"},
		{"Range", "bytes=0-"},
		{"If-None-Match", "*"},
		{"Idempotency-Key", "x"},
	} {
		r := i.as(i.client, "GET", "/objects/secret", "", header...)
		i.out(fmt.Sprint(header), r)
		if r.StatusCode != 401 && r.StatusCode != 421 {
			i.t.Errorf("with %q: %s", header, r.Status)
		}
	}
	if r := i.as(i.client, "GET", "/", "", "Host", "evil.example"); r.StatusCode != 421 {
		i.t.Errorf("for another host: %s", r.Status)
	}
}

// shapes sends what two servers might read differently, and looks whether a second
// request is answered that nobody may make.
func (i *intruder) shapes() {
	const smuggled = "GET /objects/secret HTTP/1.1\r\nHost: localhost\r\n\r\n"
	size := fmt.Sprint(len(smuggled))
	for name, text := range map[string]string{
		"both lengths":    "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + size + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"two lengths":     "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: " + size + "\r\n\r\n" + smuggled,
		"odd encoding":    "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled,
		"two encodings":   "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled,
		"folded":          "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n Cookie: " + i.cookie + "\r\n\r\n" + smuggled,
		"space in a name": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length : " + size + "\r\n\r\n" + smuggled,
		"two hosts":       "GET /objects/secret HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
		"absolute":        "GET http://127.0.0.1/objects/secret HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"old":             "GET /objects/secret HTTP/0.9\r\n\r\n",
		"pipelined":       "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + smuggled,
		"no HTTP":         "\x00\x01\x02\x03\r\n\r\n",
	} {
		answer := i.raw(text)
		if strings.Contains(answer, secretBytes) || strings.Contains(answer, "HTTP/1.1 5") && !strings.Contains(answer, "HTTP/1.1 501") && !strings.Contains(answer, "HTTP/1.1 505") {
			i.t.Errorf("%s: %q", name, answer)
		}
	}
}

// raw sends text over TLS, and returns all that is answered.
func (i *intruder) raw(text string) string {
	i.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", i.listen, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		i.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		i.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		i.t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		i.t.Fatal(err)
	}
	answer, _ := io.ReadAll(bufio.NewReader(conn)) // however it ends
	return string(answer)
}

// crossSite is what a page of another site can make the owner's browser send.
func (i *intruder) crossSite() {
	for _, from := range [][]string{{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, c := range [][2]string{{"DELETE", "/objects/secret"}, {"POST", "/api/delete_all"}, {"POST", "/api/v1/objects/delete"}, {"PUT", "/api/v1/cache"}, {"POST", "/api/v1/security/tokens"}, {"DELETE", "/api/v1/login"}} {
			r := i.as(i.client, c[0], c[1], `{"keys":["secret"]}`, append(from, "Cookie", i.cookie)...)
			if r.StatusCode != 403 {
				i.t.Errorf("%s %s with %q: %s", c[0], c[1], from, r.Status)
			}
		}
	}
	for origin, want := range map[string]int{"https://evil.example": 403, "null": 403, strings.Replace(i.url, "https", "http", 1): 403, i.url + ".evil.example": 403} {
		r := i.as(i.client, "GET", "/ws", "", "Cookie", i.cookie, "Origin", origin, "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		if r.StatusCode != want {
			i.t.Errorf("a WebSocket from %q: %s", origin, r.Status)
		}
	}
}

func (i *intruder) oversized() {
	long := strings.Repeat("x", 100_000)
	for name, r := range map[string]reply{
		"a header":   i.as(i.client, "GET", "/healthz", "", "X", long),
		"a path":     i.as(i.client, "GET", "/"+long, ""),
		"a cookie":   i.as(i.client, "GET", "/objects/secret", "", "Cookie", "__Host-memcache="+long),
		"a login":    i.as(i.client, "POST", "/api/v1/login", `{"account":"admin","password":"`+strings.Repeat(long, 20)+`"}`),
		"an account": i.as(i.client, "POST", "/api/v1/login", `{"account":"`+long+`","password":"x"}`),
		"a nesting":  i.as(i.client, "POST", "/api/v1/login", strings.Repeat("[", 50_000)),
	} {
		i.out(name, r)
		if r.StatusCode < 400 {
			i.t.Errorf("%s of %d bytes: %s", name, len(long), r.Status)
		}
	}
}

// links makes a link to an object that anybody may see, and tries to get at the secret
// with it. It returns the signature of the link, which stands in no log.
func (i *intruder) links(owner *http.Client) (signature string) {
	if r := i.as(owner, "PUT", "/objects/open", "hello"); r.StatusCode != 201 {
		i.t.Fatalf("the owner cannot store: %s", r.Status)
	}
	r := i.as(owner, "POST", "/api/v1/shares", `{"key":"open","seconds":3600}`)
	var made struct{ Path string }
	r.json(i.t, &made)
	if r := i.as(i.client, "GET", made.Path, ""); r.StatusCode != 200 || string(r.body) != "hello" {
		i.t.Fatalf("the link is answered with %s %s: this tests nothing", r.Status, r.body)
	}
	_, raw, _ := strings.Cut(made.Path, "?")
	right, err := url.ParseQuery(raw)
	if err != nil {
		i.t.Fatal(err)
	}
	signature = right.Get("signature")
	answers := map[string]bool{}
	for _, forged := range []string{
		strings.Replace(raw, "key=open", "key=secret", 1), raw + "&key=secret", "key=secret&" + raw, strings.Replace(raw, "key=open", "key=open%00secret", 1), strings.Replace(raw, "key=open", "key=open/../secret", 1),
		strings.Replace(raw, "by=admin", "by=", 1), strings.Replace(raw, "by=admin", "by=root", 1), strings.Replace(raw, "by=admin", "by=admin%20", 1), strings.Replace(raw, "until=", "until=9", 1), strings.Replace(raw, "until=", "until=-", 1),
		strings.Replace(raw, signature, "", 1), strings.Replace(raw, signature, signature[1:], 1), strings.Replace(raw, signature, strings.ToUpper(signature), 1), strings.Replace(raw, signature, "%00", 1), strings.Replace(raw, "signature", "sig", 1),
		"", "key=secret", "key=secret&until=9999999999999&by=admin&signature=", "key=secret&until=9999999999999&by=admin&signature=null", strings.ReplaceAll(raw, "&", ";"), "%zz", strings.Repeat("key=secret&", 5000),
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			r := i.as(i.client, method, "/shared?"+forged, "")
			i.out(method+" of a forged link "+forged[:min(len(forged), 100)], r)
			if r.StatusCode == 200 && string(r.body) != "hello" && method != "HEAD" || r.StatusCode < 300 && strings.HasPrefix(forged, "key=secret") {
				i.t.Errorf("%s of the forged link %.100s: %s %s", method, forged, r.Status, r.body)
			}
			if method == "GET" && r.StatusCode == 403 {
				answers[detailOf(r)] = true
			}
		}
	}
	if len(answers) != 1 {
		i.t.Errorf("forged links are told apart: %v", answers)
	}
	for _, path := range []string{"/objects?" + raw, "/objects/secret?" + raw, "/shared/secret?" + raw, "/api/v1/objects?" + raw, "/api/v1/thumbnails?" + raw, "/api/v1/shares?" + raw} {
		if r := i.as(i.client, "GET", path, ""); r.StatusCode < 400 {
			i.t.Errorf("with a link, %s is answered with %s", path, r.Status)
		}
	}
	for _, c := range [][2]string{{"POST", "/api/v1/shares"}, {"DELETE", "/api/v1/shares/all"}} {
		if r := i.as(i.client, c[0], c[1], `{"key":"secret","seconds":60}`); r.StatusCode != 401 {
			i.t.Errorf("%s %s of a stranger: %s", c[0], c[1], r.Status)
		}
	}
	return signature
}

func detailOf(r reply) string {
	var p struct{ Detail string }
	_ = json.Unmarshal(r.body, &p) // else it is "", which counts as an answer
	return p.Detail
}

// replay uses the cookie of a session that has ended.
func (i *intruder) replay(owner *http.Client) {
	if r := i.as(i.client, "DELETE", "/api/v1/login", "", "Cookie", i.cookie); r.StatusCode != 200 {
		i.t.Errorf("logging out: %s", r.Status)
	}
	for _, path := range []string{"/objects/secret", "/api/v1/security", "/ws"} {
		if r := i.as(i.client, "GET", path, "", "Cookie", i.cookie); r.StatusCode != 401 {
			i.t.Errorf("%s with a cookie that was logged out: %s", path, r.Status)
		}
	}
	i.login(owner, `{"account":"admin","password":"correct horse battery"}`)
}

// guess tries passwords until nothing is tried any more.
func (i *intruder) guess() {
	began, refused := time.Now(), 0
	for range 14 {
		r := i.as(i.client, "POST", "/api/v1/login", `{"account":"admin","password":"guess"}`)
		if r.StatusCode == 429 {
			refused++
		} else if r.StatusCode != 401 {
			i.t.Errorf("a wrong password: %s", r.Status)
		}
	}
	if took := time.Since(began); refused < 3 || took < 5*time.Second { // 89
		i.t.Errorf("of 14 guesses %d were refused, and it took %v", refused, took)
	}
}
