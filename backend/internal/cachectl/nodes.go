package cachectl

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/backend/internal/pool"
	"memcache/shared/api"
)

// maxNodes is how many cache nodes there may be: each is asked every second.
const maxNodes = 32

// place fills in what part a node has in the pool.
func (c *Controller) place(node *api.Node, state *pool.State) {
	c.mu.Lock()
	if k := c.counters[node.Name]; k != nil && node.Up {
		node.Rate = k.rate
	}
	c.mu.Unlock()
	i := state.Find(node.Name)
	if i < 0 {
		return
	}
	node.Share = state.Share(i)
	switch in := state.Nodes[i]; {
	case in.Shut:
		node.State = api.NodeShut
	case in.Role == pool.Joining:
		node.State = api.NodeJoining
	case in.Role == pool.Leaving:
		node.State = api.NodeLeaving
	}
}

// AddNode adds the node at an address, set as the others are. It moves its share of
// the keys, and no other. Errors: api.Invalid when no cache answers there that can be
// used, api.Conflict when it is there already or the nodes are being changed,
// api.Unavailable.
func (c *Controller) AddNode(ctx context.Context, address string) (api.Cache, error) {
	address = strings.TrimSpace(address)
	if err := cachelink.CheckAddress(address); err != nil {
		return api.Cache{}, err
	}
	found, err := c.prepare(ctx, address)
	if err != nil {
		return api.Cache{}, err
	}
	at := time.Now()
	return c.change(ctx, func(now *pool.State) (*pool.State, error) {
		switch members := now.Members(); {
		case slices.Contains(members, address):
			return nil, api.Errorf(api.Conflict, "the cache node %q is there already: nothing was changed", address)
		case len(members) >= maxNodes:
			return nil, api.Errorf(api.Invalid, "there are %d cache nodes, which is the most: remove one before you add %q", maxNodes, address)
		default:
			c.follow(address, found, at)
			return now.Change(append(members, address)), nil
		}
	})
}

// RemoveNode removes the node with an address. Its share of the keys goes to the
// others. Errors: api.NotFound, api.Invalid when it is the last one, api.Conflict
// when the nodes are being changed, api.Unavailable.
func (c *Controller) RemoveNode(ctx context.Context, address string) (api.Cache, error) {
	return c.change(ctx, func(now *pool.State) (*pool.State, error) {
		members := now.Members()
		i := slices.Index(members, address)
		switch {
		case i < 0:
			return nil, api.Errorf(api.NotFound, "there is no cache node with the address %q: the nodes are %s", address, strings.Join(members, ", "))
		case len(members) == 1:
			return nil, api.Errorf(api.Invalid, "%q is the only cache node: add another one before you remove it", address)
		}
		return now.Change(slices.Delete(members, i, i+1)), nil
	})
}

// ResizePool makes the number of cache processes beside this server count. Nodes
// elsewhere stay. Errors: api.Invalid for a number that cannot be had, or where they
// are run by somebody else, api.Conflict when the nodes are being changed,
// api.Unavailable.
func (c *Controller) ResizePool(ctx context.Context, count int) (api.Cache, error) {
	local := c.cfg.Local
	if local == nil {
		return api.Cache{}, api.Errorf(api.Invalid, "the number of cache nodes cannot be set to %d here: start the server with ./start.sh without -cache, which can run 1 to %d of them, or start more cache processes and add each by its address, on the Cache page or with POST /api/v1/cache/nodes", count, MaxLocal)
	}
	if count < 1 || count > MaxLocal {
		return api.Cache{}, api.Errorf(api.Invalid, "%d cache nodes cannot be had: give a number from 1 to %d", count, MaxLocal)
	}
	c.resizing.Lock()
	defer c.resizing.Unlock()
	before := local.Count()
	if count > before {
		if err := c.grow(ctx, before, count); err != nil {
			return api.Cache{}, err
		}
	}
	_, err := c.change(ctx, func(now *pool.State) (*pool.State, error) {
		nodes := local.Addresses(count)
		for _, address := range now.Members() {
			if !slices.Contains(local.Addresses(MaxLocal), address) {
				nodes = append(nodes, address)
			}
		}
		next := now.Change(nodes)
		next.Configured = local.Addresses(count) // as at the next start
		return next, nil
	})
	if err == nil && count < before {
		err = local.set(count)
	}
	if err != nil {
		return api.Cache{}, err
	}
	return c.Cache(ctx)
}

// grow has more processes started, and waits until they answer.
func (c *Controller) grow(ctx context.Context, before, count int) error {
	if err := c.cfg.Local.set(count); err != nil {
		return err
	}
	for _, address := range c.cfg.Local.Addresses(count)[before:] {
		err := c.cfg.Local.await(ctx, func(ctx context.Context) error {
			found, err := c.prepare(ctx, address)
			if err == nil {
				c.follow(address, found, time.Now())
			}
			return err
		})
		if err != nil {
			_ = c.cfg.Local.set(before)
			return api.Errorf(api.Unavailable, "the cache process at %q was not started in time, so there are %d as before: see what start.sh says, and try again", address, before).Because(err)
		}
	}
	return nil
}

// prepare makes sure that a cache which can be used answers at an address, and sets
// it as the others are. It returns what the cache said of itself.
func (c *Controller) prepare(ctx context.Context, address string) (cachelink.NodeStats, error) {
	st, err := c.cfg.Nodes.Probe(ctx, address)
	if err != nil {
		return st, err
	}
	if st.Policy == "" && older(st.Version) {
		return st, api.Errorf(api.Invalid, "the memcached at %q has the version %s, which lacks what is needed: use 1.6 or newer", address, st.Version)
	}
	settings, err := c.cfg.Database.Settings(ctx)
	if err != nil {
		return st, unavailable("read the cache's settings", err)
	}
	return st, c.cfg.Nodes.Prepare(ctx, address, c.within(settings), settings.Policy)
}

// older tells whether a version of memcached is older than 1.6.
func older(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return true
	}
	major, errMajor := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	return errMajor != nil || errMinor != nil || major < 1 || major == 1 && minor < 6
}

func (c *Controller) change(ctx context.Context, how func(*pool.State) (*pool.State, error)) (api.Cache, error) {
	if _, err := c.cfg.Pool.ChangeNodes(ctx, how); err != nil {
		return api.Cache{}, err
	}
	cache, err := c.Cache(ctx)
	if err == nil {
		c.tell(cache)
	}
	return cache, err
}
