package httpapi

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

// share makes a link to a key, as whoever the header says.
func (w *world) share(key string, header ...string) string {
	w.t.Helper()
	ask, err := json.Marshal(api.NewShare{Key: key, Seconds: 3600})
	must(w.t, err)
	var made api.Share
	must(w.t, json.Unmarshal([]byte(w.want(w.do("POST", api.SharesPath, bytes.NewReader(ask), header...), 201).body), &made))
	if left := time.Until(time.UnixMilli(made.Expires)); left < 59*time.Minute || left > time.Hour {
		w.t.Errorf("a link for an hour expires in %v", left)
	}
	return made.Path
}

// TestASharedObjectIsServedAsAnyOther, without a login, and with the headers that keep
// the link to those who have it.
func TestASharedObjectIsServedAsAnyOther(t *testing.T) {
	g := startGuarded(t)
	cookie := g.enter("admin", api.ScopeAdmin)
	const page = "<!doctype html><script>document.title = 'ran'</script>"
	g.want(g.do("PUT", "/objects?key=a%2F..%2Fb.html", strings.NewReader(page), "Cookie", cookie), 201)
	link := g.share("a/../b.html", "Cookie", cookie)
	a := g.want(g.do("GET", link, nil), 200)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Disposition": "attachment; filename=b.html", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": fileCSP[0], "Referrer-Policy": "no-referrer", "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex, nofollow",
		"Cross-Origin-Resource-Policy": "same-origin", "Accept-Ranges": "bytes",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if a.body != page {
		t.Errorf("the bytes are %q", a.body)
	}
	etag := a.Header.Get("ETag")
	if h := g.want(g.do("HEAD", link, nil), 200); h.Header.Get("ETag") != etag || h.Header.Get("Referrer-Policy") != "no-referrer" || h.ContentLength != int64(len(page)) {
		t.Errorf("HEAD says %v", h.Header)
	}
	if p := g.want(g.do("GET", link, nil, "Range", "bytes=0-8"), 206); p.body != "<!doctype" || p.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("a part is %q, %v", p.body, p.Header)
	}
	g.want(g.do("GET", link, nil, "If-None-Match", etag), 304)
	g.want(g.do("GET", link, nil, "Range", "bytes=900-"), 416)
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		g.want(g.do(method, link, strings.NewReader("x")), 401)
		g.want(g.do(method, link, strings.NewReader("x"), "Cookie", cookie), 405)
	}
	// The link is to one object, and to nothing else.
	query := strings.TrimPrefix(link, api.SharedPath)
	for _, path := range []string{"/objects" + query, "/api/v1/thumbnails" + query, "/api/v1/objects" + query, "/api/v1/cache/items" + query} {
		g.want(g.do("GET", path, nil), 401)
	}
}

// TestASharedLinkShowsWhatIsUnderTheKey: what was replaced as it is now, and nothing
// once it is gone.
func TestASharedLinkShowsWhatIsUnderTheKey(t *testing.T) {
	w := start(t)
	w.want(w.put("k", "one"), 201)
	link := w.share("k")
	w.want(w.put("k", "two"), 200)
	if a := w.want(w.do("GET", link, nil), 200); a.body != "two" {
		t.Errorf("after an overwrite it shows %q", a.body)
	}
	w.want(w.do("DELETE", "/objects/k", nil), 204)
	w.wantProblem(w.do("GET", link, nil), 404, "k")
	w.wantProblem(w.do("POST", api.SharesPath, strings.NewReader(`{"key":"k","seconds":60}`)), 404, `"k"`)
}

func TestOnlyWhoMayChangeObjectsSharesThem(t *testing.T) {
	g := startGuarded(t)
	admin := g.enter("admin", api.ScopeAdmin)
	g.want(g.do("PUT", "/objects/k", strings.NewReader("v"), "Cookie", admin), 201)
	reader, writer := g.enter("ann", api.ScopeRead), g.enter("bob", api.ScopeWrite)
	ask := `{"key":"k","seconds":60}`
	g.wantProblem(g.do("POST", api.SharesPath, strings.NewReader(ask), "Cookie", reader), 403, "write")
	g.want(g.do("POST", api.SharesPath, strings.NewReader(ask)), 401)
	g.want(g.do("POST", api.SharesPath, strings.NewReader(ask), g.token(admin, api.ScopeRead)...), 403)
	for _, wrong := range []string{`{"key":"k"}`, `{"key":"k","seconds":59}`, `{"key":"k","seconds":2592001}`, `{"key":"","seconds":60}`, `{"key":"k","seconds":60,"x":1}`, `{"key":"k","seconds":1e99}`, ``} {
		g.wantProblem(g.do("POST", api.SharesPath, strings.NewReader(wrong), "Cookie", writer), 400)
	}
	link := g.share("k", g.token(writer, api.ScopeWrite)...)
	g.want(g.do("GET", link, nil), 200)
	g.want(g.do("DELETE", api.SharesPath+"/all", nil, "Cookie", writer), 403)
	g.want(g.do("GET", link, nil), 200)

	// It goes with the account that made it, and comes back with no other of its name.
	for _, l := range mustList(t, g.keeper) {
		if l.Kind == api.LoginAccount && l.Account == "bob" {
			g.want(g.do("DELETE", api.SecurityPath+"/logins/"+l.ID, nil, "Cookie", admin), 200)
		}
	}
	g.wantProblem(g.do("GET", link, nil), 403, "ended")
	writer = g.enter("bob", api.ScopeWrite)
	g.wantProblem(g.do("GET", link, nil), 403, "ended")

	link = g.share("k", "Cookie", writer)
	own := g.share("k", "Cookie", admin)
	g.want(g.do("DELETE", api.SharesPath+"/all", nil, "Cookie", admin), 204)
	g.want(g.do("GET", link, nil), 403)
	g.want(g.do("GET", own, nil), 403)
	g.want(g.do("GET", g.share("k", "Cookie", admin), nil), 200)
}

