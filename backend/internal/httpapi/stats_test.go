package httpapi

import (
	"encoding/json"
	"testing"

	"memcache/backend/internal/cachectl"
	"memcache/shared/api"
)

// TestStatsTellWhereBytesCameFromAndHowLongItTook: each way of reading an object is
// counted once, with the bytes that were sent.
func TestStatsTellWhereBytesCameFromAndHowLongItTook(t *testing.T) {
	var control *cachectl.Controller
	w := start(t, func(c *Config) { control = c.Stats.(*cachectl.Controller) })
	tick := func() {
		t.Helper()
		if _, err := control.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	w.want(w.put("a", "hello"), 201)
	w.want(w.get("a"), 200)
	w.want(w.do("HEAD", "/objects/a", nil), 200) // reads nothing
	w.want(w.do("POST", "/api/key/a", nil), 200)
	tick()
	var stats api.Stats
	if err := json.Unmarshal([]byte(w.want(w.do("GET", "/api/v1/stats?window=1m", nil), 200).body), &stats); err != nil {
		t.Fatal(err)
	}
	// There is no cache here: everything comes from the disk.
	if s := stats.Total; s.DiskBytes != 10 || s.MemoryBytes != 0 || s.MissTimes.Count != 2 || s.MissTimes.P99 <= 0 || s.HitTimes.Count != 0 {
		t.Errorf("the total is %+v", s)
	}
}
