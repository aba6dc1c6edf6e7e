package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"memcache/cache/internal/memproto"
	"memcache/cache/internal/server"
	"memcache/cache/internal/store"
	"memcache/cache/policy"
)

const mb = 1 << 20

var usage = `memcache-cache keeps objects in memory and speaks memcached's text protocol.

Usage: memcache-cache [flags]

  -m MB        capacity in megabytes: what all items may take (default 256, from 1 to ` + strconv.Itoa(store.MaxCapacity/mb) + `)
  -policy NAME what to let go of when it is full: ` + policy.Names() + ` (default ` + policy.Default + `)
  -I SIZE      largest item, as 512k, 16m or bytes (default 16m, at most 1024m); never more than the capacity
  -s PATH      listen on a unix socket that only the owner may use (mode 0600)
  -p PORT      listen on a TCP port; 0 for none (default 11211, or 0 with -s)
  -l ADDRESS   IP address to listen on for TCP (default 127.0.0.1)
  -c N         most connections at once (default 1024)
  -idle TIME   close a connection without a request for so long, as 30s or 10m (default 0: never)
  -v           log connections too
  -version     print the version
  -h           print this

Every flag can come from the environment instead: MEMCACHE_CACHE_M=512 is -m 512,
MEMCACHE_CACHE_POLICY=random is -policy random. A flag wins.

Anyone who can connect can read and change everything: there is no password.
Try it:  memcache-cache -m 64 &  printf 'set k 0 0 5\r\nhello\r\nget k\r\nquit\r\n' | nc 127.0.0.1 11211
`

// config is what the flags and the environment say, checked.
type config struct {
	capacity, itemLimit int64 // bytes
	policy              string
	socket              string // path; "" for none
	port                int    // 0 for none
	address             string
	maxConns            int
	idle                time.Duration
	verbose             bool
	showVersion, help   bool
}

// parseConfig reads the flags, then the environment for those not given.
// Each error names the flag, the value and what is allowed.
func parseConfig(args []string, getenv func(string) string) (config, error) {
	var c config
	fs := flag.NewFlagSet("memcache-cache", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	capacity := fs.Int64("m", 256, "")
	limit := fs.String("I", "16m", "")
	port := fs.Int("p", -1, "")
	fs.StringVar(&c.policy, "policy", policy.Default, "")
	fs.StringVar(&c.socket, "s", "", "")
	fs.StringVar(&c.address, "l", "127.0.0.1", "")
	fs.IntVar(&c.maxConns, "c", 1024, "")
	fs.DurationVar(&c.idle, "idle", 0, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	fs.BoolVar(&c.showVersion, "version", false, "")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return config{help: true}, nil
	}
	if err == nil {
		err = fromEnvironment(fs, getenv)
	}
	if err != nil {
		return c, fmt.Errorf("%w: -h lists the flags", err)
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q: -h lists the flags", fs.Arg(0))
	}
	if c.port = *port; c.port == -1 {
		c.port = 11211
		if c.socket != "" {
			c.port = 0
		}
	}
	if c.itemLimit, err = parseSize(*limit); err != nil {
		return c, err
	}
	return c, c.check(*capacity)
}

// fromEnvironment sets the flags that were not given on the command line.
func fromEnvironment(fs *flag.FlagSet, getenv func(string) string) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var errs []error
	fs.VisitAll(func(f *flag.Flag) {
		name := "MEMCACHE_CACHE_" + strings.ToUpper(f.Name)
		value := getenv(name)
		if value == "" || given[f.Name] || f.Name == "version" {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: %w", name, value, err))
		}
	})
	return errors.Join(errs...)
}

func (c *config) check(capacityMB int64) error {
	const lowest, highest = store.MinCapacity / mb, store.MaxCapacity / mb
	switch {
	case capacityMB < lowest || capacityMB > highest:
		return fmt.Errorf("-m %d: the capacity is %d to %d MB", capacityMB, lowest, highest)
	case c.port < 0 || c.port > math.MaxUint16:
		return fmt.Errorf("-p %d: a port is 1 to 65535, or 0 for none", c.port)
	case c.port == 0 && c.socket == "":
		return errors.New("nothing to listen on: give a socket with -s or a port with -p")
	case c.port != 0 && net.ParseIP(c.address) == nil:
		return fmt.Errorf("-l %s: give an IP address, as 127.0.0.1", c.address)
	case c.maxConns < 1:
		return fmt.Errorf("-c %d: allow at least 1 connection", c.maxConns)
	case c.idle < 0:
		return fmt.Errorf("-idle %s: give a time above 0, or 0 for never", c.idle)
	}
	if _, err := policy.New(c.policy, 0); err != nil {
		return fmt.Errorf("-policy: %w", err)
	}
	c.capacity = capacityMB * mb
	return nil
}

// parseSize reads a number of bytes with an optional k or m behind it.
func parseSize(s string) (int64, error) {
	digits, factor := s, int64(1)
	switch {
	case strings.HasSuffix(strings.ToLower(s), "k"):
		digits, factor = s[:len(s)-1], 1<<10
	case strings.HasSuffix(strings.ToLower(s), "m"):
		digits, factor = s[:len(s)-1], mb
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > memproto.MaxLength/factor {
		return 0, fmt.Errorf("-I %s: the item limit is 1 to 1024m, as 512k, 16m or a number of bytes", s)
	}
	return n * factor, nil
}

// settings are what stats settings tells of the configuration.
func (c config) settings() []server.Setting {
	verbosity := "0"
	if c.verbose {
		verbosity = "1"
	}
	return []server.Setting{
		{Name: "tcpport", Value: strconv.Itoa(c.port)},
		{Name: "inter", Value: c.address},
		{Name: "domain_socket", Value: c.socket},
		{Name: "verbosity", Value: verbosity},
	}
}
