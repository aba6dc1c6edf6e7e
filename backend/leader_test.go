package main

import (
	"regexp"
	"testing"
	"time"

	"memcache/backend/internal/sqlindex/mariadbtest"
)

var leads = regexp.MustCompile(`(?m)^memcache_leads 1$`)

// Of two backends on one database one leads, and the other when that has ended.
func TestTheNextBackendLeads(t *testing.T) {
	t.Parallel()
	dsn := mariadbtest.Start(t)
	start := func() *backend { return startBackend(t, "-data", t.TempDir(), "-database", dsn) }
	untilLeads := func(b *backend) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			_, metrics := b.want(200, "GET", "/metrics", "")
			if leads.MatchString(metrics) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the backend does not lead:\n%s\n%s", metrics, b.log)
			}
		}
	}
	first := start()
	untilLeads(first)
	second := start()
	if _, metrics := second.want(200, "GET", "/metrics", ""); leads.MatchString(metrics) {
		t.Error("both lead")
	}
	first.stop()
	untilLeads(second)
}
