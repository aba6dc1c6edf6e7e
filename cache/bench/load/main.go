// Command load measures cache servers that speak memcached's text protocol side
// by side: the same requests to each in turn, A B A B, and the median of the
// rounds. It first checks that they answer with the same bytes.
//
//	load -size 1024 -keys 100000 NAME=ADDRESS,PID NAME=ADDRESS,PID
//
// ADDRESS is a TCP address or the path of a unix socket, PID the server's
// process, whose CPU time and resident memory are read from /proc. The first
// server is compared with each of the others. See ../compare.sh, which starts
// the servers.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// peer is a server to measure.
type peer struct {
	name, address string
	pid           int
}

// shape is what is stored, and how hard is asked.
type shape struct {
	keys, size int
	conns      int
	threads    int
	duration   time.Duration
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var s shape
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	fs.IntVar(&s.keys, "keys", 100_000, "number of keys")
	fs.IntVar(&s.size, "size", 1024, "bytes of each value")
	fs.IntVar(&s.conns, "conns", 32, "connections")
	fs.IntVar(&s.threads, "threads", 2, "threads of the load")
	fs.DurationVar(&s.duration, "time", 2*time.Second, "length of one round")
	rounds := fs.Int("rounds", 5, "rounds for each server")
	pipelines := fs.String("pipelines", "1,16", "requests that are sent before the first answer is read")
	head := fs.Bool("head", true, "print the head of the table")
	if err := fs.Parse(args); err != nil {
		return err
	}
	depths, err := parseInts(*pipelines)
	if err != nil {
		return fmt.Errorf("-pipelines: %w", err)
	}
	peers, err := parsePeers(fs.Args())
	if err != nil {
		return err
	}
	for _, p := range peers {
		if err := p.fill(s); err != nil {
			return fmt.Errorf("filling %s: %w", p.name, err)
		}
	}
	if err := sameAnswers(peers, s); err != nil {
		return err
	}
	if *head {
		printHead(out)
	}
	for _, depth := range depths {
		for _, sets := range []int{0, 10} {
			w := workload{shape: s, pipeline: depth, sets: sets}
			if err := w.compare(out, peers, *rounds); err != nil {
				return err
			}
		}
	}
	return nil
}

func parseInts(s string) (all []int, err error) {
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number above 0", part)
		}
		all = append(all, n)
	}
	return all, nil
}

func parsePeers(args []string) (peers []peer, err error) {
	for _, arg := range args {
		name, rest, ok1 := strings.Cut(arg, "=")
		address, pid, ok2 := strings.Cut(rest, ",")
		n, err := strconv.Atoi(pid)
		if !ok1 || !ok2 || err != nil {
			return nil, fmt.Errorf("%q is not NAME=ADDRESS,PID", arg)
		}
		peers = append(peers, peer{name, address, n})
	}
	if len(peers) == 0 {
		return nil, fmt.Errorf("name a server as NAME=ADDRESS,PID")
	}
	return peers, nil
}
