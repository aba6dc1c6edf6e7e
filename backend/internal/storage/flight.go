package storage

import (
	"context"
	"sync"
	"time"
)

// flight is one fill of a cache key under way in this process. Other readers
// of the key wait for its end and then ask the cache anew. They never share the
// flight's bytes: those may be older than a write that was acknowledged before
// the reader began.
type flight struct {
	done   chan struct{}
	result outcome // valid once done is closed
}

// outcome says what the readers who waited for a flight should do.
type outcome int

const (
	filled    outcome = iota // ask the cache
	lost                     // a write came between: ask the cache anew
	notCached                // read for yourself: the object cannot or could not be cached
)

// flights are the running flights by cache key. Their number is bounded by the
// readers under way and the fills, which are bounded by memory.
type flights struct {
	mu sync.RWMutex
	m  map[string]*flight
}

// running returns the flight of key, or nil.
func (fs *flights) running(key string) *flight {
	fs.mu.RLock()
	defer fs.mu.RUnlock()
	return fs.m[key]
}

// begin registers a flight of key. One that is still running has lost its
// lease, or there would be no new one: it is forgotten.
func (fs *flights) begin(key string) *flight {
	f := &flight{done: make(chan struct{})}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.m == nil {
		fs.m = make(map[string]*flight)
	}
	fs.m[key] = f
	return f
}

// end wakes those who wait for f.
func (fs *flights) end(key string, f *flight, result outcome) {
	fs.mu.Lock()
	if fs.m[key] == f {
		delete(fs.m, key)
	}
	fs.mu.Unlock()
	f.result = result
	close(f.done)
}

// forget makes sure that no later reader waits for a flight of key: what it
// reads is outdated.
func (fs *flights) forget(key string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.m, key)
}

// wait waits for f's end; it reports false when that takes longer than limit.
func (f *flight) wait(ctx context.Context, limit time.Duration) (bool, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-f.done:
		return true, nil
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
