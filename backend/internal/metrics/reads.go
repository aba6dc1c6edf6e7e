package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// reads counts the objects that were opened for reading, by where they came from.
// The statistics and Prometheus are told of the same numbers.
type reads struct{ sources [storage.Sources]source }

// source is what came from one of them.
type source struct {
	nanos atomic.Int64 // all of the times together
	bytes atomic.Int64 // sent to clients
	times [len(api.Times{})]atomic.Int64
}

// Read counts an object opened for reading, which took so long.
func (m *Metrics) Read(from storage.Source, took time.Duration) {
	s := &m.reads.sources[from]
	s.nanos.Add(int64(took))
	s.times[api.TimeBucket(took)].Add(1)
}

// Sent counts bytes of an object that were sent to a client.
func (m *Metrics) Sent(from storage.Source, bytes int64) { m.reads.sources[from].bytes.Add(bytes) }

// Reads returns what was counted since the start. Who waited for another's fill had
// to wait for the disk, though the bytes came from memory.
func (m *Metrics) Reads() api.Reads {
	r := &m.reads
	all := api.Reads{
		MemoryBytes: r.sources[storage.Hit].bytes.Load() + r.sources[storage.Collapsed].bytes.Load(),
		DiskBytes:   r.sources[storage.Miss].bytes.Load() + r.sources[storage.Bypass].bytes.Load(),
		Hits:        r.sources[storage.Hit].load(),
	}
	for _, from := range []storage.Source{storage.Miss, storage.Collapsed, storage.Bypass} {
		all.Misses.Add(r.sources[from].load())
	}
	return all
}

func (s *source) load() (t api.Times) {
	for i := range s.times {
		t[i] = s.times[i].Load()
	}
	return t
}

var (
	readsDesc = prometheus.NewDesc(namespace+"_object_reads_total",
		"Objects opened for reading, by what the cache did: hit, miss, collapsed (waited for another's fill) or bypass.", []string{"result"}, nil)
	readTimesDesc = prometheus.NewDesc(namespace+"_object_read_duration_seconds",
		"Time until an object was there to be sent.", []string{"result"}, nil)
	readBytesDesc = prometheus.NewDesc(namespace+"_object_read_bytes_total",
		"Bytes of objects sent to clients.", []string{"result"}, nil)
)

// Describe is of [prometheus.Collector].
func (*reads) Describe(to chan<- *prometheus.Desc) {
	to <- readsDesc
	to <- readTimesDesc
	to <- readBytesDesc
}

// Collect is of [prometheus.Collector].
func (r *reads) Collect(to chan<- prometheus.Metric) {
	for i := range r.sources {
		s, result := &r.sources[i], storage.Source(i).String()
		times := s.load()
		count := uint64(times.Count())
		to <- prometheus.MustNewConstMetric(readsDesc, prometheus.CounterValue, float64(count), result)
		to <- prometheus.MustNewConstMetric(readBytesDesc, prometheus.CounterValue, float64(s.bytes.Load()), result)
		to <- prometheus.MustNewConstHistogram(readTimesDesc, count, time.Duration(s.nanos.Load()).Seconds(), upTo(times), result)
	}
}

// upTo tells how many took at most so many seconds.
func upTo(times api.Times) map[float64]uint64 {
	buckets, sum := map[float64]uint64{}, uint64(0)
	for i, bound := range api.TimeBounds() {
		sum += uint64(times[i])
		buckets[bound] = sum
	}
	return buckets
}
