package storage

import (
	"context"
	"errors"
	"sync/atomic"

	"memcache/shared/api"
)

// generation is what this process knows of the cache generation, and whether
// it may use the cache at all.
//
// Whoever cannot confirm that the cache forgot an outdated value takes a doubt.
// While a doubt is open, nothing is read from the cache. Raising the generation
// settles every doubt taken before.
type generation struct {
	known   atomic.Int64 // -1: not read yet
	doubts  atomic.Int64 // taken so far
	settled atomic.Int64 // of those, the number settled
	unheld  atomic.Int64 // commits under way whose key the cache did not hold
}

func (g *generation) init(distrust bool) {
	g.known.Store(-1)
	if distrust {
		g.doubts.Store(1)
	}
}

// doubt takes a doubt.
func (g *generation) doubt() { g.doubts.Add(1) }

// trusted tells whether the cache may be read.
func (g *generation) trusted() bool { return g.unheld.Load() == 0 && !g.doubted() }

func (g *generation) doubted() bool { return g.settled.Load() < g.doubts.Load() }

// advance notes a generation; it never goes back.
func (g *generation) advance(to int64) { raiseTo(&g.known, to) }

func raiseTo(v *atomic.Int64, to int64) {
	for {
		old := v.Load()
		if old >= to || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// RefreshGeneration learns of a generation that another backend raised, and
// raises it itself where that is owed. It is to be called every second.
func (s *Store) RefreshGeneration(ctx context.Context) error {
	if s.gen.doubted() {
		return s.settle(ctx)
	}
	g, err := s.index.Generation(ctx)
	if err != nil {
		return indexError(err, "")
	}
	s.gen.advance(g)
	return nil
}

// settle raises the generation, which settles all doubts taken by now.
func (s *Store) settle(ctx context.Context) error {
	doubts := s.gen.doubts.Load()
	g, err := s.index.RaiseGeneration(ctx)
	if err != nil {
		return indexError(err, "")
	}
	s.gen.advance(g)
	raiseTo(&s.gen.settled, doubts)
	s.log.Info("cache generation raised: what was cached before is not read again", "generation", g)
	return nil
}

// readable returns the generation to read the cache with; false with the
// reason when the cache must not be read.
func (s *Store) readable(ctx context.Context) (int64, string, bool) {
	if !s.gen.trusted() {
		return 0, DetailDistrusted, false
	}
	if g := s.gen.known.Load(); g >= 0 {
		return g, "", true
	}
	if err := s.RefreshGeneration(ctx); err != nil {
		return 0, DetailDistrusted, false
	}
	return s.gen.known.Load(), "", true
}

// held runs commit while the keys are kept out of the cache, so that no reader
// can find the old bytes there after another one has read the new ones, and then
// makes sure that what was cached is not read again. Where the cache cannot hold
// a key, this process does not read the cache until the generation is raised.
func (s *Store) held(ctx context.Context, keys []string, commit func(context.Context) error) (failed, unsure error) {
	if len(keys) == 0 {
		return commit(ctx), nil
	}
	key := keys[0]
	g, _, ok := s.readable(ctx)
	if ck := cacheKey(g, key); ok && s.cache.Hold(ctx, ck) == nil {
		s.flights.forget(ck) // a fill under way has lost its lease
		failed, unsure = s.held(ctx, keys[1:], commit)
		return failed, errors.Join(unsure, s.forget(ctx, key))
	}
	s.gen.unheld.Add(1)
	defer s.gen.unheld.Add(-1)
	failed, unsure = s.held(ctx, keys[1:], commit)
	s.gen.doubt()
	return failed, errors.Join(unsure, s.settle(ctx))
}

// forget makes sure that no reader who begins from now on gets what was cached
// of key. It asks the database for the generation, because another backend may
// have raised it and filled under the new one.
func (s *Store) forget(ctx context.Context, key string) error {
	before := s.gen.known.Load()
	now, err := s.index.Generation(ctx)
	if err == nil {
		s.gen.advance(now)
		err = s.forgetIn(ctx, now, key)
	}
	if err == nil && before >= 0 && before != now {
		err = s.forgetIn(ctx, before, key)
	}
	if err == nil {
		return nil
	}
	s.log.Warn("the cache did not confirm a deletion", "key", key, "err", err)
	s.gen.doubt()
	return s.settle(ctx)
}

// forgetIn deletes key as it is called in one generation.
func (s *Store) forgetIn(ctx context.Context, generation int64, key string) error {
	ck := cacheKey(generation, key)
	s.flights.forget(ck)
	return s.cache.Delete(ctx, ck)
}

// unconfirmed is the error of a write that was committed, but that other
// backends may not know of.
func unconfirmed(key, done string, cause error) error {
	return api.Errorf(api.Unavailable,
		"%q was %s, but neither the cache nor the database confirmed that its old version is forgotten, so other servers may still show that: do it again to be sure", key, done).Because(cause)
}
