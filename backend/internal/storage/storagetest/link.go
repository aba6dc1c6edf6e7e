package storagetest

import (
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is a network between a client and a server on TCP that a test can cut
// off, and make slow or lossy with toxiproxy's toxics.
type Link struct {
	Address string // where clients connect
	proxy   *toxiproxy.Proxy
}

// StartLink starts a link to the server at the address upstream. It ends with
// the test.
func StartLink(t testing.TB, upstream string) *Link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &Link{proxy: toxiproxy.NewProxy(server, "link", "127.0.0.1:0", upstream)}
	l.Mend(t)
	l.Address = l.proxy.Listen
	t.Cleanup(l.Cut)
	return l
}

// Cut ends every connection and refuses new ones.
func (l *Link) Cut() { l.proxy.Stop() }

// Mend undoes Cut.
func (l *Link) Mend(t testing.TB) {
	t.Helper()
	if err := l.proxy.Start(); err != nil {
		t.Fatalf("start the proxy of a link: %v", err)
	}
}

// Toxic adds a toxic from its description in JSON, such as
// {"name": "slow", "type": "latency", "attributes": {"latency": 50}}.
func (l *Link) Toxic(t testing.TB, description string) {
	t.Helper()
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(description)); err != nil {
		t.Fatalf("add the toxic %s: %v", description, err)
	}
}

// Heal removes every toxic.
func (l *Link) Heal(t testing.TB) { l.proxy.Toxics.ResetToxics(t.Context()) }
