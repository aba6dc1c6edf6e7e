package access

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"memcache/shared/api"
)

// maxClients bounds how many clients are remembered; those that have asked
// nothing for longest are forgotten, and may then begin anew.
const maxClients = 20_000

// burst is for how many seconds' worth of requests a client may save up.
const burst = 2

// pace bounds how many requests a second one client may make: a token bucket
// each, in two generations. When the younger one is full, the older one is
// forgotten; who asks meanwhile moves to the younger one.
type pace struct {
	perSecond int
	now       func() time.Time

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
}

func newPace(perSecond int) *pace {
	return &pace{perSecond: perSecond, now: time.Now, young: make(map[netip.Prefix]*rate.Limiter)}
}

// check fails with TooMany when the client at an address asks too often. This
// machine itself never does: a proxy on it speaks for everyone.
func (p *pace) check(address netip.Addr) error {
	if !address.IsValid() || address.IsLoopback() || p.perSecond == 0 {
		return nil // a unix socket's peer has no address
	}
	if p.bucket(clientOf(address)).AllowN(p.now(), 1) {
		return nil
	}
	return api.Errorf(api.TooMany, "more than %d requests a second come from your address: ask less often", p.perSecond)
}

// clientOf is what counts as one client: an address, of IPv6 the network that
// one customer has.
func clientOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	client, _ := address.Prefix(bits) // fails for other numbers of bits alone
	return client
}

func (p *pace) bucket(client netip.Prefix) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if bucket := p.young[client]; bucket != nil {
		return bucket
	}
	bucket := p.old[client]
	if bucket == nil {
		bucket = rate.NewLimiter(rate.Limit(p.perSecond), burst*p.perSecond)
	}
	if len(p.young) >= maxClients/2 {
		p.old, p.young = p.young, make(map[netip.Prefix]*rate.Limiter)
	}
	p.young[client] = bucket
	return bucket
}
