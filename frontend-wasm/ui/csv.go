package ui

import (
	"fmt"
	"strings"
	"time"

	"memcache/shared/api"
)

// csv writes samples as a file for spreadsheets and programs (RFC 4180): names
// and numbers as everywhere in the API, whatever the language. Times are seconds; they are empty where there are none.
func csv(samples []api.Sample) string {
	var b strings.Builder
	b.WriteString("time,seconds,requests,hits,misses,evictions,items,bytes,capacity,memory_bytes,disk_bytes," +
		"hit_p50,hit_p95,hit_p99,miss_p50,miss_p95,miss_p99\r\n")
	for _, s := range samples {
		fmt.Fprintf(&b, "%s,%.3f,%d,%d,%d,%d,%d,%d,%d,%d,%d", time.UnixMilli(s.Time).UTC().Format("2006-01-02T15:04:05.000Z"),
			s.Seconds, s.Requests, s.Hits, s.Misses, s.Evictions, s.Items, s.Bytes, s.Capacity, s.Reads.MemoryBytes, s.Reads.DiskBytes)
		for _, times := range []*api.Times{&s.Reads.Hits, &s.Reads.Misses} {
			for _, q := range []float64{0.50, 0.95, 0.99} {
				b.WriteByte(',')
				if seconds, ok := times.Quantile(q); ok { // else it stays empty
					fmt.Fprintf(&b, "%.6f", seconds)
				}
			}
		}
		b.WriteString("\r\n")
	}
	return b.String()
}
