package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"memcache/cache/policy"
	"memcache/cache/sim"
	"memcache/cache/trace"
	"memcache/cache/trace/unpack"
)

var simUsage = `memcache-cache sim replays a trace and prints what each policy makes of it, as CSV.

Usage: memcache-cache sim -trace FILE [flags]

  -trace FILE         CSV with the columns time,key,size (and op, as recordings have it), also .gz or .zst; - for the standard input
  -policies NAMES     ` + policy.Names() + ` (default all of them)
  -capacities SIZES   as 512k,64m,2g or bytes, or as parts of all objects' bytes: 1%,10% (default 12 from 0.05% to 100%)
  -seed N             for policies that use chance (default 1): the same seed gives the same numbers, here and in the browser

Lines that cannot be read are left out, and told of on the standard error.

Try it:  memcache-cache sim -trace requests.csv.gz -policies lru,wtinylfu -capacities 1%,10%
`

// simulation is what the flags of sim say.
type simulation struct {
	trace      string
	policies   []string
	capacities string
	seed       uint64
}

// simulate is the command sim.
func simulate(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	s, err := parseSimulation(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(stdout, simUsage)
		return err
	}
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	t, err := readTrace(s.trace, stdin)
	if err != nil {
		return fmt.Errorf("sim: -trace %s: %w", s.trace, err)
	}
	tellBadLines(stderr, t)
	keys, workingSet := sim.WorkingSet(t.Requests)
	capacities, err := parseCapacities(s.capacities, workingSet)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	if _, err := fmt.Fprintf(stderr, "%d requests for %d keys with %d bytes\n", len(t.Requests), keys, workingSet); err != nil {
		return err
	}
	cells := sim.Cells(s.policies, capacities, s.seed)
	results, err := runCells(ctx, cells, t.Requests)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	_, _ = fmt.Fprintln(out, sim.Header)
	for i, cell := range cells {
		_, _ = fmt.Fprintln(out, cell.Row(results[i]))
	}
	return out.Flush()
}

func parseSimulation(args []string) (simulation, error) {
	var s simulation
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	names := flags.String("policies", "", "")
	flags.StringVar(&s.trace, "trace", "", "")
	flags.StringVar(&s.capacities, "capacities", "0.05%,0.1%,0.2%,0.4%,0.8%,1.6%,3.1%,6.2%,12.5%,25%,50%,100%", "")
	flags.Uint64Var(&s.seed, "seed", 1, "")
	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("%w: -h lists the flags", err)
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q: -h lists the flags", flags.Arg(0))
	case s.trace == "":
		return s, errors.New("give a trace with -trace FILE: -h lists the flags")
	}
	s.policies = splitList(*names)
	if len(s.policies) == 0 {
		s.policies = splitList(policy.Names())
	}
	for _, name := range s.policies {
		if _, err := policy.New(name, 0); err != nil {
			return s, fmt.Errorf("-policies: %w", err)
		}
	}
	return s, nil
}

func splitList(s string) (list []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// parseCapacities reads sizes, and parts of the working set.
func parseCapacities(text string, workingSet int64) (all []int64, err error) {
	for _, s := range splitList(text) {
		n, ok := parseBytes(s)
		if percent, found := strings.CutSuffix(s, "%"); found {
			part, err := strconv.ParseFloat(percent, 64)
			n, ok = int64(math.Round(part/100*float64(workingSet))), err == nil && part > 0 && part <= 10_000
			n = max(1, n)
		}
		if !ok {
			return nil, fmt.Errorf("-capacities: %q is no capacity: write it like 64m, 2g, a number of bytes, or 10%%", s)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		return nil, errors.New("-capacities: give at least one, as 64m or 10%")
	}
	return all, nil
}

// parseBytes reads a number of bytes above 0, with k, m or g behind it.
func parseBytes(s string) (n int64, ok bool) {
	shift := 0
	if i := strings.IndexAny(strings.ToLower(s), "kmg"); i == len(s)-1 && i >= 0 {
		shift = 10 * (1 + strings.Index("kmg", strings.ToLower(s[i:])))
		s = s[:i]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > 1<<50>>shift {
		return 0, false
	}
	return n << shift, true
}

func readTrace(name string, stdin io.Reader) (t trace.Trace, err error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return t, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		stdin = f
	}
	r, err := unpack.Reader(stdin)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return trace.Read(r)
}

func tellBadLines(w io.Writer, t trace.Trace) {
	for _, l := range t.Bad {
		_, _ = fmt.Fprintf(w, "line %d is left out: %s: %q\n", l.Number, l.Why, l.Text)
	}
	if more := t.BadCount - len(t.Bad); more > 0 {
		_, _ = fmt.Fprintf(w, "and %d lines more\n", more)
	}
}

// runCells runs the cells on all processors.
func runCells(ctx context.Context, cells []sim.Cell, requests []sim.Request) ([]sim.Result, error) {
	results, errs := make([]sim.Result, len(cells)), make([]error, len(cells))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				results[i], errs[i] = cells[i].Run(requests, func(int) bool { return ctx.Err() == nil })
			}
		})
	}
	for i := range cells {
		next <- i
	}
	close(next)
	workers.Wait()
	return results, errors.Join(append(errs, ctx.Err())...)
}
