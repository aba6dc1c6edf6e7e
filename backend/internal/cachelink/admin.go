package cachelink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"memcache/shared/api"
)

// NodeStats is one cache node at this moment. The counters are those of the
// node, since its start or its last "stats reset".
type NodeStats struct {
	Name     string // its address
	Up       bool
	Err      error // why it is not up
	Version  string
	Features []string // of api.Feature…
	Capacity int64    // bytes
	Policy   string   // "" for a node without FeaturePolicy
	Items    int64
	Bytes    int64 // what the items occupy

	Gets      int64
	Hits      int64
	Misses    int64
	Evictions int64

	Uptime   time.Duration
	Instance string // another one when the process is: its counters began anew
}

// Stats asks every node, all at once; one that does not answer has Up false.
func (c *Client) Stats(ctx context.Context) []NodeStats {
	nodes := c.all()
	all := make([]NodeStats, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { all[i] = n.readStats(ctx) })
	}
	wg.Wait()
	return all
}

// Probe asks the node at an address, which need not be one of those of Use.
func (c *Client) Probe(ctx context.Context, address string) (NodeStats, error) {
	n, done, err := c.guest(address)
	if err != nil {
		return NodeStats{}, err
	}
	defer done()
	st := n.readStats(ctx)
	if st.Err != nil {
		return NodeStats{}, api.Errorf(api.Invalid, "no cache answers at %q: start one there, or check the address", address).Because(st.Err)
	}
	return st, nil
}

// Prepare sets the capacity, and the policy where it has one, of the node at an
// address, which need not be one of those of Use. Errors: as of SetCapacity.
func (c *Client) Prepare(ctx context.Context, address string, capacity int64, policy string) error {
	n, done, err := c.guest(address)
	if err != nil {
		return err
	}
	defer done()
	if err := n.setCapacity(ctx, capacity); err != nil {
		return err
	}
	if n.readStats(ctx).Policy == "" {
		return nil
	}
	return n.setPolicy(ctx, policy)
}

// guest returns the node at an address, for as long as done is not called.
func (c *Client) guest(address string) (n *node, done func(), err error) {
	if err := CheckAddress(address); err != nil {
		return nil, nil, err
	}
	if n, ok := c.find(address); ok {
		return n, func() {}, nil
	}
	cfg := c.cfg
	cfg.Conns = 1
	n = newNode(address, cfg)
	n.restarted = func() {}
	return n, n.close, nil
}

func (n *node) readStats(ctx context.Context) NodeStats {
	st, err := n.askStats(ctx, "stats\r\n")
	if err != nil {
		return NodeStats{Name: n.name, Err: err}
	}
	out := NodeStats{
		Name: n.name, Up: true, Version: st["version"],
		Capacity: number(st["limit_maxbytes"]), Policy: st["policy"],
		Items: number(st["curr_items"]), Bytes: number(st["bytes"]),
		Gets: number(st["cmd_get"]), Hits: number(st["get_hits"]), Misses: number(st["get_misses"]),
		Evictions: number(st["evictions"]),
		Uptime:    time.Duration(number(st["uptime"])) * time.Second, Instance: n.runOf(st).String(),
	}
	if out.Policy != "" {
		out.Features = []string{api.FeaturePolicy}
		return out
	}
	// A plain memcached counts a lease as a hit, though there is nothing yet.
	empty := min(n.empty.Load(), out.Hits)
	out.Hits -= empty
	out.Misses += empty
	return out
}

// askStats returns the statistics that command asks for.
func (n *node) askStats(ctx context.Context, command string) (map[string]string, error) {
	q := newCall(replyStats)
	q.line = append(q.line, command...)
	if _, err := n.do(ctx, q); err != nil {
		return nil, err
	}
	defer q.recycle()
	return q.stats, expect(n, q, "END")
}

// SetCapacity sets the capacity of every node to bytes, which must be whole MB.
// Errors: api.Invalid for a size that a node does not take, api.Unavailable
// when one does not answer.
func (c *Client) SetCapacity(ctx context.Context, bytes int64) error {
	if bytes <= 0 || bytes%api.MB != 0 {
		return api.Errorf(api.Invalid, "the capacity %d is not a positive whole number of MB (%d bytes)", bytes, api.MB)
	}
	return c.configure(func(n *node) error { return n.setCapacity(ctx, bytes) })
}

func (n *node) setCapacity(ctx context.Context, bytes int64) error {
	err := n.command(ctx, fmt.Sprintf("cache_memlimit %d\r\n", bytes/api.MB), "OK")
	if err != nil {
		return n.explain(err, fmt.Sprintf("the capacity %s", api.FormatBytes(bytes)))
	}
	return n.relearn(ctx)
}

// relearn reads the size of the largest item anew.
func (n *node) relearn(ctx context.Context) error {
	stats, err := n.askStats(ctx, "stats settings\r\n")
	if err != nil {
		return n.explain(err, "its settings")
	}
	stats["limit_maxbytes"] = stats["maxbytes"]
	n.learn(stats)
	return nil
}

// SetPolicy switches the replacement policy of every node. Errors: api.Invalid
// when a node does not know it or, being a plain memcached, cannot switch;
// api.Unavailable when one does not answer.
func (c *Client) SetPolicy(ctx context.Context, name string) error {
	if err := checkKey(name); err != nil {
		return api.Errorf(api.Invalid, "the policy %q is unknown: choose one of those listed", name).Because(err)
	}
	return c.configure(func(n *node) error { return n.setPolicy(ctx, name) })
}

func (n *node) setPolicy(ctx context.Context, name string) error {
	err := n.command(ctx, "cache_policy "+name+"\r\n", "OK")
	return n.explain(err, fmt.Sprintf("the policy %q", name))
}

// configure does the same on every node; one that fails does not stop the others.
func (c *Client) configure(do func(*node) error) error {
	var errs []error
	for _, n := range c.all() {
		errs = append(errs, do(n))
	}
	return errors.Join(errs...)
}

// explain makes the error of a setting one for people.
func (n *node) explain(err error, what string) error {
	if err == nil {
		return nil
	}
	r, ok := errors.AsType[*RefusedError](err)
	switch {
	case !ok:
		return api.Errorf(api.Unavailable, "the cache node %s does not answer, so %s was not set: try again when it is up", n.name, what).Because(err)
	case r.Reply == "ERROR":
		return api.Errorf(api.Invalid, "the cache node %s cannot set %s: it is a plain memcached, which has no such command", n.name, what).Because(err)
	}
	return api.Errorf(api.Invalid, "the cache node %s did not take %s: it said %q", n.name, what, r.Reply).Because(err)
}
