package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"memcache/backend/internal/cachectl"
	"memcache/backend/internal/sqlindex"
	"memcache/cache/policy"
	"memcache/shared/api"
)

// config is everything that can be set from outside.
type config struct {
	command             string // backup, restore, copy, login, service, or "" to serve
	file                string // of the command; the account of login, the folder of service
	given               string // for service: see [givenSettings]
	listen              string
	hosts               string
	data                string
	database            string
	databaseConnections int
	databaseLifetime    time.Duration
	store               string
	cache               string
	localNodes          string
	capacity            int // MB
	policy              string

	maxCapacity int // MB; 0: the machine's memory
	copying
	limits
	exposure
	courseAPI int
	logLevel  slog.Level
	version   bool
}

const (
	defaultListen   = "127.0.0.1:5000"
	defaultCapacity = 256 // MB
	defaultPolicy   = policy.Default
)

const usage = `memcache-backend serves MemCache: the app, its WebSocket and its HTTP API.

It needs a cache process (memcache-cache, or memcached 1.6 and later); without one
it serves from disk. ./start.sh starts both. Each flag can be set by an environment
variable too: MEMCACHE_ and the flag's name in capitals, as in MEMCACHE_DATABASE.

  memcache-backend [flags]               serve
  memcache-backend backup [flags] FILE   write everything that -data, -store and -database
                                         keep into FILE, also while a server uses them
  memcache-backend restore [flags] FILE  fill an empty -data, -store and -database from
                                         FILE, of either kind each. - is for pipes.
  memcache-backend copy [flags] -to …    copy all that -data, -store and -database keep to
                                         another folder, mysql://… or s3://…, also while a
                                         server uses them; interrupted, it goes on. With
                                         -finish, for the last time, servers can move there.
  memcache-backend login [flags] [NAME]  print a link that gives the account NAME (admin)
                                         a new password, once; also while a server runs
  memcache-backend service [flags] FOLDER  check the flags, and write them and units of systemd
                                         into FOLDER; ./start.sh install puts them in place

Flags:
`

// parseConfig reads flags, then the environment, then defaults, and checks the
// result before anything starts.
func parseConfig(args []string, getenv func(string) string, stderr io.Writer) (config, error) {
	c := config{limits: defaultLimits}
	fs := flag.NewFlagSet("memcache-backend", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		_, _ = io.WriteString(stderr, usage)
		fs.PrintDefaults()
	}
	fs.StringVar(&c.listen, "listen", defaultListen, "`host:port` to serve on")
	fs.StringVar(&c.hosts, "hosts", "", "further host `names` to answer for, separated by commas")
	fs.StringVar(&c.data, "data", "data", "`folder` for the files, the SQLite database and the cache's socket")
	fs.StringVar(&c.database, "database", "", "`mysql://user:password@host:3306/name`, with ?tls=true or ?tls=/path/ca.pem for TLS; empty for SQLite in the data folder")
	fs.IntVar(&c.databaseConnections, "database-connections", sqlindex.DefaultConnections, "`connections` to MySQL, at most; all backends together need fewer than the server's max_connections")
	fs.DurationVar(&c.databaseLifetime, "database-lifetime", sqlindex.DefaultLifetime, "`time` after which a connection to MySQL is made anew, so that servers behind a name or a proxy are all used")
	fs.StringVar(&c.store, "store", "", "`s3://bucket/prefix?region=…&endpoint=…` for the objects; empty for files in the data folder")
	fs.StringVar(&c.cache, "cache", "", "`addresses` of cache nodes, separated by commas: unix:/path or host:port; empty for unix:DATA/cache.sock")
	fs.StringVar(&c.localNodes, "local-nodes", "", "`file` with the number of cache processes that run in the data folder, cache.sock, cache-2.sock and so on; who wrote it, as start.sh does, follows when the server changes it")
	fs.IntVar(&c.capacity, "capacity", defaultCapacity, "`MB` of cache that a new database starts with; later it is set in the app")
	fs.IntVar(&c.maxCapacity, "max-capacity", 0, "most `MB` of cache that may be set in the app; 0 for the machine's memory")
	fs.StringVar(&c.policy, "policy", defaultPolicy, "replacement `policy` that a new database starts with")
	c.limits.flags(fs)
	c.exposure.flags(fs)
	c.copying.flags(fs)
	fs.IntVar(&c.courseAPI, "course-api", 1, "`generation` of course testers to answer: 1 gives keys as lists, 2 as strings")
	fs.TextVar(&c.logLevel, "log-level", slog.LevelInfo, "least `level` to log: debug, info, warn or error")
	fs.BoolVar(&c.version, "version", false, "print the version and exit")
	if err := fromEnvironment(fs, getenv); err != nil {
		return c, err
	}
	c.from.replaced, c.to.replaced = true, true
	c.command, args = command(args)
	files, err := parseMixed(fs, args)
	if err != nil {
		return c, err
	}
	if err := c.checkFile(files); err != nil {
		return c, err
	}
	if len(files) > 0 {
		c.file = files[0]
	}
	if c.command == commandService {
		if c.given, err = givenSettings(fs); err != nil {
			return c, err
		}
	}
	c.complete(fs)
	return c, c.check()
}

