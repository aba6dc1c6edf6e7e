package access

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"memcache/shared/api"
)

// through is a request as it comes from a peer, with what proxies say.
func through(remote, forwardedFor, proto string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "http://files.example.org/objects/a//b?x=1", nil)
	req.RemoteAddr = remote
	if forwardedFor != "" {
		req.Header.Set("X-Forwarded-For", forwardedFor)
	}
	if proto != "" {
		req.Header.Set("X-Forwarded-Proto", proto)
	}
	return req
}

func TestOnlyTrustedProxiesAreBelieved(t *testing.T) {
	r := rules(t, Config{Listen: "0.0.0.0:5000", Hosts: []string{"files.example.org"}, Proxies: []string{"10.0.0.0/8", "2001:db8::7"}})
	for _, c := range []struct {
		remote, forwardedFor, want string
	}{
		{"10.1.2.3:4", "192.0.2.1", "192.0.2.1"},
		{"10.1.2.3:4", "198.51.100.1, 192.0.2.1", "192.0.2.1"}, // what the client said of itself is not believed
		{"10.1.2.3:4", "192.0.2.1, 10.9.9.9", "192.0.2.1"},
		{"10.1.2.3:4", "nonsense", "10.1.2.3"},
		{"10.1.2.3:4", "", "10.1.2.3"},
		{"[2001:db8::7]:4", "192.0.2.1", "192.0.2.1"},
		{"[::ffff:10.1.2.3]:4", "192.0.2.1", "192.0.2.1"},
		{"203.0.113.5:4", "192.0.2.1", "203.0.113.5"},
	} {
		if got := r.Client(through(c.remote, c.forwardedFor, "")).String(); got != c.want {
			t.Errorf("from %s with X-Forwarded-For %q the client is %s, want %s", c.remote, c.forwardedFor, got, c.want)
		}
	}
	for remote, want := range map[string]bool{"10.1.2.3:4": true, "127.0.0.1:4": true, "203.0.113.5:4": false} {
		err := r.Check(through(remote, "", ""))
		if (err == nil) != want || err != nil && api.AsError(err).Code != api.Forbidden {
			t.Errorf("a request from %s past the proxies: %v, want let in: %v", remote, err, want)
		}
	}
	if r.Secure(through("203.0.113.5:4", "", "https")) || !r.Secure(through("10.1.2.3:4", "", "https")) || r.Secure(through("10.1.2.3:4", "", "http")) {
		t.Error("whether TLS was used is taken from the wrong ones")
	}
	if _, err := New(Config{Listen: "127.0.0.1:1", Proxies: []string{"10.0.0.0/33"}}); err == nil {
		t.Error("a network that is none is taken")
	}
}

func TestWhatCameWithoutTLSIsSentThere(t *testing.T) {
	r := rules(t, Config{Listen: "0.0.0.0:443", Hosts: []string{"files.example.org"}, Proxies: []string{"10.0.0.0/8"}, HSTS: true})
	here := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	overTLS := through("203.0.113.5:4", "", "")
	overTLS.TLS = &tls.ConnectionState{}
	foreign := through("203.0.113.5:4", "", "")
	foreign.Host = "evil.example"
	for name, c := range map[string]struct {
		handler  http.Handler
		req      *http.Request
		status   int
		location string
		hsts     bool
	}{
		"without TLS to the proxy": {r.HTTPS(here), through("10.1.2.3:4", "192.0.2.1", "http"), 308, "https://files.example.org/objects/a//b?x=1", false},
		"with TLS to the proxy":    {r.HTTPS(here), through("10.1.2.3:4", "192.0.2.1", "https"), 418, "", true},
		"with TLS":                 {r.HTTPS(here), overTLS, 418, "", true},
		"from the machine itself":  {r.HTTPS(here), through("127.0.0.1:4", "", ""), 418, "", false},
		"port 80":                  {r.Redirect("443"), through("203.0.113.5:4", "", ""), 308, "https://files.example.org/objects/a//b?x=1", false},
		"another port":             {r.Redirect("8443"), through("203.0.113.5:4", "", ""), 308, "https://files.example.org:8443/objects/a//b?x=1", false},
		"another host":             {r.Redirect("443"), foreign, 421, "", false},
	} {
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, c.req)
		if w.Code != c.status || w.Header().Get("Location") != c.location || (w.Header().Get("Strict-Transport-Security") != "") != c.hsts {
			t.Errorf("%s: status %d, header %v; want %d, %q and HSTS %v", name, w.Code, w.Header(), c.status, c.location, c.hsts)
		}
	}
}

func TestFault23_OverTLSTheOriginIsTLSToo(t *testing.T) {
	r := rules(t, Config{Listen: "127.0.0.1:5000"})
	for origin, want := range map[string]bool{"https://localhost:5000": true, "http://localhost:5000": false} {
		req := httptest.NewRequest(http.MethodGet, "/ws", nil)
		req.Host, req.TLS = "localhost:5000", &tls.ConnectionState{}
		req.Header.Set("Origin", origin)
		if got := r.AllowOrigin(req); got != want {
			t.Errorf("origin %q: let in %v, want %v", origin, got, want)
		}
	}
}
