package httpapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/login"
	"memcache/backend/internal/share"
	"memcache/backend/internal/sqlindex"
	"memcache/shared/api"
)

// guarded is a server that asks for a login.
type guarded struct {
	*world
	keeper  *login.Keeper
	routes  []route
	mu      sync.Mutex
	noted   []string // for the audit
	details []string // of each of them
	index   *sqlindex.DB
}

func startGuarded(t *testing.T, edit ...func(*Config)) *guarded {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	index, err := sqlindex.Open(t.Context(), sqlindex.Config{SQLitePath: filepath.Join(t.TempDir(), "logins.db"), Capacity: 64 * api.MB, Policy: "lru", Log: log})
	must(t, err)
	t.Cleanup(func() { _ = index.Close() })
	g := &guarded{index: index, keeper: login.New(index, func(*http.Request) string { return "192.0.2.1" })}
	g.world = start(t, append(edit, func(c *Config) {
		c.Login = g.keeper
		c.Shares = share.New(index, false, time.Now)
		c.Audit = func(_ *http.Request, who api.Who) audit.Line {
			return func(what string, details ...any) {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.noted = append(g.noted, who.Account+" "+what)
				var told []string
				for i := 0; i < len(details); i += 2 {
					told = append(told, fmt.Sprintf("%v=%v", details[i], details[i+1]))
				}
				g.details = append(g.details, strings.Join(told, " "))
			}
		}
		g.routes = New(*c).routes
	})...)
	return g
}

// enter sets the account's password by a one-time link over HTTP, and returns the
// cookie of its session.
func (g *guarded) enter(account string, scope api.Scope) string {
	g.t.Helper()
	path, err := g.keeper.Link(g.t.Context(), account, scope)
	must(g.t, err)
	_, link, _ := strings.Cut(path, "#link=")
	a := g.want(g.do("POST", api.LoginPath, strings.NewReader(`{"link":"`+link+`","password":"correct horse battery"}`)), 200)
	cookie := a.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-memcache=", "Path=/;", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(cookie, part) {
			g.t.Errorf("the cookie %q lacks %s", cookie, part)
		}
	}
	value, _, _ := strings.Cut(cookie, ";")
	return value
}

// token makes one, as a header.
func (g *guarded) token(cookie string, scope api.Scope) []string {
	g.t.Helper()
	a := g.want(g.do("POST", api.SecurityPath+"/tokens", strings.NewReader(`{"name":"test","scope":"`+string(scope)+`"}`), "Cookie", cookie), 201)
	var made api.Secret
	must(g.t, json.Unmarshal([]byte(a.body), &made))
	return []string{"Authorization", "Bearer " + made.Secret}
}

// TestFault24_EveryRouteAsksWhoItIs: all that there are, with every method, for
// strangers and for each scope.
func TestFault24_EveryRouteAsksWhoItIs(t *testing.T) {
	g := startGuarded(t)
	admin := g.enter("admin", api.ScopeAdmin)
	bearers := map[api.Scope][]string{"": nil}
	for _, scope := range api.Scopes {
		bearers[scope] = g.token(admin, scope)
	}
	open := []string{"POST " + api.LoginPath, "GET /healthz", "HEAD /healthz", "GET " + api.PasskeyPath, "HEAD " + api.PasskeyPath, "GET /readyz", "HEAD /readyz", "GET " + api.SharedPath, "HEAD " + api.SharedPath}
	methods := []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"}
	seen := map[int]int{}
	for _, to := range g.routes {
		for _, method := range methods {
			target := to.path
			if strings.HasSuffix(target, "/") {
				target += "none"
			}
			for _, scope := range append([]api.Scope{""}, api.Scopes...) {
				if to.path == api.LoginPath && method == "DELETE" && scope != "" {
					continue // would end the token
				}
				a := g.do(method, target, nil, bearers[scope]...)
				seen[a.StatusCode]++
				refused := a.StatusCode == 401 || a.StatusCode == 403
				needed := to.needs(method)
				allowed := slices.Contains(open, method+" "+to.path) || scope.Allows(needed)
				security := strings.HasPrefix(to.path, api.SecurityPath) && scope != api.ScopeAdmin // a program may not, whatever its scope
				switch {
				case to.path == api.LoginPath && method == "POST": // there it is the answer to no password
				case to.path == api.SharedPath && allowed && refused: // and there to no link
				case scope == "" && !allowed && a.StatusCode != 401:
					t.Errorf("%s %s is answered to a stranger with %d", method, target, a.StatusCode)
				case scope != "" && (!allowed || security && to.methods[method] != nil) && a.StatusCode != 403:
					t.Errorf("%s %s is answered to the scope %q with %d, want 403: it needs %q", method, target, scope, a.StatusCode, needed)
				case allowed && !security && refused:
					t.Errorf("%s %s is answered to the scope %q with %d", method, target, scope, a.StatusCode)
				}
			}
		}
	}
	if seen[401] < 100 || seen[403] < 20 || seen[200] < 20 {
		t.Errorf("the answers are %v: this tests little", seen)
	}
	want := map[string]api.Scope{
		"PUT /objects/": api.ScopeWrite, "DELETE /objects": api.ScopeWrite, "PUT /api/v1/cache": api.ScopeAdmin, "DELETE /api/v1/cache/items": api.ScopeAdmin, "DELETE /api/v1/cache/items/": api.ScopeWrite,
		"POST /api/v1/objects/delete": api.ScopeWrite, "POST /api/v1/archives": api.ScopeRead, "PUT /api/v1/autopilot": api.ScopeAdmin, "POST /api/v1/recording": api.ScopeAdmin, "GET /metrics": api.ScopeRead,
		"POST /api/key/": api.ScopeRead, "POST /api/delete_all": api.ScopeWrite, "POST /api/configure_cache": api.ScopeAdmin, "POST /api/upload": api.ScopeWrite,
	}
	for _, to := range g.routes {
		for method := range to.methods {
			if scope, given := want[method+" "+to.path]; given && to.needs(method) != scope {
				t.Errorf("%s %s needs %q, want %q", method, to.path, to.needs(method), scope)
			}
			delete(want, method+" "+to.path)
		}
	}
	if len(want) > 0 {
		t.Errorf("there is no %q", slices.Collect(maps.Keys(want)))
	}
}

