package cachelink

import (
	"fmt"
	"sync/atomic"
	"testing"

	"memcache/backend/internal/storage/storagetest"
)

// BenchmarkGetHit reads values over a unix socket from our cache process and,
// where there is one, from a memcached.
func BenchmarkGetHit(b *testing.B) {
	programs := map[string]string{"cache": storagetest.BuildCache(b)}
	if program := storagetest.Memcached(); program != "" {
		programs["memcached"] = program
	}
	for name, program := range programs {
		p := storagetest.StartCache(b, program)
		for _, size := range []int{1 << 10, 100 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) { benchmarkGetHit(b, p, size) })
		}
	}
}

func benchmarkGetHit(b *testing.B, p *storagetest.Process, size int) {
	c := dial(b, Config{Nodes: []string{p.Address}})
	key := fmt.Sprint("key", size)
	if err := c.Delete(b.Context(), key); err != nil {
		b.Fatal(err)
	}
	l, err := c.Get(b.Context(), key)
	if err == nil {
		err = c.Fill(b.Context(), key, l.Lease, nil, make([]byte, size))
	}
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.SetParallelism(8) // 16 readers on two processors
	var missed atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l, err := c.Get(b.Context(), key)
			if err != nil || len(l.Value) != size {
				missed.Add(1)
				continue
			}
			l.Release()
		}
	})
	if n := missed.Load(); n > 0 {
		b.Errorf("%d reads were no hits", n)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "gets/s")
}
