package e2e

import (
	"context"
	"sync"
	"time"
)

// stalls notes when this process, and so the whole machine, stood still: a shared one
// does for seconds, in which no promise can be kept.
type stalls struct {
	began time.Time
	mu    sync.Mutex
	all   []span
}

// span is a time since the users began.
type span struct{ from, to time.Duration }

const (
	stallEvery = 20 * time.Millisecond
	// stallLeast is from how long on a delay is noted.
	stallLeast = 100 * time.Millisecond
	// A stall of shakes has every deadline pass at once: for shaken after it, the balancer
	// may take all backends for dead.
	shakes = time.Second
	shaken = 3 * time.Second
)

// watch notes them until ctx ends.
func (s *stalls) watch(ctx context.Context) {
	tick := time.NewTicker(stallEvery)
	defer tick.Stop()
	for last := time.Since(s.began); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Since(s.began)
		if now-last > stallLeast {
			s.mu.Lock()
			s.all = append(s.all, span{last, now})
			s.mu.Unlock()
		}
		last = now
	}
}

// in is for how long the machine stood still in that time.
func (s *stalls) in(from, to time.Duration) (sum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stall := range s.all {
		sum += max(0, min(to, stall.to)-max(from, stall.from))
	}
	return sum
}

// shook tells whether a stall may be why a request failed.
func (s *stalls) shook(r request) bool { return s.in(r.begin-shaken, r.end) >= shakes }
