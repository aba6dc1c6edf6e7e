package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
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
  -generate WORKLOAD  requests that are made in place of a trace, as zipf,requests=1000000,keys=100000,exponent=0.9,size=1024-65536,seed=1.
                      Kinds: zipf, shifting, scan, loop, photographs; what is left out has a default. The lab of the app takes the same text
  -policies NAMES     ` + policy.Names() + ` (default all of them)
  -capacities SIZES   as 512k,64m,2g or bytes, or as parts of all objects' bytes: 1%,10% (default 12 from 0.05% to 100%);
                      also ranges, with the number of steps: 0.1%..100%/12
  -seed N             for policies that use chance (default 1): the same seed gives the same numbers, here and in the browser

Lines that cannot be read are left out, and told of on the standard error.

Try it:  memcache-cache sim -trace requests.csv.gz -policies lru,wtinylfu -capacities 1%,10%
`

// simulation is what the flags of sim say.
type simulation struct {
	trace      string // "" for a workload
	workload   sim.Workload
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
	requests, err := s.requests(stdin, stderr)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	keys, workingSet := sim.WorkingSet(requests)
	capacities, err := sim.ParseCapacities(s.capacities, workingSet)
	if err != nil {
		return fmt.Errorf("sim: -capacities: %w", err)
	}
	if _, err := fmt.Fprintf(stderr, "%d requests for %d keys with %d bytes\n", len(requests), keys, workingSet); err != nil {
		return err
	}
	cells := sim.Cells(s.policies, capacities, s.seed)
	results, err := runCells(ctx, cells, requests)
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
	workload := flags.String("generate", "", "")
	flags.StringVar(&s.capacities, "capacities", "0.05%,0.1%,0.2%,0.4%,0.8%,1.6%,3.1%,6.2%,12.5%,25%,50%,100%", "")
	flags.Uint64Var(&s.seed, "seed", 1, "")
	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("%w: -h lists the flags", err)
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q: -h lists the flags", flags.Arg(0))
	case s.trace == "" && *workload == "":
		return s, errors.New("give a trace with -trace FILE, or requests to make with -generate: -h lists the flags")
	case s.trace != "" && *workload != "":
		return s, errors.New("give either -trace or -generate: -h lists the flags")
	case *workload != "":
		var err error
		if s.workload, err = sim.ParseWorkload(*workload); err != nil {
			return s, fmt.Errorf("-generate: %w", err)
		}
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

// requests reads the trace and tells of it, or makes the workload.
func (s simulation) requests(stdin io.Reader, stderr io.Writer) ([]sim.Request, error) {
	if s.trace == "" {
		return s.workload.Generate()
	}
	t, err := readTrace(s.trace, stdin)
	if err != nil {
		return nil, fmt.Errorf("-trace %s: %w", s.trace, err)
	}
	tellBadLines(stderr, t.Trace)
	_, err = fmt.Fprintf(stderr, "the trace, uncompressed, has the SHA-256 %s\n", t.SHA256)
	return t.Requests, err
}

func readTrace(name string, stdin io.Reader) (t unpack.Trace, err error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return t, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		stdin = f
	}
	return unpack.Read(stdin, sim.MaxRequests)
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