// TestEveryWrongLinkGetsOneAnswer, whether there is such an object or not.
func TestEveryWrongLinkGetsOneAnswer(t *testing.T) {
	w := start(t)
	w.want(w.put("k", "v"), 201)
	link := w.share("k")
	told := map[string]bool{}
	for _, wrong := range []string{
		api.SharedPath, api.SharedPath + "?", link[:len(link)-1], strings.Replace(link, "key=k", "key=none", 1), strings.Replace(link, "key=k", "key=%zz", 1), strings.Replace(link, "key=k", "key=%00", 1),
		strings.Replace(link, "until=1", "until=2", 1), strings.ReplaceAll(link, "&", ";"), link + "&by=admin", strings.Replace(link, "key=k", "key=none&key=k", 1),
		api.SharedPath + "?key=k&until=99999999999999&signature=" + strings.Repeat("A", 43), api.SharedPath + "?" + strings.Repeat("signature=a&", 1000),
	} {
		a := w.do("GET", wrong, nil)
		w.wantProblem(a, 403, "ask whoever gave it to you")
		var p problem
		must(t, json.Unmarshal([]byte(a.body), &p))
		told[p.Detail] = true
		if a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%.60s: the header is %v", wrong, a.Header)
		}
	}
	if len(told) != 1 {
		t.Errorf("the answers are %v", told)
	}
	r := httptest.NewRequest("GET", api.SharedPath+"?key=%3Cimg%3E", nil)
	r.Host = "localhost"
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	got := httptest.NewRecorder()
	w.Config.Handler.ServeHTTP(got, r)
	if got.Code != 403 || got.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(got.Body.String(), "ask whoever gave it to you") || strings.Contains(got.Body.String(), "<img") ||
		!strings.Contains(got.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a browser gets %d %v %s", got.Code, got.Header(), got.Body)
	}
}

// TestNoLinkIsInTheLog: neither the one that is made nor the one that is followed.
func TestNoLinkIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	w := start(t, asJSON(&log, slog.LevelDebug))
	w.ask("PUT", "/objects/k", "v")
	var made api.Share
	must(t, json.Unmarshal(w.ask("POST", api.SharesPath, `{"key":"k","seconds":60}`).Body.Bytes(), &made))
	_, raw, _ := strings.Cut(made.Path, "?")
	query, err := url.ParseQuery(raw)
	must(t, err)
	signature := query.Get("signature")
	if got := w.ask("GET", made.Path, ""); got.Code != 200 {
		t.Fatalf("the link is answered with %d", got.Code)
	}
	w.ask("GET", made.Path+"x", "")
	w.ask("POST", made.Path, "")
	told := log.String()
	if len(signature) != 43 || strings.Contains(told, signature) || strings.Count(told, `"route":"/shared"`) != 3 {
		t.Errorf("the link signed %q is logged as %s", signature, told)
	}
}

func TestLinksAreNoted(t *testing.T) {
	g := startGuarded(t)
	cookie := g.enter("admin", api.ScopeAdmin)
	g.want(g.do("PUT", "/objects/k", strings.NewReader("v"), "Cookie", cookie), 201)
	g.noted, g.details = nil, nil
	g.share("k", "Cookie", cookie)
	g.want(g.do("DELETE", api.SharesPath+"/all", nil, "Cookie", cookie), 204)
	if len(g.noted) != 2 || g.noted[0] != "admin link to an object made" || g.noted[1] != "admin links to objects ended" || !strings.HasPrefix(g.details[0], "key=k until=20") {
		t.Errorf("noted are %q %q", g.noted, g.details)
	}
}
