package sim_test

import (
	_ "embed"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"

	"memcache/cache/policy"
	"memcache/cache/sim"
)

var update = flag.Bool("update", false, "write testdata/golden.txt anew")

//go:embed testdata/golden.txt
var golden string

// What each policy makes of each kind of requests, up to the order of its
// evictions, is the same natively and under WebAssembly, and in every version:
// a change that is wanted is written down with -update.
func TestGolden(t *testing.T) {
	var got strings.Builder
	for _, g := range []struct {
		name     string
		capacity int64
		requests iter.Seq2[uint64, int64]
	}{
		{"zipf", 100 * 4096, sim.Sized(sim.Zipf(1, 20_000, 2_000), sim.Page)},
		{"shifting", 100 * 4096, sim.Sized(sim.Shifting(1, 20_000, 1_000, 20), sim.Page)},
		{"loop", 100 * 4096, sim.Sized(sim.Loop(5_000, 120), sim.Page)},
		{"scans", 200 * 4096, sim.Sized(sim.Scans(sim.Zipf(1, 10_000, 500), 1_000, 400), sim.Page)},
		{"photographs", 64 << 20, sim.Sized(sim.Zipf(1, 20_000, 2_000), sim.Photograph)},
	} {
		for _, info := range policy.Infos() {
			p, err := policy.New(info.Name, 42)
			if err != nil {
				t.Fatal(err)
			}
			o := &order{Policy: p}
			r := sim.Replay(o, g.capacity, g.requests)
			fmt.Fprintf(&got, "%s %s: %d of %d hits, %d of %d bytes, %d evictions in order %016x\n",
				g.name, info.Name, r.Hits, r.Requests, r.HitBytes, r.Bytes, r.Evictions, o.sum)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/golden.txt", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(golden, "\n")
	for i, line := range strings.Split(got.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("line %d of testdata/golden.txt should be\n%s", i+1, line)
		}
	}
}

// order sums up the order in which a policy evicts.
type order struct {
	policy.Policy
	sum uint64
}

func (o *order) Evict() (uint32, bool) {
	slot, ok := o.Policy.Evict()
	o.sum = (o.sum ^ uint64(slot)) * 0x100000001b3 // as FNV does
	return slot, ok
}

func (o *order) Admit(object policy.Object, room int64) bool {
	a, ok := o.Policy.(policy.Admitter)
	return !ok || a.Admit(object, room)
}
