// Package service describes MemCache to systemd: its units and the file of its
// settings. It only writes them; start.sh puts them in place.
package service

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

// Settings is the name of the file of settings, beside the units.
const Settings = "settings"

// Config is what the units depend on.
type Config struct {
	Settings string // lines for EnvironmentFile=
	Data     string // the folder of the files
	Nodes    int    // own cache processes; 0: they run elsewhere
	Capacity int    // MB of each at the start
	Most     int    // MB of each at most
	LowPort  bool   // whether the server listens on ports below 1024
}

const (
	// backendMemory bounds the server, in MB: its load tests take less than half.
	backendMemory = 512
	// slack is what a cache process may take beside its capacity, in MB: the 64 it
	// promises at most, and buffers of the system.
	slack = 64 + 32
)

// CacheMemory is the limit of a cache process in MB.
func (c Config) CacheMemory() int { return c.Most + (c.Most*3+99)/100 + slack }

// BackendMemory is the limit of the server in MB.
func (c Config) BackendMemory() int { return backendMemory }

// SoftMemory is what the server tries not to exceed, in MB.
func (c Config) SoftMemory() int { return backendMemory * 3 / 4 }

// Instances are the names of the cache processes.
func (c Config) Instances() []string {
	var names []string
	for i := range c.Nodes {
		names = append(names, strconv.Itoa(i+1))
	}
	return names
}

// Sockets are the addresses of the cache processes, as -cache takes them.
func (c Config) Sockets() string {
	var addresses []string
	for _, name := range c.Instances() {
		addresses = append(addresses, "unix:/run/memcache-cache-"+name+"/cache.sock")
	}
	return strings.Join(addresses, ",")
}

//go:embed units
var files embed.FS

var units = template.Must(template.ParseFS(files, "units/*"))

// plain is a path that needs no quotes in a unit.
var plain = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)

// hidden are folders that the units do not let the server see as they are.
var hidden = regexp.MustCompile(`^/(home|root|tmp|var/tmp|run|dev|proc|sys)(/|$)`)

func (c Config) check() error {
	switch {
	case !plain.MatchString(c.Data) || filepath.Clean(c.Data) != c.Data:
		return fmt.Errorf("-data %q: a service needs the whole path of the folder, of letters, digits and . _ - alone, as /var/lib/memcache", c.Data)
	case hidden.MatchString(c.Data):
		return fmt.Errorf("-data %q: the service does not see the folders of people, nor temporary ones: choose another, as /var/lib/memcache", c.Data)
	}
	return nil
}

// Write writes the settings, which may hold a password, and the units into dir,
// which is made.
func Write(dir string, c Config) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, Settings), []byte(c.Settings), 0o600); err != nil {
		return err
	}
	for _, unit := range units.Templates() {
		if unit.Name() == "sandbox" {
			continue // a part of the others
		}
		var text strings.Builder
		if err := unit.Execute(&text, c); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, unit.Name()), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
