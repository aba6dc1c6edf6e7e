package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"memcache/backend/internal/pool"
	"memcache/shared/api"
)

// The cache generation is a number in the database that counts the states of the
// cache nodes ([pool.State]). A state says of every key which node has it, under
// which epoch, and whether that node is shut: then no backend reads or fills it.
//
// Every commit is fenced with a generation: it fails unless that is still the
// one. Either the nodes of its keys hold these, so that nobody finds their old
// bytes there; or they are shut, and every backend has had the time to learn so.
// Either way, no reader gets old bytes after another one got the new ones.
//
// A backend may rely on what it knows of the generation for as long as
// [Config.Lease] says, from the moment on at which it asked. Who shuts a node
// waits as long before a commit, and before it is opened again: so nobody reads
// it under one epoch while others commit under the next. The steps of a change of
// nodes are as far from each other.

// view is what this process knows of the generation.
type view struct {
	*pool.State
	nodes []CacheNode
	asked time.Time   // when the database was asked that answered so
	until time.Time   // as long as this may be relied on; not if there is no lease
	since []time.Time // when this process learned that a node is as it is
	step  time.Time   // when it learned of the step of the change under way
}

// generation is what this process knows of the cache generation, and whether
// it may use the cache at all.
type generation struct {
	lease    time.Duration
	view     atomic.Pointer[view] // nil: not known yet
	doubts   doubts
	renewing atomic.Bool
	// configured: what Config.Nodes asks for was looked at.
	configured atomic.Bool

	asking sync.Mutex // held by the one who asks because the view has expired
	noting sync.Mutex // held to change view

	mu   sync.Mutex       // guards mine
	mine map[string]int64 // the nodes that this process shut, and at which generation
}

const (
	// learnTimeout is how long the database may take to tell the generation.
	learnTimeout = 2 * time.Second
	// outage is how long hot objects are served without the database, and
	// outageStep how long before it is asked again.
	outage     = time.Minute
	outageStep = 5 * time.Second
	// abandoned is for how many leases others leave a node shut for the one who
	// did it.
	abandoned = 10
)

// probe is a key in the cache that no object has.
const probe = "probe"

// everyNode is the address that stands for all in a doubt.
const everyNode = ""

// doubts are about nodes. Whoever cannot confirm that a node forgot an outdated
// value takes one. While it is open, nothing is read from that node. Shutting the
// node settles every doubt about it that was taken before.
type doubts struct {
	any  atomic.Bool // there are some
	mu   sync.Mutex
	last int64
	open map[string]int64 // the last doubt about a node
}

func (d *doubts) take(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[string]int64{}
	}
	d.last++
	d.open[address] = d.last
	d.any.Store(true)
}

func (d *doubts) about(address string) bool {
	if !d.any.Load() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[address] > 0 || d.open[everyNode] > 0
}

func (d *doubts) taken() map[string]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.open)
}

// settle ends the doubts that were taken, but not later ones.
func (d *doubts) settle(taken map[string]int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, number := range taken {
		if d.open[address] == number {
			delete(d.open, address)
		}
	}
	d.any.Store(len(d.open) > 0)
}

// CacheRestarted tells that a cache node may have lost the holds of writers, because
// its process is another one. Where other backends use it, too, one of them may
// be committing what it believes to be held: until the node is shut, which its
// commit then notices, nothing is filled into it. A single backend knows its own
// writers.
func (s *Store) CacheRestarted(address string) {
	if s.gen.lease > 0 {
		s.gen.doubts.take(address)
	}
}

// DatabaseChanged tells that the database that was asked up to now takes no writes any
// more: another may have, so that what was read of this one, and filled, may be out of
// date. The cache is shut once, after which none of it is read again.
func (s *Store) DatabaseChanged() { s.gen.doubts.take(everyNode) }

// note notes an answer of the database; the view never goes back.
func (s *Store) note(state *pool.State, asked time.Time) *view {
	g := &s.gen
	g.noting.Lock()
	defer g.noting.Unlock()
	old := g.view.Load()
	v := &view{State: state, asked: asked, until: asked.Add(g.lease)}
	switch {
	case old != nil && (state.Generation < old.Generation || state.Generation == old.Generation && asked.Before(old.asked)):
		return old
	case old != nil && state.Generation == old.Generation:
		v.nodes, v.since, v.step = old.nodes, old.since, old.step
	default:
		s.cache.Use(state.Addresses())
		v.compare(old, time.Now())
		for _, n := range state.Nodes {
			v.nodes = append(v.nodes, s.cache.Node(n.Address))
		}
	}
	g.view.Store(v)
	return v
}

// compare fills in since when what v says was known.
func (v *view) compare(old *view, now time.Time) {
	v.step = now
	if old != nil && old.Step == v.Step && old.Changed == v.Changed {
		v.step = old.step
	}
	for _, n := range v.Nodes {
		since := now
		if old != nil {
			if i := old.Find(n.Address); i >= 0 && old.Nodes[i].Since == n.Since && old.Nodes[i].Shut == n.Shut {
				since = old.since[i]
			}
		}
		v.since = append(v.since, since)
	}
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
	state, err := s.index.Pool(short)
	if err != nil {
		return nil, indexError(err, "")
	}
	if len(state.Nodes) == 0 && len(s.cfg.Nodes) > 0 { // it is new
		return s.setPool(ctx, state, state.Configure(s.cfg.Nodes))
	}
	return s.note(state, asked), nil
}

