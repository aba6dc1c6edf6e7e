package storage

import (
	"context"
	"slices"
	"time"

	"memcache/backend/internal/pool"
	"memcache/shared/api"
)

// changeTimeout bounds a change of nodes, which takes two leases.
const changeTimeout = 15 * time.Second

// Pool returns the state of the cache nodes. Errors: Unavailable.
func (s *Store) Pool(ctx context.Context) (*pool.State, error) {
	if v := s.viewed(ctx); v != nil {
		return v.State, nil
	}
	v, err := s.learn(ctx) // which tells why
	if err != nil {
		return nil, err
	}
	return v.State, nil
}

// ChangeNodes makes the state that change returns the one of the cache nodes; change is
// given the present one, and returns nil where nothing is to be done. Keys that stay
// where they are stay cached. It returns when every backend has learned of it; when it
// fails on the way, a job goes on with it. Errors: those of change, Conflict while
// another change is under way, Unavailable.
func (s *Store) ChangeNodes(ctx context.Context, change func(now *pool.State) (*pool.State, error)) (*pool.State, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	for {
		v, err := s.learn(ctx)
		if err != nil {
			return nil, err
		}
		if v.Step != pool.Settled {
			return nil, api.Errorf(api.Conflict, "the cache nodes are being changed already: try again in a few seconds")
		}
		to, err := change(v.State)
		if err != nil || to == nil {
			return v.State, err
		}
		if v, err = s.setPool(ctx, v.State, to); err != nil {
			return nil, err
		}
		if v.Generation == to.Generation && v.Text() == to.Text() {
			s.log.Info("the cache nodes change", "nodes", v.Members(), "generation", v.Generation)
			return s.finish(ctx, v)
		}
	}
}

// finish goes on with a change until it is done.
func (s *Store) finish(ctx context.Context, v *view) (*pool.State, error) {
	for v.Step != pool.Settled {
		if err := sleep(ctx, time.Until(v.step.Add(s.gen.lease))); err != nil {
			return nil, api.Errorf(api.Unavailable, "the change of the cache nodes has begun, and goes on by itself: see in a moment what they are").Because(err)
		}
		var err error
		if v, err = s.advance(ctx, v); err != nil {
			return nil, err
		}
	}
	return v.State, nil
}

// advance goes on with a change of nodes once every backend knows of its last step,
// and begins the one that the start of this process asks for.
func (s *Store) advance(ctx context.Context, v *view) (*view, error) {
	switch {
	case v.Step != pool.Settled:
		if time.Since(v.step) < s.gen.lease {
			return v, nil
		}
		return s.setPool(ctx, v.State, v.Advance())
	case v.Crowded():
		s.gen.doubts.take(everyNode)
		return v, nil
	case !s.gen.configured.Swap(true) && !slices.Equal(v.Configured, s.cfg.Nodes):
		next, err := s.setPool(ctx, v.State, v.Configure(s.cfg.Nodes))
		if err != nil || !slices.Equal(next.Configured, s.cfg.Nodes) {
			s.gen.configured.Store(false)
			return next, err
		}
		s.log.Info("the cache nodes are those that this server was started with", "nodes", s.cfg.Nodes, "before", v.Members())
		return next, nil
	}
	return v, nil
}
