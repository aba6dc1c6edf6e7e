package cachectl

import (
	"cmp"
	"context"
	"slices"
	"time"

	"memcache/backend/internal/cachelink"
	"memcache/shared/api"
)

// The nodes know their items by hashed keys. Which object one is of is in the
// beginning of its value, so that nothing has to be looked up.

// Keys returns what [Controller.Top] and [Controller.Evictions] do.
func (c *Controller) Keys(ctx context.Context) api.CacheKeys {
	return api.CacheKeys{Top: c.Top(ctx), Evictions: c.Evictions(ctx)}
}

// Top returns the objects that take the most memory, and those with the most hits.
func (c *Controller) Top(ctx context.Context) api.TopKeys {
	top := api.TopKeys{Without: []string{}}
	for _, n := range c.cfg.Nodes.Top(ctx) {
		if !n.OK {
			top.Without = append(top.Without, n.Name)
			continue
		}
		if !n.Since.IsZero() && (top.Since == 0 || n.Since.UnixMilli() < top.Since) {
			top.Since = n.Since.UnixMilli()
		}
		top.Largest = append(top.Largest, c.topKeys(n.Largest)...)
		top.Hottest = append(top.Hottest, c.topKeys(n.Hottest)...)
	}
	top.Largest = first(top.Largest, api.MaxTopKeys, func(a, b api.TopKey) int { return cmp.Compare(b.Bytes, a.Bytes) })
	top.Hottest = first(top.Hottest, api.MaxTopKeys, func(a, b api.TopKey) int { return cmp.Compare(b.Hits, a.Hits) })
	return top
}

func (c *Controller) topKeys(known []cachelink.Known) (keys []api.TopKey) {
	for _, k := range known {
		if o, ok := c.cfg.Recognize(k.Key, k.Head); ok {
			keys = append(keys, api.TopKey{Key: o.Key, Size: o.Size, Bytes: k.Bytes, Hits: k.Hits, Since: millis(k.Since), Idle: k.Idle})
		}
	}
	return keys
}

// Evictions returns the objects that were evicted last.
func (c *Controller) Evictions(ctx context.Context) api.Evictions {
	all := api.Evictions{Without: []string{}}
	for _, n := range c.cfg.Nodes.Evictions(ctx) {
		if !n.OK {
			all.Without = append(all.Without, n.Name)
		}
		for _, k := range n.Evictions {
			if o, ok := c.cfg.Recognize(k.Key, k.Head); ok {
				all.Evictions = append(all.Evictions, api.Eviction{
					Time: k.At.UnixMilli(), Key: o.Key, Size: o.Size, Age: age(k), Idle: k.Idle, Read: k.Read, Why: k.Why,
				})
			}
		}
	}
	all.Evictions = first(all.Evictions, api.MaxEvictions, func(a, b api.Eviction) int { return cmp.Compare(b.Time, a.Time) })
	return all
}

// age is how long an evicted item was in the cache, in seconds.
func age(k cachelink.Known) int64 {
	if k.Since.IsZero() {
		return k.Idle
	}
	return max(k.Idle, int64(k.At.Sub(k.Since).Seconds()))
}

// first returns the first n in an order, and never nil.
func first[T any](all []T, n int, order func(a, b T) int) []T {
	slices.SortStableFunc(all, order)
	return append([]T{}, all[:min(n, len(all))]...)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
