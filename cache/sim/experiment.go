package sim

import (
	"strconv"

	"memcache/cache/policy"
)

// Op is what is done with a key.
type Op uint8

// The operations.
const (
	Get    Op = iota // ask for it, and store it if it is missing
	Put              // store it, unasked
	Delete           // take it out
)

// Request is one of a trace.
type Request struct {
	Time int64 // milliseconds; 0 is any
	Key  uint64
	Size int64 // bytes
	Op   Op
}

// Do carries out a request.
func (c *Cache) Do(r Request) {
	switch r.Op {
	case Get:
		c.Request(r.Key, r.Size)
	case Put:
		c.remove(r.Key)
		c.store(r.Key, r.Size)
	case Delete:
		c.remove(r.Key)
	}
}

func (c *Cache) remove(key uint64) {
	if slot, ok := c.slots[key]; ok {
		c.policy.Remove(slot)
		c.forget(slot)
	}
}

// Cell is one cell of an experiment: what a policy makes of a trace with a
// capacity. Equal cells have equal results, natively and under WebAssembly.
type Cell struct {
	Policy   string // a name of policy.Infos
	Capacity int64  // bytes
	Seed     uint64 // for policies that use chance
}

// Cells are those of all policies and capacities, policy by policy.
func Cells(policies []string, capacities []int64, seed uint64) (cells []Cell) {
	for _, p := range policies {
		for _, c := range capacities {
			cells = append(cells, Cell{p, c, seed})
		}
	}
	return cells
}

// stride is how many requests are replayed between two reports of progress.
const stride = 1 << 16

// Run replays the requests. After each 65,536 of them it tells progress, which may
// be nil, how many are done; when that answers false, Run ends with what it has. The
// error lists the policies that are known.
func (cell Cell) Run(requests []Request, progress func(done int) bool) (Result, error) {
	results, err := cell.RunSpans(requests, []int{len(requests)}, progress)
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// RunSpans is Run, and returns what was counted until the end of each span, the ends
// of which are places in requests, in order.
func (cell Cell) RunSpans(requests []Request, ends []int, progress func(done int) bool) ([]Result, error) {
	p, err := policy.New(cell.Policy, cell.Seed)
	if err != nil {
		return nil, err
	}
	c := New(p, cell.Capacity)
	results := make([]Result, len(ends))
	next := 0 // request
	for span, end := range ends {
		for ; next < end; next++ {
			if next%stride == 0 && next > 0 && progress != nil && !progress(next) {
				end, ends = next, nil
				break
			}
			c.Do(requests[next])
		}
		results[span] = c.Result()
		if ends == nil {
			break
		}
	}
	return results, nil
}

// WorkingSet returns how many keys are asked for or stored, and their bytes, each
// with its largest size.
func WorkingSet(requests []Request) (keys int, bytes int64) {
	sizes := map[uint64]int64{}
	for _, r := range requests {
		if r.Op == Delete {
			continue
		}
		before := sizes[r.Key]
		sizes[r.Key] = max(before, r.Size)
		bytes += sizes[r.Key] - before
	}
	return len(sizes), bytes
}

// Header is the first line of a table of results, without its line end.
const Header = "policy,capacity,requests,hits,bytes,hit_bytes,evictions,object_miss_ratio,byte_miss_ratio"

// Row is the cell's line in such a table.
func (cell Cell) Row(r Result) string {
	row := cell.Policy
	for _, n := range []int64{cell.Capacity, r.Requests, r.Hits, r.Bytes, r.HitBytes, r.Evictions} {
		row += "," + strconv.FormatInt(n, 10)
	}
	for _, x := range []float64{r.ObjectMissRatio(), r.ByteMissRatio()} {
		row += "," + strconv.FormatFloat(x, 'f', 6, 64)
	}
	return row
}
