package ui

import (
	"errors"
	"math"
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
		return 0, errors.New(tf("Give the capacity: a whole number of MB from %s to %s.", count(least), count(most)))
	case err != nil:
		return 0, errors.New(tf("%q is not a whole number: give the capacity in MB, from %s to %s.", text, count(least), count(most)))
	case mb < least || mb > most:
		return 0, errors.New(tf("%s MB is out of range: give from %s to %s MB.", count(mb), count(least), count(most)))
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
	return tf("%s of %s, %s", size(u.Bytes), size(u.Capacity), tn(u.Items, "%s item", "%s items"))
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

// The units of the capacity field.
const (
	unitMB = "MB"
	unitGB = "GB"
)

// inMB turns what was typed into MB: a number of GB may have a fraction, with a
// point or a comma. What is no number stays as it is, for [parseCapacity] to
// refuse.
func inMB(text, unit string) string {
	if unit != unitGB {
		return text
	}
	gb, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(text), ",", ".", 1), 64)
	if err != nil || math.IsNaN(gb) || math.Abs(gb) > 1<<40 {
		return text
	}
	return strconv.FormatInt(int64(math.Round(gb*1024)), 10)
}

// inUnit writes a number of MB in the unit.
func inUnit(mb int64, unit string) string {
	if unit == unitGB {
		return strconv.FormatFloat(math.Round(float64(mb)/1024*1000)/1000, 'f', -1, 64)
	}
	return strconv.FormatInt(mb, 10)
}

// sliderSteps is the slider's length. Equal distances on it are equal factors,
// because 1 MB more matters to a cache of 10 MB, not to one of 10 GB.
const sliderSteps = 200

// atSlider returns the capacity in MB at a position from 0 to sliderSteps, to
// two digits.
func atSlider(position int, c *api.Cache) int64 {
	least, most := capacityRange(c)
	if position <= 0 {
		return least
	}
	if position >= sliderSteps {
		return most
	}
	mb := float64(least) * math.Pow(float64(most)/float64(least), float64(position)/sliderSteps)
	unit := math.Pow(10, max(0, math.Floor(math.Log10(mb))-1))
	return min(max(int64(math.Round(mb/unit)*unit), least), most)
}

// onSlider returns the position of a capacity in MB.
func onSlider(mb int64, c *api.Cache) int {
	least, most := capacityRange(c)
	if most <= least || mb <= least {
		return 0
	}
	at := math.Log(float64(mb)/float64(least)) / math.Log(float64(most)/float64(least)) * sliderSteps
	return min(int(math.Round(at)), sliderSteps)
}

// preview says what a change would do at once. What leaves is an estimate: the
// policy chooses, and objects differ in size.
func preview(u usage, c api.CacheChange) string {
	var parts []string
	if c.Capacity != nil {
		over := u.Bytes - *c.Capacity*int64(max(u.Up, 1))
		switch {
		case over > 0:
			items := int64(math.Ceil(float64(u.Items) * float64(over) / float64(u.Bytes)))
			parts = append(parts, tf("About %s (%s) would leave memory at once.", size(over), tn(items, "%s item", "%s items")))
		case *c.Capacity < u.Capacity:
			parts = append(parts, t("All that is in memory still fits."))
		default:
			parts = append(parts, t("Nothing leaves memory, and more will fit."))
		}
	}
	if c.Policy != nil {
		parts = append(parts, t("The new policy keeps what is in memory and decides from now on what has to go."))
	}
	return strings.Join(parts, " ")
}
