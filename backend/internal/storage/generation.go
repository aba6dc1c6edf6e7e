package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"memcache/shared/api"
)

// The cache generation is a number in the database, and part of every key in
// the cache: what was cached under an older one is never read again. While it is
// odd, the cache is shut: no backend reads or fills it.
//
// Every commit is fenced with a generation: it fails unless that is still the
// one. Either the cache holds the keys under it, so that nobody finds their old
// bytes there; or it is odd, and every backend has had the time to learn so.
// Either way, no reader gets old bytes after another one got the new ones.
//
// A backend may rely on what it knows of the generation for as long as
// [Config.Lease] says, from the moment on at which it asked. Who shuts the cache
// waits as long before a commit, and before it is opened again: so nobody reads
// under one even number while others commit under the next.

// view is what this process knows of the generation.
type view struct {
	generation int64
	asked      time.Time // when the database was asked that answered so
	since      time.Time // when it answered so for the first time
	until      time.Time // as long as this may be relied on; not if there is no lease
}

func (v *view) shut() bool { return v.generation%2 != 0 }

// generation is what this process knows of the cache generation, and whether
// it may use the cache at all.
//
// Whoever cannot confirm that the cache forgot an outdated value takes a doubt.
// While a doubt is open, nothing is read from the cache. Shutting it settles every
// doubt taken before.
type generation struct {
	lease    time.Duration
	view     atomic.Pointer[view] // nil: not known yet
	doubts   atomic.Int64         // taken so far
	settled  atomic.Int64         // of those, the number settled
	mine     atomic.Int64         // the generation under which this process shut the cache
	renewing atomic.Bool

	asking sync.Mutex // held by the one who asks because the view has expired
	noting sync.Mutex // held to change view
}

const (
	// learnTimeout is how long the database may take to tell the generation.
	learnTimeout = 2 * time.Second
	// outage is how long hot objects are served without the database, and
	// outageStep how long before it is asked again.
	outage     = time.Minute
	outageStep = 5 * time.Second
	// abandoned is for how many leases others leave the cache shut for the one who
	// did it.
	abandoned = 10
)

func (g *generation) init(lease time.Duration, distrust bool) {
	g.lease = lease
	if distrust {
		g.doubts.Store(1)
	}
}

// doubt takes a doubt.
func (g *generation) doubt() { g.doubts.Add(1) }

func (g *generation) doubted() bool { return g.settled.Load() < g.doubts.Load() }

// CacheRestarted tells that a cache may have lost the holds of writers, because
// its process is another one. Where other backends use it, too, one of them may
// be committing what it believes to be held: until the generation is raised, which
// its commit then notices, nothing is filled into the cache. A single backend
// knows its own writers.
func (s *Store) CacheRestarted() {
	if s.gen.lease > 0 {
		s.gen.doubt()
	}
}

// DatabaseChanged tells that the database that was asked up to now takes no writes any
// more: another may have, so that what was read of this one, and filled, may be out of
// date. The generation is raised, after which none of it is read again.
func (s *Store) DatabaseChanged() { s.gen.doubt() }

// note notes an answer of the database; the view never goes back.
func (g *generation) note(generation int64, asked time.Time) *view {
	g.noting.Lock()
	defer g.noting.Unlock()
	old := g.view.Load()
	v := &view{generation: generation, asked: asked, since: time.Now(), until: asked.Add(g.lease)}
	if old != nil {
		switch {
		case generation < old.generation, generation == old.generation && asked.Before(old.asked):
			return old
		case generation == old.generation:
			v.since = old.since
		}
	}
	g.view.Store(v)
	return v
}

// bridge lets the view be relied on though the database does not answer: then
// nobody can have changed anything, or only one who is cut off from the cache,
// while this process is cut off from the database.
func (g *generation) bridge() {
	g.noting.Lock()
	defer g.noting.Unlock()
	if v := g.view.Load(); v != nil && time.Since(v.asked) < outage {
		longer := *v
		longer.until = time.Now().Add(outageStep)
		g.view.Store(&longer)
	}
}

// current returns the view if it may be relied on.
func (g *generation) current() (*view, bool) {
	v := g.view.Load()
	return v, v != nil && (g.lease == 0 || time.Now().Before(v.until))
}

// learn asks the database for the generation.
func (s *Store) learn(ctx context.Context) (*view, error) {
	asked := time.Now()
	short, cancel := context.WithTimeout(ctx, learnTimeout)
	defer cancel()
	g, err := s.index.Generation(short)
	if err != nil {
		return nil, indexError(err, "")
	}
	return s.gen.note(g, asked), nil
}

// relearn is learn for many who find the view expired at once: one asks.
func (s *Store) relearn(ctx context.Context) *view {
	s.gen.asking.Lock()
	defer s.gen.asking.Unlock()
	if v, ok := s.gen.current(); ok {
		return v
	}
	if _, err := s.learn(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the database does not tell the cache generation", "err", err)
		s.gen.bridge()
	}
	v, ok := s.gen.current()
	if !ok {
		return nil
	}
	return v
}

// renew has the view learned anew before it expires.
func (s *Store) renew() {
	if !s.gen.renewing.CompareAndSwap(false, true) {
		return
	}
	run := func() {
		defer s.gen.renewing.Store(false)
		if _, err := s.learn(context.Background()); err != nil {
			s.gen.bridge()
		}
	}
	if !s.background(run) {
		s.gen.renewing.Store(false)
	}
}

