package pool

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// settled goes on with a change until it is done.
func settled(s *State) *State {
	for s.Step != Settled {
		s = s.Advance()
	}
	return s
}

// where is the node and the epoch of each key.
func where(s *State, keys []uint64) map[uint64]string {
	all := map[uint64]string{}
	for _, key := range keys {
		at, _ := s.Read(key)
		all[key] = fmt.Sprint(s.Nodes[at.Node].Address, " ", at.Epoch)
	}
	return all
}

// TestNoKeyComesBackToWhatItHad walks at random through changes: a key that stays
// where it is keeps its epoch, and one that moves has a node and an epoch that it
// never had, whatever came and went before. On the way, writers see to both.
func TestNoKeyComesBackToWhatItHad(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := someKeys(200)
	s := (&State{Generation: 5}).Change([]string{"0", "1"})
	had := map[uint64]map[string]bool{}
	for key, at := range where(s, keys) {
		had[key] = map[string]bool{at: true}
	}
	for range 300 {
		var nodes []string
		for i := range 6 {
			if random.IntN(2) == 0 {
				nodes = append(nodes, fmt.Sprint(i))
			}
		}
		if nodes == nil {
			continue
		}
		before := s
		if s = s.Change(nodes); s.Step == Settled {
			continue // the same nodes
		}
		for s.Step != Settled {
			for _, key := range keys {
				places := s.Written(key)
				read, _ := s.Read(key)
				if !slices.Contains(places, read) {
					t.Fatalf("at the step %d, %d is read at %v and written at %v", s.Step, key, read, places)
				}
			}
			again, err := Parse(s.Generation, s.Text())
			if err != nil || again.Text() != s.Text() || fmt.Sprint(where(again, keys)) != fmt.Sprint(where(s, keys)) {
				t.Fatalf("read again it is %+v, %v; want %+v", again, err, s)
			}
			s = s.Advance()
		}
		if !slices.Equal(slices.Sorted(slices.Values(s.Members())), nodes) {
			t.Fatalf("the nodes are %v, want %v", s.Members(), nodes)
		}
		was, is := where(before, keys), where(s, keys)
		for _, key := range keys {
			if before.nodeOf(key) == s.nodeOf(key) {
				if was[key] != is[key] {
					t.Fatalf("%d stays at %s, and its epoch changes to %s", key, was[key], is[key])
				}
				continue
			}
			if had[key][is[key]] {
				t.Fatalf("%d comes back to %s", key, is[key])
			}
			had[key][is[key]] = true
		}
	}
}

// TestDeparturesAreForgotten once every node has begun anew.
func TestDeparturesAreForgotten(t *testing.T) {
	s := (&State{}).Change([]string{"stays"})
	for i := range maxLeft + 1 {
		if s.Crowded() {
			t.Fatalf("crowded after %d", i)
		}
		s = settled(s.Change([]string{"stays", fmt.Sprint("guest-", i)}))
		s = settled(s.Change([]string{"stays"}))
	}
	if !s.Crowded() || len(s.Left) != maxLeft+1 {
		t.Fatalf("%d departures are remembered, crowded: %v", len(s.Left), s.Crowded())
	}
	every := func(Node) bool { return true }
	s = s.Shut(every).Open(every)
	if len(s.Left) != 0 || s.Crowded() || s.Nodes[0].Since != s.Generation {
		t.Errorf("after all began anew: %+v", s)
	}
	if s.Open(every) != nil || s.Shut(func(Node) bool { return false }) != nil || s.Advance() != nil {
		t.Error("what changes nothing makes a new state")
	}
}

func TestAStateWithoutNodesHasNoPlaces(t *testing.T) {
	s, err := Parse(7, "")
	if _, ok := s.Read(1); ok || err != nil || s.Written(1) != nil || s.Generation != 7 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Parse(1, "{"); err == nil {
		t.Error("text that is no JSON is a state")
	}
	s = s.Configure([]string{"a", "b"})
	if s.Step != Settled || !slices.Equal(s.Addresses(), []string{"a", "b"}) || !slices.Equal(s.Configured, s.Addresses()) {
		t.Errorf("the first nodes: %+v", s)
	}
	next := s.Change([]string{"a", "c"})
	for i, want := range []float64{0.5, 0.5, 0} { // a, b which leaves, c which joins
		if got := next.Share(i); got != want {
			t.Errorf("the share of %s is %v, want %v", next.Nodes[i].Address, got, want)
		}
	}
}