func TestLoggingInAndOut(t *testing.T) {
	g := startGuarded(t)
	g.want(g.do("POST", api.LoginPath, strings.NewReader(`{"account":"admin","password":"correct horse battery"}`)), 401)
	g.enter("admin", api.ScopeAdmin)
	a := g.want(g.do("POST", api.LoginPath, strings.NewReader(`{"account":"admin","password":"correct horse battery"}`)), 200)
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	g.want(g.do("PUT", "/objects/k", strings.NewReader("v"), "Cookie", cookie), 201)
	g.want(g.do("GET", "/objects/k", nil), 401)
	g.want(g.do("DELETE", "/objects/k", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site"), 403) // 88
	a = g.want(g.do("GET", api.SecurityPath, nil, "Cookie", cookie), 200)
	var list api.Logins
	must(t, json.Unmarshal([]byte(a.body), &list))
	if secret := strings.TrimPrefix(cookie, "__Host-memcache="); len(list.Logins) != 3 || strings.Contains(a.body, secret) || strings.Contains(a.body, "argon2") {
		t.Errorf("the account and two sessions are listed as %s", a.body)
	}
	a = g.want(g.do("DELETE", api.LoginPath, nil, "Cookie", cookie), 200)
	if gone := a.Header.Get("Set-Cookie"); !strings.HasPrefix(gone, "__Host-memcache=;") || !strings.Contains(gone, "Max-Age=0") {
		t.Errorf("the cookie then is %q", gone)
	}
	g.want(g.do("GET", "/objects/k", nil, "Cookie", cookie), 401)

	reader := g.enter("ann", api.ScopeRead)
	g.want(g.do("POST", api.SecurityPath+"/links", strings.NewReader(`{"account":"admin","scope":"read"}`), "Cookie", reader), 403)
	g.want(g.do("POST", api.SecurityPath+"/tokens", strings.NewReader(`{"name":"x","scope":"write"}`), "Cookie", reader), 403)
	g.want(g.do("POST", api.SecurityPath+"/links", strings.NewReader(`{"account":"ann","scope":"admin"}`), "Cookie", reader), 201) // as it is: read
	for _, l := range mustList(t, g.keeper) {
		if l.Kind == api.LoginLink && l.Scope != api.ScopeRead {
			t.Errorf("a reader has made a link for %q", l.Scope)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range []string{"admin login refused", "admin logged in", "admin logged out", "ann one-time link made"} {
		if !slices.Contains(g.noted, line) {
			t.Errorf("the audit lacks %q: %q", line, g.noted)
		}
	}
}

func mustList(t *testing.T, k *login.Keeper) []api.Login {
	t.Helper()
	list, err := k.Logins(t.Context(), api.Who{Scope: api.ScopeAdmin})
	must(t, err)
	return list.Logins
}

func TestTheCourseAPIIsOpenByFlagAlone(t *testing.T) {
	for open, want := range map[bool]int{true: 200, false: 401} {
		g := startGuarded(t, func(c *Config) { c.CourseOpen = open })
		a := g.want(g.do("POST", "/api/list_keys", nil), want)
		if !strings.Contains(a.body, `"success":"`) {
			t.Errorf("the answer is not of the course's form: %s", a.body)
		}
		g.want(g.do("GET", "/api/v1/objects", nil), 401)
	}
}
