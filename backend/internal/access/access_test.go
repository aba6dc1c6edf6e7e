package access

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"memcache/shared/api"
)

func rules(t *testing.T, cfg Config) *Rules {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFault18_ForeignHostsAreRefused(t *testing.T) {
	local := rules(t, Config{Listen: "127.0.0.1:5000", Hosts: []string{"Files.Example.org"}})
	exposed := rules(t, Config{Listen: "0.0.0.0:5000"})
	for _, c := range []struct {
		host           string
		local, exposed bool
	}{
		{"localhost:5000", true, true},
		{"LOCALHOST", true, true},
		{"127.0.0.1:5000", true, true},
		{"[::1]:5000", true, true},
		{"files.example.org", true, false},
		{"192.0.2.7:5000", false, true},
		{"evil.example:5000", false, false},
		{"localhost.evil.example", false, false},
		{"127.0.0.1.evil.example", false, false},
		{"", false, false},
	} {
		req := httptest.NewRequest(http.MethodGet, "/robots.txt", nil)
		req.Host = c.host
		for name, r := range map[string]*Rules{"local": local, "exposed": exposed} {
			want := map[string]bool{"local": c.local, "exposed": c.exposed}[name]
			err := r.Check(req)
			if (err == nil) != want {
				t.Errorf("%s rules, host %q: %v, want let in: %v", name, c.host, err, want)
			}
			if err != nil && api.AsError(err).Code != api.Misdirected {
				t.Errorf("%s rules, host %q: code %q, want %q", name, c.host, api.AsError(err).Code, api.Misdirected)
			}
		}
	}
}

func TestFault23_OnlyOurOwnOriginOpensTheSocket(t *testing.T) {
	r := rules(t, Config{Listen: "127.0.0.1:5000"})
	for origin, want := range map[string]bool{
		"http://localhost:5000":          true,
		"https://localhost:5000":         true,
		"http://localhost:5001":          false,
		"http://127.0.0.1:5000":          false,
		"null":                           false,
		"":                               false,
		"http://evil.example":            false,
		"http://localhost:5000@evil.org": false,
		"http://localhost:5000.evil.org": false,
		"http://localhost:5000/":         false,
		"file://localhost:5000":          false,
	} {
		req := httptest.NewRequest(http.MethodGet, "/ws", nil)
		req.Host = "localhost:5000"
		req.Header.Set("Origin", origin)
		if got := r.AllowOrigin(req); got != want {
			t.Errorf("origin %q: let in %v, want %v", origin, got, want)
		}
	}
	program := httptest.NewRequest(http.MethodGet, "/ws", nil)
	program.Host = "localhost:5000"
	if !r.AllowOrigin(program) {
		t.Error("a program without an Origin is refused")
	}
}

func TestCrossSiteChangesAreForbidden(t *testing.T) {
	r := rules(t, Config{Listen: "127.0.0.1:5000"})
	for _, c := range []struct {
		method, site, origin string
		want                 bool
	}{
		{"POST", "cross-site", "http://evil.example", false},
		{"DELETE", "", "http://evil.example", false},
		{"POST", "same-origin", "http://localhost:5000", true},
		{"GET", "cross-site", "http://evil.example", true},
		{"PUT", "", "", true},
	} {
		req := httptest.NewRequest(c.method, "/objects/a", nil)
		req.Host = "localhost:5000"
		for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		if err := r.Check(req); (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
