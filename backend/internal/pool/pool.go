// Package pool says which cache node has a key, and from when on what the node has
// of it may be believed. It is pure: the database keeps a [State], package storage
// gives it its meaning.
//
// Keys are shared out by rendezvous hashing: a key belongs to the node with the
// highest hash of both, so that a node more or less moves its own share of keys and
// no other.
//
// What is cached of a key is called by an epoch, a number of which the next one
// forgets all before. A node that is opened anew begins one. A key that comes to
// another node begins one, too, or it would find there what was cached when it was
// there the last time: so the nodes that left are remembered, and a key that would
// be theirs has the epoch of their leaving.
//
// Nodes are changed in two steps, between which every backend gets the time to learn
// of the first: see [Step].
package pool

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
)

// State is the cache nodes as they are at one generation. It is not changed once
// it is in use: what changes it returns another one, of the next generation.
type State struct {
	Generation int64       `json:"-"` // counts the states
	Nodes      []Node      `json:"nodes"`
	Left       []Departure `json:"left,omitempty"`
	Step       Step        `json:"step,omitempty"`
	Changed    int64       `json:"changed,omitempty"` // at which generation the change under way began
	// Configured are the addresses that were set at a start: who starts with others
	// wants those, who starts with the same wants what became of them.
	Configured []string `json:"configured,omitempty"`

	before, after ring // the change under way; the same when there is none
}

// Node is a cache node.
type Node struct {
	Address string `json:"address"`
	Since   int64  `json:"since"` // the generation since which it is as it is
	Shut    bool   `json:"shut,omitempty"`
	Role    Role   `json:"role,omitempty"`
}

// Role is what becomes of a node by the change under way.
type Role string

// The roles. A node that stays has none.
const (
	Joining Role = "joining"
	Leaving Role = "leaving"
)

// Departure is that a node left.
type Departure struct {
	Address string `json:"address"`
	At      int64  `json:"at"` // the generation
}

// Step is how far a change of nodes has come. Whoever reads may rely for a moment on
// the state before: so writers see to both nodes of a key that moves, from before
// the first read at the new one until after the last read at the old one.
type Step int

// The steps.
const (
	Settled   Step = iota // there is no change under way
	Announced             // keys are read where they were; writers see to both
	Switched              // keys are read where they will be; writers see to both
)

// maxLeft is how many departures are worth remembering, see [State.Crowded].
const maxLeft = 32

// Place is where a key is cached.
type Place struct {
	Node  int   // of State.Nodes
	Epoch int64 // from when on what is cached there is believed
}

// Parse reads a state from its text; the empty text is a state without nodes.
func Parse(generation int64, text string) (*State, error) {
	s := &State{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), s); err != nil {
			return nil, fmt.Errorf("the cache nodes that the database has are no JSON: %w", err)
		}
	}
	s.Generation = generation
	s.build()
	return s, nil
}

// Text is what Parse reads.
func (s *State) Text() string {
	text, err := json.Marshal(s)
	if err != nil { // of strings and numbers
		panic(err)
	}
	return string(text)
}

// Read returns where the key with this hash is read; false without nodes.
func (s *State) Read(key uint64) (Place, bool) {
	if s.Step == Announced {
		return s.before.place(s, key)
	}
	return s.after.place(s, key)
}

// Written returns the places where a writer has to see to the key with this hash:
// two while it moves.
func (s *State) Written(key uint64) []Place {
	at, ok := s.after.place(s, key)
	if !ok {
		return nil
	}
	if was, ok := s.before.place(s, key); ok && was != at {
		return []Place{was, at}
	}
	return []Place{at}
}

// Members returns the addresses of the nodes that are, or will be.
func (s *State) Members() []string {
	var list []string
	for _, n := range s.Nodes {
		if n.Role != Leaving {
			list = append(list, n.Address)
		}
	}
	return list
}

// Share is the part of the keys that the node with this number has, 0 to 1.
func (s *State) Share(node int) float64 {
	readers := s.after.members
	if s.Step == Announced {
		readers = s.before.members
	}
	if !slices.ContainsFunc(readers, func(m member) bool { return m.node == node }) {
		return 0
	}
	return 1 / float64(len(readers))
}

// Addresses returns the addresses of all nodes, those that leave as well.
func (s *State) Addresses() []string {
	list := make([]string, len(s.Nodes))
	for i, n := range s.Nodes {
		list[i] = n.Address
	}
	return list
}

// Find returns the number of the node with an address; -1 when there is none.
func (s *State) Find(address string) int {
	return slices.IndexFunc(s.Nodes, func(n Node) bool { return n.Address == address })
}

// ring is the nodes among which keys are shared out.
type ring struct {
	members []member
	left    []departure
}

type member struct {
	seed uint64
	node int // of State.Nodes
}

type departure struct {
	seed uint64
	at   int64
}

// build makes the rings.
func (s *State) build() {
	s.before, s.after = ring{}, ring{}
	for i, n := range s.Nodes {
		m := member{seedOf(n.Address), i}
		if n.Role != Joining {
			s.before.members = append(s.before.members, m)
		}
		if n.Role != Leaving {
			s.after.members = append(s.after.members, m)
		} else {
			s.after.left = append(s.after.left, departure{m.seed, s.Changed})
		}
	}
	for _, gone := range s.Left {
		d := departure{seedOf(gone.Address), gone.At}
		s.before.left = append(s.before.left, d)
		if s.Find(gone.Address) < 0 { // or it joins again
			s.after.left = append(s.after.left, d)
		}
	}
}

func (r *ring) place(s *State, key uint64) (Place, bool) {
	if len(r.members) == 0 {
		return Place{}, false
	}
	best, highest := r.members[0].node, uint64(0)
	if len(r.members) > 1 || len(r.left) > 0 {
		for _, m := range r.members {
			if score := mix(m.seed ^ key); score >= highest {
				best, highest = m.node, score
			}
		}
	}
	epoch := s.Nodes[best].Since
	for _, gone := range r.left {
		if gone.at > epoch && mix(gone.seed^key) > highest {
			epoch = gone.at
		}
	}
	return Place{best, epoch}, true
}

func seedOf(address string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(address))
	return mix(h.Sum64())
}

// mix spreads a number over all its bits.
func mix(h uint64) uint64 {
	h ^= h >> 31
	h *= 0x9e3779b97f4a7c15
	h ^= h >> 29
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}
