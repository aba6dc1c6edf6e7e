package metrics

import (
	"testing"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// TestReadsAreTheSameInStatisticsAndPrometheus.
func TestReadsAreTheSameInStatisticsAndPrometheus(t *testing.T) {
	m := New("")
	m.Read(storage.Hit, 90*time.Microsecond)
	m.Read(storage.Hit, 90*time.Microsecond)
	m.Read(storage.Collapsed, 3*time.Millisecond)
	m.Read(storage.Miss, 4*time.Millisecond)
	m.Read(storage.Bypass, time.Minute)
	for from, n := range map[storage.Source]int64{storage.Hit: 10, storage.Collapsed: 20, storage.Miss: 300, storage.Bypass: 4000} {
		m.Sent(from, n)
	}
	got := m.Reads()
	want := api.Reads{MemoryBytes: 30, DiskBytes: 4300}
	want.Hits[5] = 2
	want.Misses[13], want.Misses[len(want.Misses)-1] = 2, 1
	if got != want {
		t.Errorf("the reads are %+v, want %+v", got, want)
	}
	wantLines(t, m,
		`memcache_object_reads_total{result="hit"} 2`,
		`memcache_object_reads_total{result="collapsed"} 1`,
		`memcache_object_read_bytes_total{result="bypass"} 4000`,
		`memcache_object_read_duration_seconds_bucket{result="hit",le="6.3e-05"} 0`,
		`memcache_object_read_duration_seconds_bucket{result="hit",le="0.0001"} 2`,
		`memcache_object_read_duration_seconds_bucket{result="bypass",le="10"} 0`,
		`memcache_object_read_duration_seconds_bucket{result="bypass",le="+Inf"} 1`,
		`memcache_object_read_duration_seconds_sum{result="bypass"} 60`)
}
