package server

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"

	"memcache/cache/internal/store"
)

// How many items stats top and stats evictions tell of at the most.
const (
	maxTop       = 30
	maxEvictions = 100
)

// topStats are the largest items and those with the most hits, of these with their
// hits behind the name.
func topStats(t store.Top) []Setting {
	stats := appendNumbers(nil, "", []number{{"since", t.Since}, {"seen", int64(t.Seen)}, {"slots", int64(t.Slots)}})
	for i, k := range t.Largest {
		stats = append(stats, Setting{fmt.Sprintf("largest:%d", i), knownText(k)})
	}
	for i, k := range t.Hottest {
		stats = append(stats, Setting{fmt.Sprintf("hit:%d:%d", i, k.Hits), knownText(k.Known)})
	}
	return stats
}

// evictionStats are evictions, the newest first, with the time in milliseconds and
// the reason behind the name.
func evictionStats(all []store.Eviction) (stats []Setting) {
	for i, e := range all {
		why := "room"
		if e.Shrunk {
			why = "shrink"
		}
		stats = append(stats, Setting{fmt.Sprintf("%d:%d:%s", i, e.At, why), knownText(e.Known)})
	}
	return stats
}

// knownText is the key as in a URL, the size of the value, what the item takes, its
// flags, the seconds since its last access, whether there was one since it was
// stored, and the beginning of its value in base64, or "-".
func knownText(k store.Known) string {
	head := base64.RawStdEncoding.EncodeToString(k.Head)
	if head == "" {
		head = "-"
	}
	return fmt.Sprintf("%s %d %d %s %d %s %s", url.PathEscape(k.Key), k.Size, k.Charge, strconv.FormatUint(uint64(k.Flags), 10), k.Idle, yesNo(k.Fetched), head)
}
