package access

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"memcache/shared/api"
)

// asking is a client's request from an address.
func asking(r *Rules, remote string) error {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Host, req.RemoteAddr = "localhost", remote
	return r.Check(req)
}

// allowed counts how many of n requests are let in.
func allowed(r *Rules, remote string, n int) (count int) {
	for range n {
		if err := asking(r, remote); err == nil {
			count++
		}
	}
	return count
}

func TestOneClientIsHeldToItsRate(t *testing.T) {
	r := rules(t, Config{Listen: "127.0.0.1:5000", Rate: 10})
	now := time.Now()
	r.pace.now = func() time.Time { return now }
	if n := allowed(r, "192.0.2.1:1000", 100); n != 20 {
		t.Errorf("%d requests at once are let in, want two seconds' worth: 20", n)
	}
	if err := asking(r, "192.0.2.1:2000"); api.AsError(err) == nil || api.AsError(err).Code != api.TooMany {
		t.Errorf("from another port: %v", err)
	}
	now = now.Add(time.Second)
	if n := allowed(r, "192.0.2.1:1000", 100); n != 10 {
		t.Errorf("%d requests are let in a second later, want 10", n)
	}
	if n := allowed(r, "192.0.2.2:1000", 100); n != 20 {
		t.Errorf("another client may ask %d times, want 20", n)
	}
}

func TestWhoCountsAsOneClient(t *testing.T) {
	r := rules(t, Config{Listen: "127.0.0.1:5000", Rate: 10})
	now := time.Now()
	r.pace.now = func() time.Time { return now }
	for _, c := range []struct {
		remote string
		want   int
	}{
		{"[2001:db8:1:2::1]:1", 20},
		{"[2001:db8:1:2:ffff::]:1", 0}, // the same network
		{"[2001:db8:1:3::1]:1", 20},
		{"[::ffff:192.0.2.9]:1", 20},
		{"192.0.2.9:1", 0},
		{"127.0.0.1:1", 50}, // this machine
		{"[::1]:1", 50},
		{"@", 50}, // a unix socket
	} {
		if n := allowed(r, c.remote, 50); n != c.want {
			t.Errorf("%s: %d let in, want %d", c.remote, n, c.want)
		}
	}
	if n := allowed(rules(t, Config{Listen: "127.0.0.1:5000"}), "192.0.2.1:1", 1000); n != 1000 {
		t.Errorf("without a rate %d of 1000 are let in", n)
	}
}

// TestClientsAreForgotten: their number is bounded, and those that still ask
// are forgotten last.
func TestClientsAreForgotten(t *testing.T) {
	p := newPace(1)
	now := time.Now()
	p.now = func() time.Time { return now }
	busy := netip.MustParseAddr("192.0.2.1")
	for range burst {
		if err := p.check(busy); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 * maxClients {
		remote := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if err := p.check(remote); err != nil {
			t.Fatalf("%s: %v", remote, err)
		}
		if i%1000 == 0 && p.check(busy) == nil {
			t.Fatalf("who asks all the time is forgotten after %d others", i)
		}
		if n := len(p.young) + len(p.old); n > maxClients {
			t.Fatalf("%d clients are remembered, want at most %d", n, maxClients)
		}
	}
}
