package httpapi

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestMetricsCountRequestsByRoute(t *testing.T) {
	w := start(t, func(c *Config) {
		admit := c.Admit
		c.Admit = func(r *http.Request) error {
			if r.Method == http.MethodOptions {
				return api.Errorf(api.Forbidden, "not today")
			}
			return admit(r)
		}
	})
	w.want(w.put("secret/key", "hello"), 201)
	w.want(w.get("secret/key"), 200)
	w.want(w.get("nothing"), 404)
	w.want(w.do("BREW", "/objects/secret/key", nil), 405)
	w.want(w.do("OPTIONS", "/healthz", nil), 403)
	got := w.want(w.do("GET", "/metrics", nil), 200).body
	for _, line := range []string{
		`memcache_http_requests_total{method="PUT",route="/objects/",status="201"} 1`,
		`memcache_http_requests_total{method="GET",route="/objects/",status="200"} 1`,
		`memcache_http_requests_total{method="GET",route="/objects/",status="404"} 1`,
		`memcache_http_requests_total{method="other",route="/objects/",status="405"} 1`,
		`memcache_http_requests_total{method="OPTIONS",route="refused",status="403"} 1`,
		`memcache_object_reads_total{result="bypass"} 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("the line %s is missing", line)
		}
	}
	if strings.Contains(got, "secret") {
		t.Error("a key is in the metrics")
	}
}

// TestWhatFailsForTheMomentSaysWhenToTryAgain, natively and in the course's form.
func TestWhatFailsForTheMomentSaysWhenToTryAgain(t *testing.T) {
	for _, code := range []api.Code{api.Unavailable, api.TooMany} {
		w := start(t, func(c *Config) {
			c.Admit = func(*http.Request) error { return api.Errorf(code, "not now") }
		})
		if a := w.do("GET", "/healthz", nil); a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After in %v", code, a.Header)
		}
	}
	w := start(t, func(c *Config) { c.Admit = func(*http.Request) error { return io.ErrUnexpectedEOF } })
	if a := w.do("GET", "/healthz", nil); a.Header.Get("Retry-After") != "" {
		t.Errorf("a failure that stays asks to try again: %v", a.Header)
	}
}
