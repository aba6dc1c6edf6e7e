package httpapi

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"memcache/shared/api"
)

// ordinary are the changes that need no line of the audit: those of single objects,
// which the lines of requests tell of, and what changes nothing that is kept.
var ordinary = []string{
	"PUT /objects", "DELETE /objects", "PUT /objects/", "DELETE /objects/", "POST /api/v1/objects", "POST /api/v1/objects/copy", "POST /api/v1/objects/rename", "POST /api/v1/objects/restore",
	"DELETE /api/v1/cache/items/", "POST /api/v1/archives", "POST /api/upload", "POST /api/list_keys", "POST /api/key/", "POST /api/getNumNodes", "POST /api/getRate",
	"POST /api/v1/login", "DELETE /api/v1/login", // which write their lines themselves: who it is, is known only then
}

// TestEveryChangeIsNoted: each route that changes something has a line of the audit, or
// stands in the list above.
func TestEveryChangeIsNoted(t *testing.T) {
	s := &server{}
	left := slices.Clone(ordinary)
	for _, to := range append(s.nativeRoutes(), s.courseRoutes()...) {
		for method := range to.methods {
			name := method + " " + to.path
			at := slices.Index(left, name)
			switch noted := to.audit[method] != ""; {
			case method == http.MethodGet || method == http.MethodHead:
				if noted {
					t.Errorf("%s changes nothing, and is noted", name)
				}
			case noted == (at >= 0):
				t.Errorf("%s: a line of the audit %v, an ordinary change %v; give it one of both", name, noted, at >= 0)
			}
			if at >= 0 {
				left = slices.Delete(left, at, at+1)
			}
		}
		for method := range to.audit {
			if to.audit[method] != "" && to.methods[method] == nil {
				t.Errorf("%s has no method %s to be noted", to.path, method)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("there are no routes %q", left)
	}
}

// TestWhatMattersIsNoted: who, what, and how much of it.
func TestWhatMattersIsNoted(t *testing.T) {
	g := startGuarded(t)
	cookie := g.enter("admin", api.ScopeAdmin)
	for _, key := range []string{"a", "b", "c", "d"} {
		g.want(g.do("PUT", "/objects/"+key, strings.NewReader("v"), "Cookie", cookie), 201)
	}
	first := mustList(t, g.keeper)[0]
	for _, c := range []struct{ method, target, body, line, details string }{
		{"PUT", "/api/v1/cache", `{"policy":"sieve","capacity":134217728}`, "cache settings changed", `capacity_was=67108864 capacity_is=134217728 policy_was=lru policy_is=sieve`},
		{"DELETE", "/api/v1/cache/items", "", "cache cleared", `items=0`},
		{"POST", "/api/v1/objects/delete", `{"keys":["a","none"]}`, "objects deleted", `keys=2 deleted=1`},
		{"PUT", "/api/v1/autopilot", `{"on":true,"target":0.8,"least":33554432}`, "autopilot set", `on_was=false on_is=true target_was=0\.\d+ target_is=0.8 least_was=\d+ least_is=33554432`},
		{"POST", "/api/v1/recording", `{"seconds":60}`, "recording started", `seconds=60 max_bytes=0`},
		{"DELETE", "/api/v1/recording", "", "recording stopped", `events=0`},
		{"POST", "/api/v1/security/tokens", `{"name":"x","scope":"read","days":3}`, "token made", `name=x scope=read days=3`},
		{"POST", "/api/v1/security/links", `{"account":"ann","scope":"write"}`, "one-time link made", `account=ann scope=write`},
		{"POST", "/api/v1/shares", `{"key":"b","seconds":60}`, "link to an object made", `key=b until=\d{4}-\S+Z`},
		{"DELETE", "/api/v1/shares/all", "", "links to objects ended", ``},
		{"POST", "/api/configure_cache?policy=LRU", "", "cache settings changed", `policy_was=sieve policy_is=lru`},
		{"POST", "/api/delete_all", "", "everything deleted", `deleted=3`},
	} {
		g.noted, g.details = nil, nil
		a := g.do(c.method, c.target, strings.NewReader(c.body), "Cookie", cookie)
		if a.StatusCode >= 300 || !slices.Equal(g.noted, []string{"admin " + c.line}) || !regexp.MustCompile("^"+c.details+"$").MatchString(g.details[0]) {
			t.Errorf("%s %s (%d) is noted as %q %q, want %q %q", c.method, c.target, a.StatusCode, g.noted, g.details, c.line, c.details)
		}
	}
	for _, l := range mustList(t, g.keeper) {
		if l.Kind == api.LoginToken {
			g.noted, g.details = nil, nil
			g.want(g.do("DELETE", "/api/v1/security/logins/"+l.ID, nil, "Cookie", cookie), 200)
			if !slices.Equal(g.noted, []string{"admin login revoked"}) || g.details[0] != "kind=token account=admin name=x" {
				t.Errorf("revoked is %q %q", g.noted, g.details)
			}
		}
	}
	g.noted, g.details = nil, nil
	for _, c := range [][3]string{
		{"PUT", "/api/v1/cache", `{"policy":"none"}`},
		{"GET", "/api/v1/cache", ""},
		{"DELETE", "/api/v1/cache/items?key=a", ""}, // one object
		{"POST", "/api/configure_cache", ""},
		{"DELETE", "/api/v1/security/logins/" + first.ID, ""}, // its own account
		{"POST", "/api/v1/shares", `{"key":"none","seconds":60}`},
		{"PUT", "/objects/e", "v"},
	} {
		g.do(c[0], c[1], strings.NewReader(c[2]), "Cookie", cookie)
	}
	if len(g.noted) != 0 {
		t.Errorf("what changed nothing that matters is noted: %q", g.noted)
	}
	g.do("POST", api.LoginPath, strings.NewReader(`{"account":"`+strings.Repeat("x", 100_000)+`","password":"x"}`))
	if len(g.noted) != 1 || len(g.noted[0]) > 200 || !strings.HasSuffix(g.noted[0], "login refused") {
		t.Errorf("noted is %.300q", g.noted)
	}
}
