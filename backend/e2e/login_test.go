package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
)

var firstLink = regexp.MustCompile(`/login#link=\S+`)

// firstLink waits for the link that a first start prints.
func (s *site) firstLink() string {
	s.t.Helper()
	s.says("/login#link=", startLimit)
	return firstLink.FindString(s.output.String())
}

// TestLoginInTheBrowser: the first link, the page of logins, a reader that an admin
// invites, and what happens to open pages when somebody is logged out.
func TestLoginInTheBrowser(t *testing.T) {
	t.Parallel()
	s := start(t, "-login")
	p := openPage(t, browsertest.Allow("401", "403", "WebSocket", "404"))
	p.open(s.url + "/stats") // who is not logged in comes to the login, and from there back
	p.until(`location.pathname === "/login"`)
	p.has("#login-do:enabled")
	p.fill("#login-password", "a wrong password")
	p.click("#login-do")
	p.shows("#login-problem", "the account or the password is wrong")
	p.fits("login")

	p.open("about:blank") // else the browser would only scroll
	p.open(s.url + s.firstLink())
	p.shows("h1", "Set a password")
	p.until(`location.hash === ""`)
	p.has("#login-do:enabled")
	p.fill("#login-password", "correct horse battery")
	p.click("#login-do")
	p.until(live)
	p.until(`location.pathname === "/"`)

	p.run(`document.querySelector("#open-prefs").click()`)
	p.click("#open-security")
	p.shows("#logins-session", "this one")
	p.fill("#token-name", "backup")
	p.click("#token-make")
	p.until(`document.querySelector("#secret-text")?.innerText.length > 40`)
	token := eval[string](p, `document.querySelector("#secret-text").innerText`)
	p.shows("#logins-token", "backup · admin")
	p.fits("security")
	if status := s.bearing(token, "GET", "/api/v1/objects", ""); status != 200 {
		t.Errorf("the token is answered with %d", status)
	}
	if status := s.bearing(token, "PUT", "/objects/x", "x"); status != 403 {
		t.Errorf("a token to read with may store: %d", status)
	}
	p.click("#logins-token .revoke")
	p.click("#confirm-yes")
	p.hasNot("#logins-token li")
	if status := s.bearing(token, "GET", "/api/v1/objects", ""); status != 401 {
		t.Errorf("the token that was revoked is answered with %d", status)
	}

	// Logged out elsewhere, the page that is open is closed within seconds.
	p.fill("#link-account", "ann")
	p.click("#link-make")
	p.until(`document.querySelector("#secret-text")?.innerText.includes("/login#link=")`)
	invitation := eval[string](p, `document.querySelector("#secret-text").innerText`)
	p.open(s.url + "/")
	p.until(live)
	began := time.Now()
	p.run(`fetch("/api/v1/login", { method: "DELETE" })`)
	p.until(`location.pathname === "/login"`)
	t.Logf("led to the login %v after logging out", time.Since(began))

	p.open("about:blank")
	p.open(invitation)
	p.has("#login-do:enabled")
	p.fill("#login-password", "may only look here")
	p.click("#login-do")
	p.until(live)
	if status := eval[int](p, `fetch("/objects/x", { method: "PUT", body: "x" }).then(r => r.status)`); status != 403 {
		t.Errorf("a reader may store: %d", status)
	}
	p.open(s.url + "/security")
	p.shows("#logins-session", "may look")
	p.hasNot("#link-account")
	p.click("#log-out")
	p.until(`location.pathname === "/login"`)
	if kept := eval[string](p, `Object.keys(localStorage).filter(k => /^memcache[.](?!quiet|install)/.test(k)).join(" ")`); kept != "" {
		t.Errorf("after logging out the browser keeps what was seen: %s", kept)
	}
	s.stop()

	exposed := newSite(t, "-insecure")
	exposed.listen = "0.0.0.0:0"
	exposed.start()
	p.ready(exposed, "/")
	p.shows("#exposed", "Everyone who can reach this address") // 91
	exposed.stop()
}

// fits looks at the page as phones and desks show it.
func (p *page) fits(name string) {
	p.t.Helper()
	p.run(`scrollTo({ top: 0, behavior: "instant" })`)
	for _, width := range []int64{390, 1440} {
		p.do("set the width", chromedp.EmulateViewport(width, 844))
		for _, scheme := range []string{"light", "dark"} {
			p.scheme(scheme)
			if over := eval[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				p.t.Errorf("the %s page is %d px wider than the window of %d px, for %s", name, over, width, eval[string](p, tooWide))
			}
			p.screenshot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
		p.accessible(name)
	}
}

// bearing sends a request with a token, and returns the status of the answer.
func (s *site) bearing(token, method, path, body string) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	r, err := send(http.DefaultClient, req)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode
}
