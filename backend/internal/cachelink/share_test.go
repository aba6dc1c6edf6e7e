package cachelink

import (
	"fmt"
	"testing"
	"time"

	"memcache/backend/internal/storage/storagetest"
)

// TestFault69_OneOfSeveralNodesKilled: a pool of ours and memcached loses the share
// of the one that ends, and nothing of the others'.
func TestFault69_OneOfSeveralNodesKilled(t *testing.T) {
	cfg, all := Config{Backoff: time.Hour}, map[string]*storagetest.Process{}
	for _, program := range programs(t) {
		for range 2 {
			p := storagetest.StartCache(t, program)
			cfg.Nodes, all[p.Address] = append(cfg.Nodes, p.Address), p
		}
	}
	c, keys := dial(t, cfg), []string{}
	for i := range 200 {
		keys = append(keys, fmt.Sprint("key-", i))
	}
	at := func(i int) string { return cfg.Nodes[i%len(cfg.Nodes)] }
	for i, key := range keys {
		n := c.Node(at(i))
		l, err := n.Get(t.Context(), key)
		if err == nil {
			err = n.Fill(t.Context(), key, l.Lease, []byte("h"), []byte(key))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, address := range cfg.Nodes[:len(cfg.Nodes)-1] {
		all[address].Kill(t)
		down := map[string]bool{}
		for _, gone := range cfg.Nodes[:i+1] {
			down[gone] = true
		}
		checkShares(t, c, keys, at, down)
	}
}

// checkShares checks that the keys of the nodes that are down cannot be asked for,
// and that all others are cached.
func checkShares(t *testing.T, c client, keys []string, at func(int) string, down map[string]bool) {
	t.Helper()
	for i, key := range keys {
		name := at(i)
		found, err := c.Node(name).Get(t.Context(), key)
		switch {
		case down[name] && err == nil:
			t.Fatalf("%s, which is down, answered for %s", name, key)
		case !down[name] && (err != nil || string(found.Value) != "h"+key):
			t.Fatalf("%s has %q for %s: %v", name, found.Value, key, err)
		}
		if found.Release != nil {
			found.Release()
		}
	}
}
