package cachelink

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"testing"
	"time"

	"memcache/backend/internal/storage/storagetest"
)

// pools are addresses as people name nodes: alike but for a digit, or not at all.
var pools = map[string]func(i int) string{
	"sockets": func(i int) string { return fmt.Sprintf("unix:/data/cache-%d.sock", i) },
	"ports":   func(i int) string { return fmt.Sprintf("127.0.0.1:%d", 11211+i) },
	"hosts":   func(i int) string { return fmt.Sprintf("10.0.%d.7:11211", i) },
}

func pool(t *testing.T, name func(i int) string, members ...int) *Client {
	t.Helper()
	cfg := Config{}
	for _, i := range members {
		cfg.Nodes = append(cfg.Nodes, name(i))
	}
	return dial(t, cfg)
}

// sharedKeys are keys as storage makes them.
func sharedKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		keys[i] = "g2:" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return keys
}

// within says whether a count is the share of all, give or take a tenth of it.
func within(count, all int, share float64) bool {
	want := float64(all) * share
	return math.Abs(float64(count)-want) <= want/10
}

// TestANodeMoreMovesItsShare: from n nodes to n+1, one of n+1 keys moves, and each
// to the new node. Read the other way it is the loss of a node, which moves only
// the keys that it had.
func TestANodeMoreMovesItsShare(t *testing.T) {
	keys := sharedKeys(40_000)
	for kind, name := range pools {
		for n := 1; n < 8; n++ {
			t.Run(fmt.Sprintf("%s %d", kind, n), func(t *testing.T) {
				members := []int{}
				for i := range n {
					members = append(members, i)
				}
				fewer, more := pool(t, name, members...), pool(t, name, append(members, n)...)
				moved, elsewhere := 0, 0
				for _, key := range keys {
					from, to := fewer.node(key).name, more.node(key).name
					if from == to {
						continue
					}
					if moved++; to != name(n) {
						elsewhere++
					}
				}
				if elsewhere > 0 {
					t.Errorf("%d keys moved between nodes that stayed", elsewhere)
				}
				if !within(moved, len(keys), 1/float64(n+1)) {
					t.Errorf("%d of %d keys moved to the node number %d", moved, len(keys), n+1)
				}
			})
		}
	}
}

// TestTheOrderOfNodesDoesNotMatter: two backends may name the same nodes in another
// order each.
func TestTheOrderOfNodesDoesNotMatter(t *testing.T) {
	one, other := pool(t, pools["ports"], 0, 1, 2), pool(t, pools["ports"], 2, 0, 1)
	for _, key := range sharedKeys(1000) {
		if one.node(key).name != other.node(key).name {
			t.Fatalf("%s is at %s or at %s", key, one.node(key).name, other.node(key).name)
		}
	}
}

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
	c, keys := dial(t, cfg), sharedKeys(200)
	for _, key := range keys {
		l, err := c.Get(t.Context(), key)
		if err == nil {
			err = c.Fill(t.Context(), key, l.Lease, []byte("h"), []byte(key))
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
		checkShares(t, c, keys, down)
	}
}

// checkShares checks that the keys of the nodes that are down cannot be asked for,
// and that all others are cached.
func checkShares(t *testing.T, c *Client, keys []string, down map[string]bool) {
	t.Helper()
	for _, key := range keys {
		name := c.node(key).name
		found, err := c.Get(t.Context(), key)
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
