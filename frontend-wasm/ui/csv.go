package ui

import (
	"fmt"
	"strings"
	"time"

	"memcache/shared/api"
)

// csv writes samples as a file for spreadsheets and programs (RFC 4180): names
// and numbers as everywhere in the API, whatever the language.
func csv(samples []api.Sample) string {
	var b strings.Builder
	b.WriteString("time,seconds,requests,hits,misses,evictions,items,bytes\r\n")
	for _, s := range samples {
		fmt.Fprintf(&b, "%s,%.3f,%d,%d,%d,%d,%d,%d\r\n", time.UnixMilli(s.Time).UTC().Format("2006-01-02T15:04:05.000Z"),
			s.Seconds, s.Requests, s.Hits, s.Misses, s.Evictions, s.Items, s.Bytes)
	}
	return b.String()
}
