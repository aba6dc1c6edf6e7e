package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// result is one round of one server.
type result struct {
	ops      float64 // a second
	p50, p99 time.Duration
	cpu      time.Duration // of the server, an operation
	resident int64         // bytes, at the end
}

// compare runs the workload on each server in turn and prints a line for each.
func (w workload) compare(out io.Writer, peers []peer, rounds int) error {
	all := make([][]result, len(peers))
	for round := range rounds {
		for i := range peers {
			if round%2 == 1 { // A B, B A: what grows or fades with time favours neither
				i = len(peers) - 1 - i
			}
			r, err := w.run(peers[i])
			if err != nil {
				return fmt.Errorf("%s, %s: %w", peers[i].name, w, err)
			}
			all[i] = append(all[i], r)
		}
	}
	for i, p := range peers {
		m := median(all[i])
		ratio := "| | |"
		if i > 0 {
			ops := quartiles(all[0], all[i], func(r result) float64 { return r.ops })
			cpu := quartiles(all[0], all[i], func(r result) float64 { return float64(r.cpu) })
			ratio = fmt.Sprintf("| %.2f | %.3f | %.3f–%.3f |", ops[1], cpu[1], cpu[0], cpu[2])
		}
		fmt.Fprintf(out, "| %s | %s | %.0f | %.0f | %.0f | %.2f | %d %s\n", w, p.name, m.ops,
			micros(m.p50), micros(m.p99), micros(m.cpu), m.resident>>20, ratio)
	}
	return nil
}

func printHead(out io.Writer) {
	fmt.Fprint(out, "| work | server | ops/s | p50 µs | p99 µs | CPU µs/op | resident MB | ops/s × | CPU × | half of the rounds |\n",
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
}

// quartiles of the ratios of one server's figure to the other's, round by round:
// the two of a round had the same neighbours on the machine.
func quartiles(a, b []result, of func(result) float64) (q [3]float64) {
	var ratios []float64
	for i := range a {
		ratios = append(ratios, of(a[i])/of(b[i]))
	}
	slices.Sort(ratios)
	for i := range q {
		q[i] = ratios[(len(ratios)-1)*(i+1)/4]
	}
	return q
}

func (w workload) String() string {
	what := "get"
	if w.sets > 0 {
		what = fmt.Sprintf("get and %d %% set", w.sets)
	}
	return fmt.Sprintf("%d KiB, %s, pipeline %d", w.size>>10, what, w.pipeline)
}

// median returns the middle of each figure.
func median(all []result) result {
	middle := func(of func(result) float64) float64 {
		var values []float64
		for _, r := range all {
			values = append(values, of(r))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return result{
		ops:      middle(func(r result) float64 { return r.ops }),
		p50:      time.Duration(middle(func(r result) float64 { return float64(r.p50) })),
		p99:      time.Duration(middle(func(r result) float64 { return float64(r.p99) })),
		cpu:      time.Duration(middle(func(r result) float64 { return float64(r.cpu) })),
		resident: int64(middle(func(r result) float64 { return float64(r.resident) })),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