// parseMixed parses flags that may stand before and after other arguments, which
// it returns.
func parseMixed(fs *flag.FlagSet, args []string) (others []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, errReported
		}
		if fs.NArg() == 0 {
			return others, nil
		}
		others, args = append(others, fs.Arg(0)), fs.Args()[1:]
	}
}

// errReported is an error that package flag has already printed.
var errReported = errors.New("bad flag")

func fromEnvironment(fs *flag.FlagSet, getenv func(string) string) (err error) {
	fs.VisitAll(func(f *flag.Flag) {
		name := variable(f.Name)
		if value := getenv(name); value != "" && err == nil {
			if failed := fs.Set(f.Name, value); failed != nil {
				err = fmt.Errorf("the environment variable %s is not a good -%s: %w", name, f.Name, failed)
			}
		}
	})
	return err
}

// variable is the name of the environment variable for a flag.
func variable(flag string) string {
	return "MEMCACHE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func (c config) check() error {
	if err := checkAddress("listen", c.listen); err != nil {
		return err
	}
	if err := c.checkExposure(); err != nil {
		return err
	}
	switch {
	case c.data == "":
		return errors.New("-data is empty: name the folder to keep the files in")
	case c.courseAPI != 1 && c.courseAPI != 2:
		return fmt.Errorf("-course-api %d is not known: use 1 or 2", c.courseAPI)
	case c.capacity < 1:
		return fmt.Errorf("-capacity %d is too small: use at least 1 (MB)", c.capacity)
	case c.maxCapacity < 0:
		return fmt.Errorf("-max-capacity %d is negative: use 0 for the machine's memory", c.maxCapacity)
	case c.maxCapacity > 0 && c.capacity > c.maxCapacity:
		return fmt.Errorf("-capacity %d is above -max-capacity %d: lower the one or raise the other", c.capacity, c.maxCapacity)
	case c.databaseConnections < 2:
		return fmt.Errorf("-database-connections %d is too few: use at least 2", c.databaseConnections)
	case c.databaseLifetime < time.Second:
		return fmt.Errorf("-database-lifetime %v is too short: use at least 1s", c.databaseLifetime)
	case c.database != "":
		if err := sqlindex.CheckDSN(c.database); err != nil {
			return err
		}
	}
	if err := c.checkStore(); err != nil {
		return err
	}
	if err := c.checkCopying(); err != nil {
		return err
	}
	return c.limits.check()
}

// checkAddress fails for what a flag has that is no address to listen on.
func checkAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("-%s %q is not host:port, as in %s", flag, address, defaultListen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("-%s %q has the port %q: use a number from 0 to 65535", flag, address, port)
	}
	return nil
}

// sqlitePath is the embedded database's file; "" when another one is used.
func (c config) sqlitePath() string {
	if c.database != "" {
		return ""
	}
	return filepath.Join(c.data, "memcache.db")
}

// name tells this backend from others on the same database, in the statistics.
func (c config) name() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name := "backend " + host + " " + c.listen
	return name[:min(len(name), 255)]
}

// generationLease is how long a read may rely on what is known of the cache
// generation. SQLite is this server's alone: it knows without asking.
func (c config) generationLease() time.Duration {
	if c.database == "" {
		return 0
	}
	return time.Second
}

func (c config) cacheNodes() []string {
	switch local := c.local(); {
	case c.cache != "":
		return splitList(c.cache)
	case local != nil:
		return local.Addresses(local.Count())
	}
	return []string{"unix:" + filepath.Join(c.data, "cache.sock")}
}

// local is the cache processes beside this server, where their number can be changed.
func (c config) local() *cachectl.Local {
	if c.localNodes == "" || c.cache != "" {
		return nil
	}
	return &cachectl.Local{File: c.localNodes, Data: c.data}
}

func splitList(s string) []string {
	var list []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// byteSize is a number of bytes as a flag: 1048576, 1024k, 1m.
type byteSize int64

func (b *byteSize) String() string { return api.FormatBytes(int64(*b)) }

func (b *byteSize) Set(s string) error {
	number, shift := strings.ToLower(s), 0
	for unit, by := range map[string]int{"k": 10, "m": 20, "g": 30, "t": 40} {
		if trimmed, ok := strings.CutSuffix(number, unit); ok {
			number, shift = trimmed, by
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<62>>shift {
		return fmt.Errorf("%q is not a number of bytes such as 500m", s)
	}
	*b = byteSize(n << shift)
	return nil
}

// newLog logs as text to a terminal and as JSON otherwise.
func newLog(stderr io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if f, ok := stderr.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return slog.New(slog.NewTextHandler(stderr, options))
		}
	}
	return slog.New(slog.NewJSONHandler(stderr, options))
}
