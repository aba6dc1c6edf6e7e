package ui

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestFault20_CapacityField(t *testing.T) {
	c := &api.Cache{MinCapacity: api.MB, MaxCapacity: 2000*api.MB + 5}
	for text, want := range map[string]int64{"1": 1, " 256 ": 256, "2000": 2000} {
		if got, err := parseCapacity(text, c); err != nil || got != want*api.MB {
			t.Errorf("%q is %d bytes (%v), want %d MB", text, got, err, want)
		}
	}
	for _, text := range []string{"", "  ", "0", "-1", "2001", "1.5", "abc", "1e30", "NaN", "99999999999999999999"} {
		_, err := parseCapacity(text, c)
		if err == nil || !strings.Contains(err.Error(), "1 to 2,000") {
			t.Errorf("%q: %v, want an error that names the range", text, err)
		}
	}
}

func TestUsage(t *testing.T) {
	c := &api.Cache{Capacity: 256 * api.MB, Nodes: []api.Node{
		{Up: true, Items: 41, Bytes: 3355443, Capacity: 256 * api.MB},
		{Up: false, Items: 7, Bytes: 7, Capacity: 7},
	}}
	u := usageOf(c)
	if got := u.text(); got != "3.2 MB of 256.0 MB, 41 items" || u.Up != 1 || u.Nodes != 2 {
		t.Errorf("in use is %q of %+v", got, u)
	}
	for _, c := range []struct {
		u    usage
		want int
	}{{usage{}, 0}, {usage{Bytes: 1, Capacity: 1 << 40}, 6}, {usage{Bytes: 50, Capacity: 100}, 500}, {usage{Bytes: 300, Capacity: 100}, 1000}} {
		if got := c.u.permille(); got != c.want {
			t.Errorf("%+v is %d of 1000, want %d", c.u, got, c.want)
		}
	}
}

func TestNodeText(t *testing.T) {
	for want, n := range map[string]api.Node{
		"not answering":                   {},
		"not answering: refused":          {Error: "refused"},
		"2.0 MB · lru · version 1.2":      {Up: true, Capacity: 2 * api.MB, Policy: "lru", Version: "1.2"},
		"64.0 MB · version memcached 1.6": {Up: true, Capacity: 64 * api.MB, Version: "memcached 1.6"},
	} {
		if got := nodeText(n); got != want {
			t.Errorf("%+v is told as %q, want %q", n, got, want)
		}
	}
}

func TestCapacityInGB(t *testing.T) {
	c := &api.Cache{MinCapacity: api.MB, MaxCapacity: 20000 * api.MB}
	for text, want := range map[string]int64{"1": 1024, "1.5": 1536, " 0,25 ": 256, "0.001": 1} {
		if got, err := parseCapacity(inMB(text, unitGB), c); err != nil || got != want*api.MB {
			t.Errorf("%q GB is %d bytes (%v), want %d MB", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "0", "abc", "NaN", "1e300", "Inf"} {
		if _, err := parseCapacity(inMB(text, unitGB), c); err == nil {
			t.Errorf("%q GB is taken", text)
		}
	}
	if got := inUnit(1536, unitGB) + " " + inUnit(100, unitGB) + " " + inUnit(1536, unitMB); got != "1.5 0.098 1536" {
		t.Errorf("in the units there is %s", got)
	}
}

func TestSliderReachesAllCapacities(t *testing.T) {
	c := &api.Cache{MinCapacity: api.MB, MaxCapacity: 24105 * api.MB}
	before := int64(0)
	for at := range sliderSteps + 1 {
		mb := atSlider(at, c)
		if mb < before || mb < 1 || mb > 24105 {
			t.Fatalf("at %d the slider stands for %d MB, after %d", at, mb, before)
		}
		if back := onSlider(mb, c); mb > 100 && (back < at-2 || back > at+2) {
			t.Errorf("%d MB is at %d, and %d leads to it", mb, back, at)
		}
		before = mb
	}
	if before != 24105 || atSlider(0, c) != 1 || onSlider(1<<40, c) != sliderSteps {
		t.Error("the ends of the slider are not the ends of the range")
	}
	if onSlider(5, &api.Cache{}) != 0 {
		t.Error("without a range the slider moves")
	}
}

func TestPreviewOfAChange(t *testing.T) {
	u := usage{Items: 100, Bytes: 50 * api.MB, Capacity: 64 * api.MB, Up: 1, Nodes: 1}
	smaller, fits, larger, lru := int64(40*api.MB), int64(55*api.MB), int64(100*api.MB), "lru"
	for want, c := range map[string]api.CacheChange{
		"About 10.0 MB (20 items) would leave memory at once.": {Capacity: &smaller},
		"All that is in memory still fits.":                    {Capacity: &fits},
		"Nothing leaves memory, and more will fit.":            {Capacity: &larger},
		"All that is in memory still fits. The new policy keeps what is in memory and decides from now on what has to go.": {Capacity: &fits, Policy: &lru},
		"": {},
	} {
		if got := preview(u, c); got != want {
			t.Errorf("the preview is %q, want %q", got, want)
		}
	}
}
