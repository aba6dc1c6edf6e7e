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
	all := make([]NodeStats, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() { all[i] = n.readStats(ctx) })
	}
	wg.Wait()
	return all
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
	return c.configure(func(n *node) error {
		err := n.command(ctx, fmt.Sprintf("cache_memlimit %d\r\n", bytes/api.MB), "OK")
		if err != nil {
			return n.explain(err, fmt.Sprintf("the capacity %s", api.FormatBytes(bytes)))
		}
		return n.relearn(ctx)
	})
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
	return c.configure(func(n *node) error {
		err := n.command(ctx, "cache_policy "+name+"\r\n", "OK")
		return n.explain(err, fmt.Sprintf("the policy %q", name))
	})
}

// configure does the same on every node; one that fails does not stop the others.
func (c *Client) configure(do func(*node) error) error {
	var errs []error
	for _, n := range c.nodes {
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
