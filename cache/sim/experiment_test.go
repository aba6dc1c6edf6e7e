package sim_test

import (
	_ "embed"
	"os"
	"strings"
	"testing"

	"memcache/cache/policy"
	"memcache/cache/sim"
)

//go:embed testdata/experiment.csv
var experiment string

// mixed is a trace in which keys are also put and deleted.
func mixed(n int) (requests []sim.Request) {
	i := 0
	for key, size := range sim.Sized(sim.Zipf(5, n, n/5), sim.Photograph) {
		i++
		r := sim.Request{Key: key, Size: size}
		switch {
		case i%17 == 0:
			r.Op = sim.Put
			r.Size += 100
		case i%23 == 0:
			r.Op = sim.Delete
		}
		requests = append(requests, r)
	}
	return requests
}

func names() (all []string) {
	for _, info := range policy.Infos() {
		all = append(all, info.Name)
	}
	return all
}

// An experiment has the same table, to the last digit, natively and under
// WebAssembly; a change that is wanted is written down with -update.
func TestAnExperimentIsTheSameEverywhere(t *testing.T) {
	requests := mixed(20_000)
	keys, bytes := sim.WorkingSet(requests)
	if keys == 0 || bytes == 0 {
		t.Fatal("there is nothing in the trace")
	}
	table := sim.Header + "\n"
	for _, cell := range sim.Cells(names(), []int64{bytes / 100, bytes / 10, bytes}, 3) {
		r, err := cell.Run(requests, nil)
		if err != nil {
			t.Fatal(err)
		}
		table += cell.Row(r) + "\n"
	}
	if *update {
		if err := os.WriteFile("testdata/experiment.csv", []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(experiment, "\n")
	for i, line := range strings.Split(table, "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("line %d of testdata/experiment.csv should be\n%s", i+1, line)
		}
	}
}

func TestPutsAndDeletesAreNoRequests(t *testing.T) {
	c := newCache(t, "lru", 100)
	for _, r := range []sim.Request{
		{Key: 1, Size: 10, Op: sim.Put}, {Key: 1, Size: 10}, // a hit
		{Key: 1, Size: 20, Op: sim.Put}, {Key: 1, Size: 20}, // a hit of the new value
		{Key: 1, Op: sim.Delete}, {Key: 2, Op: sim.Delete}, {Key: 1, Size: 20}, // a miss
	} {
		c.Do(r)
	}
	want := sim.Result{Requests: 3, Hits: 2, Bytes: 50, HitBytes: 30}
	if got := c.Result(); got != want || c.Used() != 20 {
		t.Errorf("counted %+v with %d bytes used, want %+v with 20", got, c.Used(), want)
	}
}

func TestACellTellsItsProgressAndCanBeStopped(t *testing.T) {
	requests := make([]sim.Request, 300_000)
	var told []int
	r, err := sim.Cell{Policy: "fifo", Capacity: 10}.Run(requests, func(done int) bool {
		told = append(told, done)
		return len(told) < 2
	})
	if err != nil || len(told) != 2 || told[1] <= told[0] || r.Requests != int64(told[1]) {
		t.Errorf("told %v, then stopped after %d requests, error %v", told, r.Requests, err)
	}
	if _, err := (sim.Cell{Policy: "best"}).Run(nil, nil); err == nil {
		t.Error("a cell ran with a policy that nobody knows")
	}
}
