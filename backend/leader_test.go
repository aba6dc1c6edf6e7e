package main

import (
	"io"
	"net/http"
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

// TestAJobMovesWhenItsHolderIsKilled within ten seconds, though nobody says so.
func TestAJobMovesWhenItsHolderIsKilled(t *testing.T) {
	t.Parallel()
	dsn := mariadbtest.Start(t)
	first, kill := startProcess(t, "-data", t.TempDir(), "-database", dsn)
	second := startBackend(t, "-data", t.TempDir(), "-database", dsn)
	leader := func(address string) bool {
		answer, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		metrics, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return leads.Match(metrics)
	}
	for deadline := time.Now().Add(time.Minute); !leader(first); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) || leader(second.address()) {
			t.Fatal("the first does not lead")
		}
	}
	kill()
	killed := time.Now()
	for !leader(second.address()) {
		if time.Since(killed) > wellAgain {
			t.Fatalf("%v after its death no other leads", wellAgain)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("another leads after %v", time.Since(killed).Round(10*time.Millisecond))
}
