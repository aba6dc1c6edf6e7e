package ui

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestNodesTellHowTheyShareTheLoad(t *testing.T) {
	three := func(rates ...float64) (all []api.Node) {
		for i, rate := range rates {
			all = append(all, api.Node{Name: string(rune('a' + i)), Up: true, Share: 1 / float64(len(rates)), Rate: rate, Items: 10})
		}
		return all
	}
	for name, c := range map[string]struct {
		nodes []api.Node
		want  string // in the sentence; "" for none
	}{
		"none":    {nil, ""},
		"one":     {three(1000), ""},
		"quiet":   {three(1, 2, 1), ""},
		"even":    {three(30, 35, 28), "spread over the nodes as the keys are"},
		"uneven":  {three(10, 80, 10), "b gets 2.4 times its share"},
		"joining": {append(three(30, 30), api.Node{Name: "c", Up: true, State: api.NodeJoining}), "spread"},
	} {
		if got := balanceText(c.nodes); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	s := newSession()
	s.conn.Online = true
	s.cache = &api.Cache{Nodes: three(10, 80, 10), MaxPool: 8, Pool: 3}
	s.cache.Nodes[2].State, s.cache.Nodes[1].Up, s.cache.Nodes[1].Error = api.NodeShut, false, "refused"
	markup := draw(t, &nodesPanel{s: s})
	for _, want := range []string{"33.3 % of the keys", "80.0 % of the requests (80/s)", "33.3 % of what is cached (10 items)", "not answering: refused", "Nothing is read from it", `id="balance"`, "Beside this server"} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
	s.cache.Nodes = s.cache.Nodes[:1]
	if markup := draw(t, &nodesPanel{s: s}); strings.Contains(markup, "of the keys") || strings.Contains(markup, "remove-node") {
		t.Errorf("a single node shares nothing, and cannot be removed: %s", markup)
	}
	if markup := draw(t, &nodesPanel{s: newSession()}); !strings.Contains(markup, "bone") {
		t.Errorf("while the nodes are not known: %s", markup)
	}
}
