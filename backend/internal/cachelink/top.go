package cachelink

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Known is an item that a node tells of.
type Known struct {
	Key   string    // of the cache
	Head  []byte    // the beginning of its value
	Bytes int64     // that it takes
	Since time.Time // when it was filled
	Idle  int64     // seconds since it was last read, or filled
	Read  bool      // it was read since it was filled

	Hits int64     // of those with the most
	At   time.Time // of evictions
	Why  string    // of evictions: one of api.Why…
}

// NodeTop is what a node tells of single items.
type NodeTop struct {
	Name      string
	OK        bool      // false when it cannot tell, or does not answer
	Since     time.Time // since when hits are counted; zero when there was none
	Largest   []Known   // the largest first
	Hottest   []Known   // those with the most hits first
	Evictions []Known   // the newest first
}

// Top asks every node for its largest items and those with the most hits.
func (c *Client) Top(ctx context.Context) []NodeTop {
	return c.eachTop(ctx, "stats top\r\n", func(t *NodeTop, st map[string]string) {
		if since := number(st["since"]); since > 0 {
			t.Since = time.Unix(since, 0).UTC()
		}
		for i := range len(st) {
			if text, ok := st[fmt.Sprintf("largest:%d", i)]; ok {
				t.Largest = appendKnown(t.Largest, text, func(*Known) {})
			}
		}
		t.Hottest = numbered(st, "hit:", func(k *Known, rest []string) { k.Hits = number(rest[0]) }, 1)
	})
}

// Evictions asks every node what it has evicted last.
func (c *Client) Evictions(ctx context.Context) []NodeTop {
	return c.eachTop(ctx, "stats evictions\r\n", func(t *NodeTop, st map[string]string) {
		t.Evictions = numbered(st, "", func(k *Known, rest []string) { k.At, k.Why = time.UnixMilli(number(rest[0])).UTC(), rest[1] }, 2)
	})
}

func (c *Client) eachTop(ctx context.Context, command string, parse func(*NodeTop, map[string]string)) []NodeTop {
	nodes := c.all()
	all := make([]NodeTop, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			all[i].Name = n.name
			if st, err := n.askStats(ctx, command); err == nil {
				all[i].OK = true
				parse(&all[i], st)
			}
		})
	}
	wg.Wait()
	return all
}

// numbered returns the items of the names that begin with prefix, a number that
// orders them and parts more parts, which set takes.
func numbered(st map[string]string, prefix string, set func(*Known, []string), parts int) (all []Known) {
	names := map[int]string{}
	for name := range st {
		rest, ok := strings.CutPrefix(name, prefix)
		if i, err := strconv.Atoi(strings.Split(rest, ":")[0]); ok && err == nil && strings.Count(rest, ":") == parts {
			names[i] = name
		}
	}
	for i := range len(names) {
		if name, ok := names[i]; ok {
			all = appendKnown(all, st[name], func(k *Known) { set(k, strings.Split(strings.TrimPrefix(name, prefix), ":")[1:]) })
		}
	}
	return all
}

// appendKnown reads "key size bytes flags idle fetched head".
func appendKnown(all []Known, text string, set func(*Known)) []Known {
	words := strings.Fields(text)
	if len(words) != 7 {
		return all
	}
	key, err := url.PathUnescape(words[0])
	if err != nil {
		return all
	}
	head, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(words[6], "-"))
	if err != nil {
		return all
	}
	k := Known{Key: key, Head: head, Bytes: number(words[2]), Idle: number(words[4]), Read: words[5] == "yes"}
	if filled := number(words[3]); filled > 0 {
		k.Since = time.Unix(filled, 0).UTC()
	}
	set(&k)
	return append(all, k)
}
