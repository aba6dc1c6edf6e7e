package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"

	"memcache/backend/internal/cachectl"
	"memcache/backend/internal/service"
	"memcache/shared/api"
)

// cacheNodes is start.sh's own setting: how many cache processes it runs.
const cacheNodes = "MEMCACHE_CACHE_NODES"

// writeService writes what systemd needs to run MemCache into the folder cfg.file.
func writeService(cfg config, getenv func(string) string) error {
	memory, err := cachectl.Memory()
	if err != nil {
		return err
	}
	nodes, err := strconv.Atoi(cmp.Or(getenv(cacheNodes), "1"))
	if err != nil || nodes < 1 {
		return fmt.Errorf("the environment variable %s is %q: give a number from 1", cacheNodes, getenv(cacheNodes))
	}
	c := service.Config{
		Settings: cfg.given + fmt.Sprintf("%s=\"%d\"\n", cacheNodes, nodes),
		Data:     cfg.data, Capacity: cfg.capacity, Most: cfg.mostCapacity(int(memory/api.MB), nodes), LowPort: cfg.lowPort(),
	}
	if cfg.cache == "" {
		c.Nodes = nodes
	}
	return service.Write(cfg.file, c)
}

// mostCapacity is the largest capacity, in MB, for which a service has memory on a
// machine with as much as given: half of that for all nodes, unless more is asked for.
func (c config) mostCapacity(memory, nodes int) int {
	if c.maxCapacity > 0 {
		return c.maxCapacity
	}
	return max(c.capacity, memory/2/nodes)
}

// lowPort tells whether a port is listened on that takes a capability.
func (c config) lowPort() bool {
	for _, address := range []string{c.listen, c.listenHTTP} {
		_, port, _ := net.SplitHostPort(address) // they were checked
		if n, err := strconv.Atoi(port); err == nil && n > 0 && n < 1024 {
			return true
		}
	}
	return false
}

// givenSettings are the flags and variables that were given, as lines that both
// systemd (EnvironmentFile=) and bash read: MEMCACHE_NAME="value". An empty value
// stands for none.
func givenSettings(fs *flag.FlagSet) (string, error) {
	var lines strings.Builder
	var err error
	fs.Visit(func(f *flag.Flag) {
		value := f.Value.String()
		if size, ok := f.Value.(*byteSize); ok {
			value = strconv.FormatInt(int64(*size), 10)
		}
		switch {
		case f.Name == "version" || value == "":
		case strings.ContainsFunc(value, unicode.IsControl):
			err = fmt.Errorf("-%s %q holds a control character: leave that out", f.Name, value)
		default:
			fmt.Fprintf(&lines, "%s=\"%s\"\n", variable(f.Name), escape.Replace(value))
		}
	})
	return lines.String(), err
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)

// told returns what is told once the backend serves, with the state that its parts
// are in by then: start.sh reads the line, systemd takes the service as started.
func told(stdout io.Writer, address string, log *slog.Logger) func(state string) {
	return func(state string) {
		_, _ = fmt.Fprintln(stdout, "MemCache is", state)
		if _, err := daemon.SdNotify(false, daemon.SdNotifyReady+"\nSTATUS="+state+" at "+address); err != nil {
			log.Warn("systemd was not told of the start", "error", err)
		}
	}
}
