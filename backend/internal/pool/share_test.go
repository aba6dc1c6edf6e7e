package pool

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"testing"
)

// pools are addresses as people name nodes: alike but for a digit, or not at all.
var pools = map[string]func(i int) string{
	"sockets": func(i int) string { return fmt.Sprintf("unix:/data/cache-%d.sock", i) },
	"ports":   func(i int) string { return fmt.Sprintf("127.0.0.1:%d", 11211+i) },
	"hosts":   func(i int) string { return fmt.Sprintf("10.0.%d.7:11211", i) },
}

func among(name func(i int) string, members ...int) *State {
	addresses := []string{}
	for _, i := range members {
		addresses = append(addresses, name(i))
	}
	return (&State{Generation: 1}).Change(addresses)
}

// someKeys are hashes of keys as storage makes them.
func someKeys(n int) []uint64 {
	keys := make([]uint64, n)
	for i := range keys {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		keys[i] = binary.LittleEndian.Uint64(sum[:])
	}
	return keys
}

func (s *State) nodeOf(key uint64) string {
	at, _ := s.Read(key)
	return s.Nodes[at.Node].Address
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
	keys := someKeys(40_000)
	for kind, name := range pools {
		for n := 1; n < 8; n++ {
			t.Run(fmt.Sprintf("%s %d", kind, n), func(t *testing.T) {
				members := []int{}
				for i := range n {
					members = append(members, i)
				}
				fewer, more := among(name, members...), among(name, append(members, n)...)
				moved, elsewhere := 0, 0
				for _, key := range keys {
					from, to := fewer.nodeOf(key), more.nodeOf(key)
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
	one, other := among(pools["ports"], 0, 1, 2), among(pools["ports"], 2, 0, 1)
	for _, key := range someKeys(1000) {
		if one.nodeOf(key) != other.nodeOf(key) {
			t.Fatalf("%d is at %s or at %s", key, one.nodeOf(key), other.nodeOf(key))
		}
	}
}
