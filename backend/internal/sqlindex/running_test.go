package sqlindex

import (
	"maps"
	"testing"
	"time"

	"memcache/shared/api"
)

func TestBackendsTellEachOtherWhatTheyRead(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		share := func(backend string, r api.Reads, want map[string]api.Reads) {
			t.Helper()
			if others, err := db.ShareReads(t.Context(), backend, r); err != nil || !maps.Equal(others, want) {
				t.Errorf("%s sees %+v, %v; want %+v", backend, others, err, want)
			}
		}
		a, b := api.Reads{MemoryBytes: 1, DiskBytes: 2, Hits: api.Times{0: 3}}, api.Reads{DiskBytes: 1 << 60, Misses: api.Times{31: 1 << 60}}
		share("a", a, map[string]api.Reads{})
		share("b", b, map[string]api.Reads{"a": a})
		a.MemoryBytes++
		share("a", a, map[string]api.Reads{"b": b})
		share("b", b, map[string]api.Reads{"a": a})

		if _, err := db.writer.ExecContext(t.Context(), "UPDATE running SET heard_ms = heard_ms - ? WHERE backend = 'a'", 2*runningFor.Milliseconds()); err != nil {
			t.Fatal(err)
		}
		share("b", b, map[string]api.Reads{})
		if err := db.Prune(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		var left int
		if err := db.reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM running").Scan(&left); err != nil || left != 1 {
			t.Errorf("%d backends are known, %v; want the one that runs", left, err)
		}
	})
}
