package sqlindex

import (
	"slices"
	"testing"
	"time"

	"memcache/shared/api"
)

// readsAt is 5 s of what a backend read, up to the time after noon.
func readsAt(after time.Duration, n int64) api.Sample {
	s := api.Sample{Time: noon.Add(after).UnixMilli(), Reads: api.Reads{Seconds: 5, MemoryBytes: 100 * n, DiskBytes: 1 << 40}}
	s.Reads.Hits[3], s.Reads.Hits[len(s.Reads.Hits)-1] = n, 1<<62
	s.Reads.Misses[12] = 2 * n
	return s
}

// TestReadsOfBackendsAreBesideTheCaches, at one time and rolled up, also when one
// comes late.
func TestReadsOfBackendsAreBesideTheCaches(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		all := noon.Add(time.Hour)
		cache, one, two := sampleAt(5*time.Second, 1), readsAt(5*time.Second, 1), readsAt(5*time.Second, 7)
		two.Reads.Hits = api.Times{3: 5}
		alone := readsAt(10*time.Second, 3)
		alone.Reads.Hits = api.Times{}
		record(t, db, "node", cache)
		record(t, db, "backend one", one, alone)
		record(t, db, "backend two", two)
		both := cache
		both.Reads = api.Reads{Seconds: 5, MemoryBytes: 800, DiskBytes: 2 << 40, Hits: one.Reads.Hits, Misses: api.Times{12: 16}}
		both.Reads.Hits[3] = 6
		wantSamples(t, db, noon, all, both, alone)

		prune(t, db, noon.Add(25*time.Hour))
		late := readsAt(15*time.Second, 2)
		late.Reads.Hits = api.Times{0: 9}
		record(t, db, "backend two", late)
		prune(t, db, noon.Add(25*time.Hour))
		rolled := both
		rolled.Join(alone)
		rolled.Join(late)
		rolled.Time = noon.Add(time.Minute).UnixMilli()
		rolled.Reads.Seconds = 10 // the longer of the two backends'
		wantSamples(t, db, noon, all, rolled)
	})
}

func TestDamagedTimesAreAnError(t *testing.T) {
	db := mustOpen(t, sqliteConfig(t))
	for _, bad := range [][]byte{{0x80}, slices.Repeat([]byte{1}, len(api.Times{})+1)} {
		if _, err := db.writer.Exec("REPLACE INTO samples (time_ms, node, span, seconds, items, bytes, requests, hits, misses, evictions, hit_times) "+
			"VALUES (?, 'x', 0, 1, 1, 1, 1, 1, 1, 1, ?)", noon.UnixMilli(), bad); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Samples(t.Context(), noon.Add(-time.Second), noon, ""); err == nil {
			t.Errorf("the times %x were read as %+v", bad, got)
		}
	}
}

func TestChangesAndStartsAreMarked(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		before, err := db.Settings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time nothing changes
			if err := db.SaveSettings(t.Context(), 5*api.MB, "random"); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now().Add(-time.Hour)
		for _, at := range []time.Duration{0, 900 * time.Millisecond, -time.Second, time.Minute} {
			if err := db.MarkStart(t.Context(), "/run/ünix.sock", start.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.MarkStart(t.Context(), "other", start); err != nil {
			t.Fatal(err)
		}
		marks, err := db.Marks(t.Context(), start.Add(-time.Minute), time.Now(), 100)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, m := range marks {
			kinds = append(kinds, m.Kind+" "+m.Node+" "+m.Was+" "+m.Now)
		}
		want := []string{"start /run/ünix.sock  ", "start other  ", "start /run/ünix.sock  ", "capacity  67108864 5242880", "policy  " + before.Policy + " random"}
		if !slices.Equal(kinds, want) {
			t.Errorf("the marks are %q, want %q", kinds, want)
		}
		if newest, err := db.Marks(t.Context(), time.UnixMilli(0), time.Now(), 2); err != nil || len(newest) != 2 || newest[1] != marks[4] {
			t.Errorf("the newest two are %+v, %v", newest, err)
		}
		prune(t, db, start.Add(30*24*time.Hour))
		if left, err := db.Marks(t.Context(), time.UnixMilli(0), time.Now(), 100); err != nil || len(left) != 3 {
			t.Errorf("a month later there are %+v, %v; want those of the last hour", left, err)
		}
	})
}
