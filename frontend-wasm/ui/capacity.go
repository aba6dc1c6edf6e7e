package ui

import (
	"fmt"
	"strconv"
	"strings"

	"memcache/shared/api"
)

// parseCapacity reads a capacity in whole MB, and returns it in bytes. The
// error names the range that c allows.
func parseCapacity(text string, c *api.Cache) (int64, error) {
	least, most := capacityRange(c)
	mb, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	switch {
	case strings.TrimSpace(text) == "":
		return 0, fmt.Errorf("give the capacity: a whole number of MB from %s to %s", count(least), count(most))
	case err != nil:
		return 0, fmt.Errorf("%q is not a whole number: give the capacity in MB, from %s to %s", text, count(least), count(most))
	case mb < least || mb > most:
		return 0, fmt.Errorf("%s MB is out of range: give from %s to %s MB", count(mb), count(least), count(most))
	}
	return mb * api.MB, nil
}

// capacityRange is the smallest and the largest capacity in whole MB.
func capacityRange(c *api.Cache) (least, most int64) {
	return max(1, (c.MinCapacity+api.MB-1)/api.MB), max(1, c.MaxCapacity/api.MB)
}

// usage adds up what all nodes that answer hold.
type usage struct {
	Items, Bytes, Capacity int64
	Up, Nodes              int
}

func usageOf(c *api.Cache) usage {
	u := usage{Nodes: len(c.Nodes)}
	for _, n := range c.Nodes {
		if n.Up {
			u.Up++
			u.Items += n.Items
			u.Bytes += n.Bytes
			u.Capacity += n.Capacity
		}
	}
	if u.Capacity == 0 {
		u.Capacity = c.Capacity
	}
	return u
}

// text writes it: "3.2 MB of 256.0 MB, 41 items".
func (u usage) text() string {
	return fmt.Sprintf("%s of %s, %s", api.FormatBytes(u.Bytes), api.FormatBytes(u.Capacity), plural(u.Items, "item"))
}

// permille is how full it is, from 0 to 1000. What is in use is never so little
// that a bar shows nothing.
func (u usage) permille() int {
	const least = 6
	if u.Capacity <= 0 || u.Bytes <= 0 {
		return 0
	}
	return int(min(max(float64(u.Bytes)/float64(u.Capacity)*1000, least), 1000))
}