// setPool makes a state of the nodes the next one after from, if the generation is
// still that, and returns what there is then.
func (s *Store) setPool(ctx context.Context, from, to *pool.State) (*view, error) {
	asked := time.Now()
	state, err := s.index.ChangePool(ctx, from.Generation, to)
	if err != nil {
		return nil, indexError(err, "")
	}
	return s.note(state, asked), nil
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

// viewed returns a view that may be relied on; nil when there is none.
func (s *Store) viewed(ctx context.Context) *view {
	v, ok := s.gen.current()
	if !ok {
		v = s.relearn(ctx)
	}
	return v
}

// readable returns where the key is to be read in the cache; false with the
// reason when it must not be.
func (s *Store) readable(ctx context.Context, key hashed) (spot, string, bool) {
	return s.usable(s.viewed(ctx), key)
}

// usable is readable in a view that may be relied on; nil when there is none.
func (s *Store) usable(v *view, key hashed) (spot, string, bool) {
	if v == nil {
		return spot{}, DetailDistrusted, false
	}
	if s.gen.lease > 0 && time.Until(v.until) < s.gen.lease/2 {
		s.renew()
	}
	at, ok := v.Read(key.place())
	switch {
	case !ok:
		return spot{}, DetailNoCache, false
	case v.Nodes[at.Node].Shut || s.gen.doubts.about(v.Nodes[at.Node].Address):
		return spot{}, DetailDistrusted, false
	}
	return v.spot(at, key), "", true
}

// spot is the spot of a key at its place.
func (v *view) spot(at pool.Place, key hashed) spot {
	return spot{node: v.nodes[at.Node], address: v.Nodes[at.Node].Address, name: cacheKey(at.Epoch, key)}
}

// RefreshGeneration learns of a state that another backend made, shuts what is in
// doubt, opens nodes that were shut and answer again, and goes on with a change of
// nodes. It is to be called every second.
func (s *Store) RefreshGeneration(ctx context.Context) error {
	learn := s.learn
	if s.gen.doubts.any.Load() {
		learn = s.settle
	}
	v, err := learn(ctx)
	if err == nil {
		v, err = s.reopen(ctx, v)
	}
	if err == nil {
		_, err = s.advance(ctx, v)
	}
	return err
}

// reopen opens the nodes that answer, if this process shut them or the one who did
// seems to be gone. What they held is not read again. They have been shut for a
// lease then, so that nobody reads it under the epoch before, either.
func (s *Store) reopen(ctx context.Context, v *view) (*view, error) {
	ready := map[string]bool{}
	for i, n := range v.Nodes {
		if !n.Shut || time.Since(v.since[i]) < s.leave(n) {
			continue
		}
		if v.nodes[i].Delete(ctx, probe) == nil { // or it would only be shut again
			ready[n.Address] = true
		}
	}
	to := v.Open(func(n pool.Node) bool { return ready[n.Address] })
	if to == nil {
		return v, nil
	}
	v, err := s.setPool(ctx, v.State, to)
	if err == nil {
		s.log.Info("cache nodes are used again", "nodes", slices.Sorted(maps.Keys(ready)), "generation", v.Generation)
	}
	return v, err
}

// leave is how long a node that is shut is left so.
func (s *Store) leave(n pool.Node) time.Duration {
	s.gen.mu.Lock()
	defer s.gen.mu.Unlock()
	if s.gen.mine[n.Address] == n.Since {
		return s.gen.lease
	}
	return s.gen.lease * abandoned
}

// settle shuts the nodes in doubt, which settles all doubts taken by now.
func (s *Store) settle(ctx context.Context) (*view, error) {
	taken := s.gen.doubts.taken()
	v, err := s.learn(ctx)
	for err == nil { // once more if another one changed them just then
		to := v.Shut(func(n pool.Node) bool { return taken[n.Address] > 0 || taken[everyNode] > 0 })
		if to == nil {
			break
		}
		if v, err = s.setPool(ctx, v.State, to); err == nil && v.Generation == to.Generation {
			s.own(v.State)
		}
	}
	if err != nil {
		return nil, err
	}
	s.gen.doubts.settle(taken)
	return v, nil
}

// own notes that this process shut the nodes that were shut at the generation of
// state. Another one may have made that generation: then both open them.
func (s *Store) own(state *pool.State) {
	s.gen.mu.Lock()
	defer s.gen.mu.Unlock()
	if s.gen.mine == nil {
		s.gen.mine = map[string]int64{}
	}
	for _, n := range state.Nodes {
		if n.Shut && n.Since == state.Generation {
			s.gen.mine[n.Address] = n.Since
		}
	}
}

// shut shuts the nodes in doubt, unless they are, and waits until every backend
// knows.
func (s *Store) shut(ctx context.Context) (*view, error) {
	v, err := s.settle(ctx)
	if err != nil {
		return nil, err
	}
	return v, s.awaitShut(ctx, v, v.Addresses())
}

// shutAll shuts all nodes.
func (s *Store) shutAll(ctx context.Context) (*view, error) {
	s.gen.doubts.take(everyNode)
	return s.shut(ctx)
}

// awaitShut waits until every backend knows of those of the nodes that are shut.
func (s *Store) awaitShut(ctx context.Context, v *view, nodes []string) error {
	for i, n := range v.Nodes {
		if n.Shut && slices.Contains(nodes, n.Address) {
			if err := sleep(ctx, time.Until(v.since[i].Add(s.gen.lease))); err != nil {
				return err
			}
		}
	}
	return nil
}

// hold makes sure that no reader finds the keys in the cache, and returns the
// view in which that is so: their change is to be fenced with its generation.
func (s *Store) hold(ctx context.Context, keys []string) (*view, error) {
	for {
		v, err := s.viewed(ctx), error(nil)
		if v == nil {
			v, err = s.learn(ctx) // which tells why
		}
		if err != nil {
			return nil, err
		}
		nodes := v.nodesOf(keys)
		if slices.ContainsFunc(nodes, s.gen.doubts.about) {
			if v, err = s.settle(ctx); err != nil {
				return nil, err
			}
			nodes = v.nodesOf(keys)
		}
		if err := s.awaitShut(ctx, v, nodes); err != nil {
			return nil, err
		}
		if s.holdAll(ctx, v, keys) {
			return v, nil
		}
	}
}

// nodesOf returns the nodes that have the keys, or will have them.
func (v *view) nodesOf(keys []string) (nodes []string) {
	for _, key := range keys {
		for _, at := range v.Written(hashOf(key).place()) {
			nodes = append(nodes, v.Nodes[at.Node].Address)
		}
	}
	return nodes
}

// holdAll holds the keys at all nodes that are not shut; those that do not answer
// are in doubt then.
func (s *Store) holdAll(ctx context.Context, v *view, keys []string) bool {
	all := true
	for _, at := range v.written(keys) {
		s.flights.forget(at.name) // a fill under way loses its lease
		if err := at.node.Hold(ctx, at.name); err != nil {
			s.log.Warn("a write could not reach a cache node: it is shut until it answers", "node", at.address, "err", err)
			s.gen.doubts.take(at.address)
			all = false
		}
		s.flights.forget(at.name)
	}
	return all
}

// written returns the spots at which writers have to see to the keys.
func (v *view) written(keys []string) (spots []spot) {
	for _, key := range keys {
		h := hashOf(key)
		for _, at := range v.Written(h.place()) {
			if !v.Nodes[at.Node].Shut {
				spots = append(spots, v.spot(at, h))
			}
		}
	}
	return spots
}

// held runs commit while the keys are kept out of the cache, and then makes sure
// that what was cached is not read again. commit may run more than once: again
// when the generation was raised meanwhile.
func (s *Store) held(ctx context.Context, keys []string, commit func(context.Context, Index) error) (failed, unsure error) {
	for {
		v, err := s.hold(ctx, keys)
		if err != nil {
			return err, nil
		}
		failed = commit(ctx, s.index.Fenced(v.Generation))
		if errors.Is(failed, ErrInDoubt) {
			for _, at := range v.written(keys) {
				s.gen.doubts.take(at.address) // what is cached until it happens is outdated then; a hold ends by itself
			}
		} else {
			unsure = s.forget(ctx, v, keys)
		}
		if !errors.Is(failed, ErrFenced) {
			return failed, unsure
		}
		if _, err := s.learn(ctx); err != nil {
			return err, unsure
		}
	}
}

// forget ends the holds of keys, so that readers may fill. Where a node does not
// confirm that, all backends are told to forget what it has.
func (s *Store) forget(ctx context.Context, v *view, keys []string) error {
	doubt := false
	for _, at := range v.written(keys) {
		s.flights.forget(at.name)
		if err := at.node.Delete(ctx, at.name); err != nil {
			s.log.Warn("a cache node did not confirm a deletion", "node", at.address, "keys", keys, "err", err)
			s.gen.doubts.take(at.address)
			doubt = true
		}
	}
	if !doubt {
		return nil
	}
	return s.distrust(ctx)
}

// distrust has every backend forget what the nodes in doubt have; it returns when
// all have.
func (s *Store) distrust(ctx context.Context) error {
	v, err := s.shut(ctx)
	if err != nil {
		return fmt.Errorf("shut the cache: %w", err)
	}
	if s.gen.lease == 0 {
		_, err = s.reopen(ctx, v)
	}
	return err
}

// unconfirmed is the error of a write that was committed, but that other
// backends may not know of.
func unconfirmed(key, done string, cause error) error {
	return api.Errorf(api.Unavailable,
		"%q was %s, but neither the cache nor the database confirmed that its old version is forgotten, so other servers may still show that: do it again to be sure", key, done).Because(cause)
}
