package sqlindex

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"memcache/shared/api"
)

// noon is on a full minute.
var noon = time.Date(2024, 5, 6, 12, 0, 0, 0, time.UTC)

// sampleAt is 5 s of statistics up to the time after noon; n makes it distinct.
func sampleAt(after time.Duration, n int64) api.Sample {
	return api.Sample{
		Time: noon.Add(after).UnixMilli(), Seconds: 5, Items: 10 + n, Bytes: 1000 + n, Capacity: 5000,
		Requests: 100 + n, Hits: 70 + n, Misses: 30, Evictions: n,
	}
}

func record(t *testing.T, db *DB, node string, samples ...api.Sample) {
	t.Helper()
	for _, s := range samples {
		if err := db.RecordSample(t.Context(), node, s); err != nil {
			t.Fatal(err)
		}
	}
}

func wantSamples(t *testing.T, db *DB, since, until time.Time, want ...api.Sample) {
	t.Helper()
	got, err := db.Samples(t.Context(), since, until, "")
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Samples from %v to %v, %v:\n%+v, want\n%+v", since, until, err, got, want)
	}
}

func TestSamples(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		all := noon.Add(time.Hour)
		wantSamples(t, db, noon, all)
		a, b, d := sampleAt(5*time.Second, 1), sampleAt(10*time.Second, 2), sampleAt(15*time.Second, 3)
		record(t, db, "one", d, a, b)
		record(t, db, "one", b) // again, after a doubtful failure
		wantSamples(t, db, noon, all, a, b, d)
		wantSamples(t, db, time.UnixMilli(a.Time), time.UnixMilli(b.Time), b)
		wantSamples(t, db, time.UnixMilli(d.Time), all)

		other := sampleAt(10*time.Second, 40)
		other.Seconds = 5.25
		record(t, db, "/run/ünix.sock", other)
		for node, want := range map[string][]api.Sample{"one": {a, b, d}, "/run/ünix.sock": {other}, "none": {}} {
			if got, err := db.Samples(t.Context(), noon, all, node); err != nil || !slices.Equal(got, want) {
				t.Errorf("Samples of %q: %+v, %v; want %+v", node, got, err, want)
			}
		}
		b.Seconds = 5.25
		b.Items, b.Bytes, b.Requests = b.Items+other.Items, b.Bytes+other.Bytes, b.Requests+other.Requests
		b.Capacity = 2 * other.Capacity
		b.Hits, b.Misses, b.Evictions = b.Hits+other.Hits, b.Misses+other.Misses, b.Evictions+other.Evictions
		wantSamples(t, db, noon, all, a, b, d)
	})
}

// minuteOf is what the samples of one node and minute, which ends at the time
// after noon, roll up to.
func minuteOf(after time.Duration, samples ...api.Sample) api.Sample {
	m := api.Sample{Time: noon.Add(after).UnixMilli()}
	for _, s := range samples {
		m.Seconds += s.Seconds
		m.Items, m.Bytes, m.Capacity = s.Items, s.Bytes, s.Capacity
		m.Requests += s.Requests
		m.Hits += s.Hits
		m.Misses += s.Misses
		m.Evictions += s.Evictions
	}
	return m
}

func prune(t *testing.T, db *DB, now time.Time) {
	t.Helper()
	if err := db.Prune(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func TestPrune(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		always := noon.Add(10 * 24 * time.Hour)
		first := []api.Sample{sampleAt(5*time.Second, 1), sampleAt(30*time.Second, 2), sampleAt(time.Minute, 3)}
		second := []api.Sample{sampleAt(time.Minute+time.Millisecond, 4), sampleAt(119*time.Second, 5)}
		third := []api.Sample{sampleAt(125*time.Second, 6)}
		record(t, db, "one", slices.Concat(first, second, third)...)
		wantFirst, wantSecond := minuteOf(time.Minute, first...), minuteOf(2*time.Minute, second...)

		prune(t, db, noon.Add(24*time.Hour+time.Minute-time.Millisecond)) // the first minute has not wholly aged
		wantSamples(t, db, noon, always, slices.Concat(first, second, third)...)
		for range 2 {
			prune(t, db, noon.Add(24*time.Hour+time.Minute))
			wantSamples(t, db, noon, always, slices.Concat([]api.Sample{wantFirst}, second, third)...)
		}
		prune(t, db, noon.Add(24*time.Hour+2*time.Minute))
		wantSamples(t, db, noon, always, slices.Concat([]api.Sample{wantFirst, wantSecond}, third)...)

		late := sampleAt(40*time.Second, 7) // of a minute that was rolled up before
		record(t, db, "one", late)
		prune(t, db, noon.Add(24*time.Hour+2*time.Minute))
		wantFirst = minuteOf(time.Minute, append(first, late)...)
		wantSamples(t, db, noon, always, slices.Concat([]api.Sample{wantFirst, wantSecond}, third)...)

		prune(t, db, noon.Add(30*24*time.Hour+time.Minute-time.Millisecond))
		wantSamples(t, db, noon, always, wantFirst, wantSecond, minuteOf(3*time.Minute, third...))
		prune(t, db, noon.Add(30*24*time.Hour+time.Minute))
		wantSamples(t, db, noon, always, wantSecond, minuteOf(3*time.Minute, third...))
		prune(t, db, noon.Add(31*24*time.Hour))
		wantSamples(t, db, noon, always)
	})
}

// TestPruneBacklog lets several backends roll up what three hours of two nodes
// left, at once: nothing is lost or counted twice.
func TestPruneBacklog(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		var requests int64
		for i := range 3 * 60 * 2 {
			s := sampleAt(time.Duration(i+1)*30*time.Second, int64(i))
			record(t, db, []string{"one", "two"}[i/2%2], s)
			requests += s.Requests
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := db.Prune(t.Context(), noon.Add(28*time.Hour)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := db.Samples(t.Context(), noon, noon.Add(24*time.Hour), "")
		if err != nil || len(got) != 180 {
			t.Fatalf("%d minutes, %v; want 180", len(got), err)
		}
		for i, s := range got {
			if s.Time != noon.Add(time.Duration(i+1)*time.Minute).UnixMilli() || s.Seconds != 10 {
				t.Errorf("minute %d is %+v", i, s)
			}
		}
		if sum := api.Summarize(got); sum.Requests != requests {
			t.Errorf("%d requests remain of %d", sum.Requests, requests)
		}
	})
}

// TestPruneIsAllOrNothing ends the roll-up just before its commit, as a kill would.
func TestPruneIsAllOrNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		samples := []api.Sample{sampleAt(5*time.Second, 1), sampleAt(10*time.Second, 2)}
		record(t, db, "one", samples...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tx, err := db.writer.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if more, err := db.rollUp(ctx, tx, noon.Add(time.Hour).UnixMilli()); err != nil || !more {
			t.Fatalf("rollUp = %t, %v", more, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		wantSamples(t, db, noon, noon.Add(time.Hour), samples...)
		prune(t, db, noon.Add(25*time.Hour))
		wantSamples(t, db, noon, noon.Add(time.Hour), minuteOf(time.Minute, samples...))
	})
}
