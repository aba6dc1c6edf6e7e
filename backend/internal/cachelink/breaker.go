package cachelink

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// breaker keeps requests from a node that has failed. It opens at a failure;
// after the back-off one request may probe the node, and its outcome closes the
// breaker or keeps it open for twice as long.
type breaker struct {
	first, most time.Duration // the shortest and the longest back-off
	open        atomic.Bool   // so that the closed state costs no lock

	mu      sync.Mutex
	until   time.Time
	backoff time.Duration
	cause   error
}

// errDown is the error of a request that was not sent.
type errDown struct {
	node  string
	cause error
}

func (e *errDown) Error() string {
	return fmt.Sprintf("the cache node %s is down and not asked for a moment: %v", e.node, e.cause)
}

func (e *errDown) Unwrap() error { return e.cause }

// allow tells whether a request may be sent, and whether it is the probe.
// budget is how long a probe may take.
func (b *breaker) allow(node string, budget time.Duration) (probe bool, err error) {
	if !b.open.Load() {
		return false, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open.Load() {
		return false, nil
	}
	now := time.Now()
	if now.Before(b.until) {
		return false, &errDown{node: node, cause: b.cause}
	}
	b.until = now.Add(budget) // no second probe while this one runs
	return true, nil
}

// fail notes a failure; it reports whether the breaker was closed until now.
func (b *breaker) fail(probe bool, cause error) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open.Load():
		b.backoff, opened = b.first, true
	case probe:
		b.backoff = min(2*b.backoff, b.most)
	default:
		return false // one of many that were under way when it opened
	}
	b.until, b.cause = time.Now().Add(b.backoff), cause
	b.open.Store(true)
	return opened
}

// succeed notes a success; it reports whether that closed the breaker.
func (b *breaker) succeed(probe bool) (closed bool) {
	if !probe {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open.CompareAndSwap(true, false)
}
