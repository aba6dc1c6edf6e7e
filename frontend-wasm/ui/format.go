package ui

import (
	"strconv"
	"strings"
)

// ago writes how long before now the time at was: "3 s ago". Both are Unix
// milliseconds; a time ahead of now, from a clock that differs, is "just now".
func ago(now, at int64) string {
	s := (now - at) / 1000
	switch {
	case s < 1:
		return t("just now")
	case s < 60:
		return tf("%d s ago", s)
	case s < 3600:
		return tf("%d min ago", s/60)
	case s < 48*3600:
		return tf("%d h ago", s/3600)
	case s < 30*24*3600:
		return tf("%d days ago", s/(24*3600))
	}
	return here().format(styleDate, at)
}

// exactTime writes a time in full, in the zone of the browser.
func exactTime(at int64) string {
	return here().format(styleExact, at)
}

// clock writes the time of day.
func clock(at int64) string {
	return here().format(styleClock, at)
}

// count writes n with its thousands apart: "12,345".
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(here().group)
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// percent writes a rate from 0 to 1: "91.3 %". A rate just below 1 is not
// rounded up to it, nor one just above 0 down.
func percent(rate float64) string {
	switch {
	case rate <= 0:
		return "0 %"
	case rate >= 1:
		return "100 %"
	case rate < 0.001:
		return "< " + written("0.1") + " %"
	case rate > 0.999:
		return "> " + written("99.9") + " %"
	}
	return written(strconv.FormatFloat(rate*100, 'f', 1, 64)) + " %"
}

// millis writes a duration in milliseconds: "0.8 ms", "12 ms", "1.4 s".
func millis(ms float64) string {
	switch {
	case ms < 0.01:
		return "< " + written("0.01") + " ms"
	case ms < 1:
		return written(strconv.FormatFloat(ms, 'f', 2, 64)) + " ms"
	case ms < 10:
		return written(strconv.FormatFloat(ms, 'f', 1, 64)) + " ms"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return written(strconv.FormatFloat(ms/1000, 'f', 1, 64)) + " s"
}

// short writes a number for an axis: "0", "0.5", "12", "1.2k", "3M".
func short(v float64) string {
	unit := ""
	switch {
	case v >= 1e9:
		v, unit = v/1e9, "G"
	case v >= 1e6:
		v, unit = v/1e6, "M"
	case v >= 1e4:
		v, unit = v/1e3, "k"
	}
	return written(strconv.FormatFloat(v, 'g', 4, 64)) + unit
}

// quoted puts a key between quotation marks for a sentence, cut if it is long.
func quoted(key string) string {
	const longest = 80
	if r := []rune(key); len(r) > longest {
		key = string(r[:longest-1]) + "…"
	}
	return tf("“%s”", key)
}