// readable returns the generation to read the cache with; false with the
// reason when the cache must not be read.
func (s *Store) readable(ctx context.Context) (int64, string, bool) {
	if s.gen.doubted() {
		return 0, DetailDistrusted, false
	}
	v, ok := s.gen.current()
	if !ok {
		v = s.relearn(ctx)
	}
	return s.usable(v)
}

// usable is readable for a view that may be relied on; nil when there is none.
func (s *Store) usable(v *view) (int64, string, bool) {
	if v == nil || v.shut() {
		return 0, DetailDistrusted, false
	}
	if s.gen.lease > 0 && time.Until(v.until) < s.gen.lease/2 {
		s.renew()
	}
	return v.generation, "", true
}

// RefreshGeneration learns of a generation that another backend raised, raises
// it itself where that is owed, and opens a cache that was shut and answers
// again. It is to be called every second.
func (s *Store) RefreshGeneration(ctx context.Context) error {
	learn := s.learn
	if s.gen.doubted() {
		learn = s.settle
	}
	v, err := learn(ctx)
	if err != nil || !v.shut() {
		return err
	}
	return s.reopen(ctx, v)
}

// reopen opens the cache, if this process shut it or the one who did seems to
// be gone. What was cached before is not read again. It has been shut for a lease
// then, so that nobody reads it under the generation before, either.
func (s *Store) reopen(ctx context.Context, v *view) error {
	leave := s.gen.lease
	if s.gen.mine.Load() != v.generation {
		leave *= abandoned
	}
	if time.Since(v.since) < leave {
		return nil
	}
	if s.cache.Delete(ctx, cacheKey(v.generation, "")) != nil {
		return nil // it would only be shut again
	}
	v, err := s.raise(ctx, v.generation, v.generation+1)
	if err == nil {
		s.log.Info("the cache is used again", "generation", v.generation)
	}
	return err
}

// raise makes the generation to, if it still is from, and returns what it is.
func (s *Store) raise(ctx context.Context, from, to int64) (*view, error) {
	asked := time.Now()
	g, err := s.index.RaiseGeneration(ctx, from, to)
	if err != nil {
		return nil, indexError(err, "")
	}
	return s.gen.note(g, asked), nil
}

// settle shuts the cache, which settles all doubts taken by now.
func (s *Store) settle(ctx context.Context) (*view, error) {
	doubts := s.gen.doubts.Load()
	v, err := s.learn(ctx)
	for err == nil && !v.shut() { // once more if another one opened it just then
		if v, err = s.raise(ctx, v.generation, v.generation+1); err == nil && v.shut() {
			s.gen.mine.Store(v.generation)
		}
	}
	if err != nil {
		return nil, err
	}
	raiseTo(&s.gen.settled, doubts)
	return v, nil
}

func raiseTo(v *atomic.Int64, to int64) {
	for {
		old := v.Load()
		if old >= to || v.CompareAndSwap(old, to) {
			return
		}
	}
}

// shut shuts the cache, unless it is, and waits until every backend knows.
func (s *Store) shut(ctx context.Context) (*view, error) {
	v, err := s.settle(ctx)
	if err == nil {
		err = sleep(ctx, time.Until(v.since.Add(s.gen.lease)))
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// hold makes sure that no reader finds the keys in the cache, and returns the
// generation with which their change is to be fenced.
func (s *Store) hold(ctx context.Context, keys []string) (fence int64, held bool, err error) {
	if g, _, ok := s.readable(ctx); ok && s.holdAll(ctx, g, keys) {
		return g, true, nil
	}
	v, err := s.shut(ctx)
	if err != nil {
		return 0, false, err
	}
	s.log.Warn("a write could not reach the cache: it is shut until it answers", "generation", v.generation)
	return v.generation, false, nil
}

func (s *Store) holdAll(ctx context.Context, generation int64, keys []string) bool {
	for _, key := range keys {
		ck := cacheKey(generation, key)
		if s.cache.Hold(ctx, ck) != nil {
			return false
		}
		s.flights.forget(ck) // a fill under way has lost its lease
	}
	return true
}

// held runs commit while the keys are kept out of the cache, and then makes sure
// that what was cached is not read again. commit may run more than once: again
// when the generation was raised meanwhile.
func (s *Store) held(ctx context.Context, keys []string, commit func(context.Context, Index) error) (failed, unsure error) {
	for {
		fence, held, err := s.hold(ctx, keys)
		if err != nil {
			return err, nil
		}
		failed = commit(ctx, s.index.Fenced(fence))
		switch {
		case errors.Is(failed, ErrInDoubt):
			s.gen.doubt() // what is cached until it happens is outdated then; a hold ends by itself
		case held:
			unsure = s.forget(ctx, fence, keys)
		}
		if !errors.Is(failed, ErrFenced) {
			return failed, unsure
		}
		if _, err := s.learn(ctx); err != nil {
			return err, unsure
		}
	}
}

// forget ends the holds of keys under a generation, so that readers may fill.
// Where the cache does not confirm that, all backends are told to forget that
// generation.
func (s *Store) forget(ctx context.Context, generation int64, keys []string) error {
	var errs []error
	for _, key := range keys {
		errs = append(errs, s.forgetIn(ctx, generation, key))
	}
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	s.log.Warn("the cache did not confirm a deletion", "keys", keys, "err", err)
	return s.distrust(ctx)
}

// distrust has every backend forget what is cached; it returns when all have.
func (s *Store) distrust(ctx context.Context) error {
	s.gen.doubt()
	v, err := s.shut(ctx)
	if err != nil {
		return fmt.Errorf("shut the cache: %w", err)
	}
	if s.gen.lease == 0 {
		return s.reopen(ctx, v)
	}
	return nil
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
