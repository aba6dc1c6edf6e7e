package httpapi

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"memcache/shared/api"
)

// TestPasskeysOverHTTP: added, used, listed and removed; what the audit says of it.
func TestPasskeysOverHTTP(t *testing.T) {
	g := startGuarded(t)
	admin := g.enter("admin", api.ScopeAdmin)
	site := virtualwebauthn.RelyingParty{ID: "localhost", Origin: "http://localhost:5000"}
	device := virtualwebauthn.NewAuthenticator()
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA)
	ask := func(method, path, body string, want int, header ...string) answer {
		t.Helper()
		return g.want(g.do(method, path, strings.NewReader(body), append(header, "Host", "localhost:5000")...), want)
	}
	logIn := func(want int) answer {
		t.Helper()
		options, err := virtualwebauthn.ParseAssertionOptions(ask("GET", api.PasskeyPath, "", 200).body)
		must(t, err)
		return ask("POST", api.LoginPath, `{"passkey":`+virtualwebauthn.CreateAssertionResponse(site, device, key, *options)+`}`, want)
	}

	g.want(g.do("GET", api.PasskeysPath, nil), 401)
	g.wantProblem(g.do("GET", api.PasskeysPath, nil, "Cookie", admin), 400, "127.0.0.1", "host name")
	g.wantProblem(g.do("GET", api.PasskeyPath, nil), 400, "127.0.0.1", "host name")
	ask("GET", api.PasskeysPath, "", 403, g.token(admin, api.ScopeAdmin)...)
	offered := ask("GET", api.PasskeysPath, "", 200, "Cookie", admin)
	if kept := offered.Header.Get("Cache-Control"); kept != "no-store" {
		t.Errorf("the options may be kept: %q", kept)
	}
	options, err := virtualwebauthn.ParseAttestationOptions(offered.body)
	must(t, err)
	device.Options.UserHandle = []byte(options.UserID)
	made := `{"name":"phone","credential":` + virtualwebauthn.CreateAttestationResponse(site, device, key, *options) + `}`
	ask("POST", api.PasskeysPath, made, 403, "Cookie", admin, "Sec-Fetch-Site", "cross-site")
	var added api.Login
	must(t, json.Unmarshal([]byte(ask("POST", api.PasskeysPath, made, 201, "Cookie", admin).body), &added))

	key.Counter = 7
	a := logIn(200)
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	for _, part := range []string{"__Host-memcache=", "Path=/;", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(a.Header.Get("Set-Cookie"), part) {
			t.Errorf("the cookie %q lacks %s", a.Header.Get("Set-Cookie"), part)
		}
	}
	list := ask("GET", api.SecurityPath, "", 200, "Cookie", cookie).body
	if !strings.Contains(list, `"name":"phone","host":"localhost"`) || strings.Contains(list, `"seal"`) || strings.Contains(list, `"used"`) {
		t.Errorf("listed is %s", list)
	}
	key.Counter = 3
	g.wantProblem(logIn(401), 401, "a copy")
	key.Counter = 8
	logIn(200)
	ask("DELETE", api.SecurityPath+"/logins/"+added.ID, "", 200, "Cookie", admin)
	ask("GET", api.SecurityPath, "", 401, "Cookie", cookie)
	key.Counter = 9
	g.wantProblem(logIn(401), 401, "removed")
	for _, body := range []string{`{"passkey":7}`, `{"passkey":{}}`, `{"passkey":"x"}`, `{"passkey":[]}`} {
		ask("POST", api.LoginPath, body, 400)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range []string{"admin passkey added", "admin logged in with a passkey", "admin login refused: the passkey may have been copied", "admin login revoked", " login refused"} {
		if !slices.Contains(g.noted, line) {
			t.Errorf("the audit lacks %q: %q", line, g.noted)
		}
	}
}
