package storage

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

// Question is the first thing that an Open asks the cache, for a caller who asks
// many at once: [Store.Ask] says what to look up, and either [Question.Hit] or
// [Store.OpenAsked] takes the answer.
type Question struct {
	Key   string // of the object
	at    spot
	start time.Time
}

// Ask begins to open an object without waiting for anything. It reports false
// when the cache may not be asked, or another reader is filling it: use Open then.
// The key must be valid.
func (s *Store) Ask(key string) (Question, bool) {
	v, ok := s.gen.current()
	if !ok { // the database must be asked
		return Question{}, false
	}
	at, _, ok := s.usable(v, hashOf(key))
	if !ok {
		return Question{}, false
	}
	return Question{Key: key, at: at, start: time.Now()}, s.flights.running(at.name) == nil
}

// Node is the cache node to be asked.
func (q Question) Node() CacheNode { return q.at.node }

// CacheKey is what it is to be asked for.
func (q Question) CacheKey() string { return q.at.name }

// Hit makes a value that the cache has the content, which is valid as long as
// the value; false for one that is damaged, with which OpenAsked must go on.
func (s *Store) Hit(q Question, value []byte) (*Content, bool) {
	r := s.read(q.Key, q.start)
	return r.c, r.hit(Lookup{Value: value, Release: func() {}}, false)
}

// OpenPast is Open past the cache, for a hit that there is no memory to keep in.
func (s *Store) OpenPast(ctx context.Context, q Question) (*Content, error) {
	return s.read(q.Key, q.start).direct(ctx, DetailNoMemory)
}

// Memory is the memory for what readers are given: Config.ReadMemory bytes. Who
// keeps what [Question.Hit] was given, takes it from there.
func (s *Store) Memory() *semaphore.Weighted { return s.memory }

// OpenAsked is Open, going on from what the cache found.
func (s *Store) OpenAsked(ctx context.Context, q Question, found Lookup) (*Content, error) {
	r := s.read(q.Key, q.start)
	if c, err := r.take(ctx, q.at, found, false); c != nil || err != nil {
		return c, err
	}
	return r.open(ctx)
}
