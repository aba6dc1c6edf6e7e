package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
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

const (
	mb         = 1 << 20
	maxThreads = 64
)

var usage = `memcache-cache keeps objects in memory and speaks memcached's text protocol.

Usage: memcache-cache [flags], or memcache-cache sim -h

  -m, --memory-limit MB     capacity in megabytes: what all items may take (default 256, from 1 to ` + strconv.Itoa(store.MaxCapacity/mb) + `)
      --policy NAME         what to let go of when it is full: ` + policy.Names() + ` (default ` + policy.Default + `)
  -I, --max-item-size SIZE  largest item, as 512k, 16m or bytes (default 16m, at most 1024m); never more than the capacity
  -s, --unix-socket PATH    listen on a unix socket
  -a, --unix-mask MODE      access mask of that socket, in octal (default 0600: only its owner may connect)
  -p, --port PORT           listen on a TCP port; 0 for none (default 11211, or 0 with -s)
  -l, --listen ADDRESS      IP address to listen on for TCP (default 127.0.0.1)
  -c, --conn-limit N        most connections at once (default 1024)
  -t, --threads N           event loops that share the connections (default one a processor, at most 4)
      --idle-timeout TIME   close a connection without a request for so long, as 30s, 10m or seconds (default 0: never); also -idle
      --curves BOOL         keep miss-ratio curves of the traffic: see stats mrc (default true)
  -A, --enable-shutdown     let clients end the process with the command shutdown
  -v, --verbose             log connections too
  -V, --version             print the version
  -h, --help                print this

The letters and names mean what they mean to memcached. Every flag but -V can come from the environment instead, by its name or its letter (-A by its name alone):
MEMCACHE_CACHE_MEMORY_LIMIT=512 and MEMCACHE_CACHE_M=512 are -m 512. A flag wins.

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
	socketMode          fs.FileMode
	maxConns            int
	threads             int // 0 for one a processor, at most 4
	idle                time.Duration
	shutdown            bool // clients may end the process
	curves              bool
	verbose             bool
	showVersion, help   bool
}

// letters are the short forms of the names.
var letters = map[string]string{
	"memory-limit": "m", "max-item-size": "I", "unix-socket": "s", "unix-mask": "a", "port": "p", "listen": "l",
	"conn-limit": "c", "threads": "t", "idle-timeout": "idle", "enable-shutdown": "A", "verbose": "v", "version": "V",
}

// parseConfig reads the flags, then the environment for those not given.
// Each error names the flag, the value and what is allowed.
func parseConfig(args []string, getenv func(string) string) (config, error) {
	var c config
	flags := flag.NewFlagSet("memcache-cache", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	capacity := flags.Int64("m", 256, "")
	limit := flags.String("I", "16m", "")
	port := flags.Int("p", -1, "")
	mode := flags.String("a", "0600", "")
	flags.StringVar(&c.policy, "policy", policy.Default, "")
	flags.StringVar(&c.socket, "s", "", "")
	flags.StringVar(&c.address, "l", "127.0.0.1", "")
	flags.IntVar(&c.maxConns, "c", 1024, "")
	flags.IntVar(&c.threads, "t", 0, "")
	flags.Var((*seconds)(&c.idle), "idle", "")
	flags.BoolVar(&c.curves, "curves", true, "")
	flags.BoolVar(&c.shutdown, "A", false, "")
	flags.BoolVar(&c.verbose, "v", false, "")
	flags.BoolVar(&c.showVersion, "V", false, "")
	for name, letter := range letters {
		flags.Var(flags.Lookup(letter).Value, name, "")
	}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return config{help: true}, nil
	}
	if err == nil {
		err = fromEnvironment(flags, getenv)
	}
	if err != nil {
		return c, fmt.Errorf("%w: -h lists the flags", err)
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q: -h lists the flags", flags.Arg(0))
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
	if c.socketMode, err = parseMode(*mode); err != nil {
		return c, err
	}
	return c, c.check(*capacity)
}

// fromEnvironment sets the flags that were not given on the command line.
func fromEnvironment(flags *flag.FlagSet, getenv func(string) string) error {
	letter := func(name string) string {
		if l, ok := letters[name]; ok {
			return l
		}
		return name
	}
	given := map[string]bool{"V": true} // not from the environment
	flags.Visit(func(f *flag.Flag) { given[letter(f.Name)] = true })
	var errs []error
	flags.VisitAll(func(f *flag.Flag) {
		name := "MEMCACHE_CACHE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if value == "" || given[letter(f.Name)] || f.Name == "A" { // whose variable is that of -a
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q: %w", name, value, err))
		}
	})
	return errors.Join(errs...)
}

// seconds is a time that may be given as a number of seconds too, as memcached
// takes it.
type seconds time.Duration

func (s *seconds) String() string { return time.Duration(*s).String() }

func (s *seconds) Set(text string) error {
	if n, err := strconv.Atoi(text); err == nil && n <= math.MaxInt32 && n >= math.MinInt32 {
		*s = seconds(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(text)
	*s = seconds(d)
	return err
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
	case c.threads < 0 || c.threads > maxThreads:
		return fmt.Errorf("-t %d: use 1 to %d event loops, or 0 for one a processor, at most 4", c.threads, maxThreads)
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

// parseMode reads the permissions of a socket, in octal.
func parseMode(s string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("-a %s: the access mask is an octal number up to 0777, as 0600", s)
	}
	return fs.FileMode(n), nil
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
		{Name: "umask", Value: strconv.FormatUint(uint64(c.socketMode), 8)},
		{Name: "verbosity", Value: verbosity},
	}
}
