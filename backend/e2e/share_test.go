package e2e

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/browsertest"
	"memcache/backend/internal/share"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// shareHere makes a link on the page of an object, and returns it.
func (p *page) shareHere(seconds string) string {
	p.t.Helper()
	p.click("#open-share")
	p.choice("#share-time", seconds)
	p.click("#share-make")
	p.has("#share-link")
	return eval[string](p, `document.querySelector("#share-link").value`)
}

// enter logs in with the first link.
func (p *page) enter(s *site) {
	p.t.Helper()
	p.open(s.url + s.firstLink())
	p.has("#login-do:enabled")
	p.fill("#login-password", "correct horse battery")
	p.click("#login-do")
	p.until(live)
}

// TestSharingInTheBrowser: a link that is made on the page of an object opens in a
// browser that nobody has logged in with, where nothing of the file runs, until it
// expires or all links are ended.
func TestSharingInTheBrowser(t *testing.T) {
	t.Parallel()
	b := newBeacon(t)
	s := start(t, "-login")
	p := openPage(t, browsertest.Allow("401", "404"))
	p.enter(s)
	armed := b.armed()["page.html"]
	store := func(key, text string) {
		t.Helper()
		script := `fetch("/objects?key=" + encodeURIComponent(` + quote(key) + `), { method: "PUT", body: ` + quote(text) + ` }).then(r => r.status)`
		if status := eval[int](p, script); status != 201 {
			t.Fatalf("storing %q is answered with %d", key, status)
		}
	}
	store("notes/a b?.txt", "shared text")
	store("page.html", armed)

	p.ready(s, api.ViewPath("page.html"))
	page := p.shareHere("3600")
	p.run(`document.querySelector("#share-close").click()`)
	p.ready(s, api.ViewPath("notes/a b?.txt"))
	text := p.shareHere("604800")
	p.shows("#shared", "until")
	p.fits("share")
	p.run(`document.querySelector("#share-close").click()`)

	stranger := openPage(t, browsertest.Allow("401", "403", "404", "Content Security Policy", "net::ERR_ABORTED", "favicon.ico"))
	stranger.visit(s.url + "/objects?key=page.html")
	stranger.until(`!document.body.innerText.includes("armed")`)
	stranger.open(text)
	stranger.shows("body", "shared text")
	stranger.visit(page) // is a download
	stranger.visit(b.url + "/after")
	if n := b.hits.Load(); n != 0 {
		t.Errorf("the script in the shared page ran")
	}
	r := get(t, page)
	if string(r.body) != armed || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the shared page is answered with %v %q", r.Header, r.body)
	}

	stranger.open(s.url + expired(t, s))
	stranger.shows("h1", "No file here")
	stranger.shows("body", "ask whoever gave it to you")
	stranger.screenshot("share-refused")

	p.ready(s, "/security")
	p.click("#end-shares")
	p.click("#confirm-yes")
	p.shows("#toasts", "All links to objects are ended")
	for _, link := range []string{text, page} {
		stranger.open(link)
		stranger.shows("h1", "No file here")
	}
	if log := s.output.String(); strings.Contains(log, "signature") || strings.Count(log, "link to an object made") != 2 || !strings.Contains(log, "links to objects ended") {
		t.Errorf("the log tells of the links:\n%s", log)
	}
	browsertest.Stop(t, p.ctx) // before it would miss the server
	s.stop()
}

func get(t *testing.T, url string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := send(http.DefaultClient, req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// expired is a link that was made for an hour, an hour ago, by the admin.
func expired(t *testing.T, s *site) string {
	t.Helper()
	index, err := sqlindex.OpenExisting(t.Context(), sqlindex.Config{SQLitePath: filepath.Join(s.data, "memcache.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	ask := api.NewShare{Key: "page.html", Seconds: 3600}
	admin := api.Who{Account: "admin", Scope: api.ScopeAdmin}
	anHourAgo := share.New(index, false, func() time.Time { return time.Now().Add(-time.Hour) })
	made, err := anHourAgo.Make(t.Context(), admin, ask)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := share.New(index, false, time.Now).Make(t.Context(), admin, ask)
	if err != nil {
		t.Fatal(err)
	}
	if r := get(t, s.url+fresh.Path); r.StatusCode != 200 {
		t.Fatalf("a link that was made in the same way and has not expired is answered with %s", r.Status)
	}
	return made.Path
}
