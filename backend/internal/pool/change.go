package pool

import "slices"

// next returns a copy of s as the next generation, to be changed and built.
func (s *State) next() *State {
	return &State{
		Generation: s.Generation + 1, Nodes: slices.Clone(s.Nodes), Left: slices.Clone(s.Left),
		Step: s.Step, Changed: s.Changed, Configured: slices.Clone(s.Configured),
	}
}

// Shut returns s with these nodes shut: nobody reads them; nil when all of them
// are shut, or no nodes at all.
func (s *State) Shut(which func(Node) bool) *State {
	return s.each(func(n Node) bool { return !n.Shut && which(n) }, true)
}

// Open returns s with these nodes open again, which forgets what they hold; nil
// when none of them is shut.
func (s *State) Open(which func(Node) bool) *State {
	return s.each(func(n Node) bool { return n.Shut && which(n) }, false)
}

func (s *State) each(which func(Node) bool, shut bool) *State {
	n, changed := s.next(), false
	for i, node := range s.Nodes {
		if which(node) {
			n.Nodes[i].Shut, n.Nodes[i].Since = shut, n.Generation
			changed = true
		}
	}
	if !changed {
		return nil
	}
	n.tidy()
	return n
}

// Change returns s with the change to the nodes with these addresses announced.
// Where there are no nodes yet, they are there at once. It must not be called while
// a change is under way.
func (s *State) Change(addresses []string) *State {
	n := s.next()
	role := Role("")
	if len(s.Nodes) > 0 {
		role = Joining
	}
	for i, node := range n.Nodes {
		if !slices.Contains(addresses, node.Address) {
			n.Nodes[i].Role = Leaving
		}
	}
	for _, address := range addresses {
		if s.Find(address) < 0 {
			n.Nodes = append(n.Nodes, Node{Address: address, Since: n.Generation, Role: role})
		}
	}
	if slices.ContainsFunc(n.Nodes, func(node Node) bool { return node.Role != "" }) {
		n.Step, n.Changed = Announced, n.Generation
	}
	n.build()
	return n
}

// Configure is Change to the nodes that a server was started with.
func (s *State) Configure(addresses []string) *State {
	n := s.Change(addresses)
	n.Configured = slices.Clone(addresses)
	return n
}

// Advance returns the next step of the change under way; nil when there is none.
func (s *State) Advance() *State {
	n := s.next()
	switch s.Step {
	case Announced:
		n.Step = Switched
		n.build()
	case Switched:
		n.settle()
	default:
		return nil
	}
	return n
}

// settle ends a change.
func (s *State) settle() {
	var stay []Node
	for _, node := range s.Nodes {
		if node.Role == Leaving {
			s.Left = append(s.Left, Departure{node.Address, s.Changed})
			continue
		}
		s.Left = slices.DeleteFunc(s.Left, func(d Departure) bool { return d.Address == node.Address })
		node.Role = ""
		stay = append(stay, node)
	}
	s.Nodes, s.Step, s.Changed = stay, Settled, 0
	s.tidy()
}

// Crowded tells whether so many nodes left that it is better to shut and open all
// that are here once, after which those that left are forgotten.
func (s *State) Crowded() bool { return s.Step == Settled && len(s.Left) > maxLeft }

// tidy forgets departures since which every node has begun anew, and builds.
func (s *State) tidy() {
	oldest := s.Generation
	for _, n := range s.Nodes {
		oldest = min(oldest, n.Since)
	}
	if s.Step == Settled {
		s.Left = slices.DeleteFunc(s.Left, func(d Departure) bool { return d.At <= oldest })
	}
	s.build()
}
