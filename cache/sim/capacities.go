package sim

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxCapacities is the most capacities of an experiment.
const MaxCapacities = 200

// ParseCapacities reads a list of capacities, separated by commas: bytes, with k, m
// or g behind them for KB, MB and GB; parts of the working set, which has so many
// bytes, as 10%; or ranges of either, as 0.1%..100%/12, which are 12 capacities that
// grow by the same factor. It returns bytes, in order, each once, and is the same on
// every machine. The error says what is possible.
func ParseCapacities(text string, workingSet int64) ([]int64, error) {
	var all []int64
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		some, err := parseRange(part, workingSet)
		if err != nil {
			return nil, err
		}
		for _, n := range some {
			if i, there := slices.BinarySearch(all, n); !there {
				all = slices.Insert(all, i, n)
			}
		}
		if len(all) > MaxCapacities {
			return nil, errors.New("there are more than " + strconv.Itoa(MaxCapacities) + " capacities: leave some out")
		}
	}
	if len(all) == 0 {
		return nil, errors.New("give at least one capacity, as 64m or 10%")
	}
	return all, nil
}

// parseRange reads a capacity, or a range of them.
func parseRange(text string, workingSet int64) ([]int64, error) {
	from, rest, ranged := strings.Cut(text, "..")
	first, err := parseCapacity(from, workingSet)
	if err != nil || !ranged {
		return []int64{roundBytes(first)}, err
	}
	to, steps, _ := strings.Cut(rest, "/")
	last, err := parseCapacity(to, workingSet)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(steps))
	if err != nil || n < 2 || n > MaxCapacities || last < first {
		return nil, errors.New(strconv.Quote(text) + " is no range of capacities: write it like 1m..1g/12 or 0.1%..100%/12, with 2 to " + strconv.Itoa(MaxCapacities) + " steps")
	}
	all := make([]int64, n)
	for i := range all {
		all[i] = roundBytes(first * power(last/first, float64(i)/float64(n-1)))
	}
	all[n-1] = roundBytes(last)
	return all, nil
}

func roundBytes(x float64) int64 { return max(1, int64(math.Round(x))) }

// parseCapacity reads one capacity.
func parseCapacity(text string, workingSet int64) (float64, error) {
	text = strings.TrimSpace(text)
	if n, ok := parseBytes(text); ok {
		return float64(n), nil
	}
	if percent, found := strings.CutSuffix(text, "%"); found {
		part, err := strconv.ParseFloat(percent, 64)
		if err == nil && part > 0 && part <= 10_000 {
			return max(1, part/100*float64(workingSet)), nil
		}
	}
	return 0, errors.New(strconv.Quote(text) + " is no capacity: write it like 64m, 2g, a number of bytes, or 10%")
}

// parseBytes reads a number of bytes above 0, with k, m or g behind it.
func parseBytes(s string) (n int64, ok bool) {
	shift := 0
	if i := strings.IndexAny(strings.ToLower(s), "kmg"); i == len(s)-1 && i >= 0 {
		shift = 10 * (1 + strings.Index("kmg", strings.ToLower(s[i:])))
		s = s[:i]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > 1<<50>>shift {
		return 0, false
	}
	return n << shift, true
}
