package login

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"memcache/shared/api"
)

// What guessing costs: after some failures each attempt has to wait, twice as long
// as the one before; after more of them, nothing is tried any more for a while.
const (
	freeFailures = 3
	maxFailures  = 10
	firstWait    = 250 * time.Millisecond
	longestWait  = 4 * time.Second
	lockTime     = 15 * time.Minute
	maxGuessers  = 10_000
)

// guard counts the attempts of each client since the last that was right, in two
// generations, of which the older one is forgotten when the younger is full.
type guard struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu         sync.Mutex
	young, old map[string]attempts
}

type attempts struct {
	count int
	last  time.Time
}

func newGuard() *guard {
	return &guard{now: time.Now, sleep: sleep, young: make(map[string]attempts)}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// attempt notes an attempt before it is made, so that many at once gain nothing,
// and slows it down. It fails with TooMany when there were too many.
func (g *guard) attempt(ctx context.Context, client string) error {
	count, locked := g.count(client)
	if locked {
		return api.Errorf(api.TooMany, "too many failed logins came from your address: try again in %d minutes", int(lockTime.Minutes()))
	}
	if count <= freeFailures {
		return nil
	}
	return g.sleep(ctx, min(firstWait<<(count-freeFailures-1), longestWait))
}

func (g *guard) count(client string) (count int, locked bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, found := g.young[client]
	if !found {
		a = g.old[client]
	}
	now := g.now()
	if now.Sub(a.last) >= lockTime {
		a.count = 0
	}
	if a.count >= maxFailures {
		return a.count, true
	}
	if len(g.young) >= maxGuessers/2 && !found {
		g.old, g.young = g.young, make(map[string]attempts)
	}
	a.count, a.last = a.count+1, now
	g.young[client] = a
	return a.count, false
}

// network is what counts as one client: an address, of IPv6 the network that one
// customer has.
func network(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Is4() {
		return address
	}
	whole, _ := parsed.Prefix(64) // fails for other numbers of bits alone
	return whole.String()
}

// right forgets a client's attempts.
func (g *guard) right(client string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.young, client)
	delete(g.old, client)
}
