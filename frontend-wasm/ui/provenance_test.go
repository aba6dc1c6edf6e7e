package ui

import (
	"strings"
	"testing"
)

func TestProvenanceOfAKeptCopy(t *testing.T) {
	p := parseProvenance("MemCache; hit", "total;dur=1")
	p.Kept = 1_700_000_000_000
	if got := p.headline() + ": " + p.why(); !strings.Contains(got, "this browser") || strings.Contains(got, "A hit") {
		t.Errorf("a kept copy came %q", got)
	}
}

func TestProvenance(t *testing.T) {
	for _, c := range []struct {
		name, status, timing string
		headline, why        string
		steps                int
	}{
		{"hit", `MemCache; hit`, `cache;dur=0.700, total;dur=0.812`, "from memory in 0.81 ms", "A hit", 2},
		{"collapsed hit", `MemCache; hit; collapsed`, `total;dur=5`, "from memory in 5.0 ms", "A collapsed hit", 1},
		{"miss", `MemCache; fwd=uri-miss; stored`, `cache;dur=0.2, database;dur=0.4, blob;dur=2.1, total;dur=3.14`, "from disk in 3.1 ms", "it was not in memory. A copy is in memory now.", 4},
		{"past the cache", `MemCache; fwd=bypass; detail="too large; really, \"too\" large"`, `total;dur=1500`, "from disk in 1.5 s", `Read past the cache (too large; really, "too" large).`, 1},
		{"nearest cache last", `Edge; fwd=miss, MemCache; hit`, ``, "from memory in 20 ms", "A hit", 0},
		{"no total", `MemCache; hit`, `cache;dur=1, net;desc="the network";dur=2`, "from memory in 3.0 ms", "A hit", 2},
		{"silent", ``, ``, "source not known in 20 ms", "did not say", 0},
		{"nonsense", `;;;"`, `;dur=x, a;dur=-1, ,`, "source not known in 20 ms", "did not say", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parseProvenance(c.status, c.timing)
			p.Trip = 20
			if got := p.headline(); got != c.headline {
				t.Errorf("it came %q, want %q", got, c.headline)
			}
			if got := p.why(); !strings.Contains(got, c.why) {
				t.Errorf("the reason is %q, want %q", got, c.why)
			}
			source := map[string]string{"hit": "hit", "collapsed hit": "collapsed", "past the cache": "bypass", "nearest cache last": "hit", "no total": "hit"}[c.name]
			if source == "" {
				source = "miss"
			}
			if got := p.source(); got != source {
				t.Errorf("the source is %q, want %q", got, source)
			}
			if len(p.Steps) != c.steps {
				t.Errorf("the steps are %v, want %d", p.Steps, c.steps)
			}
		})
	}
}
