package api

import (
	"encoding/json"
	"fmt"
	"time"
)

// Times is a histogram of durations, of which several can be added up: how many
// took at most timeBounds[i] and more than the bound before, and in the last place
// how many took longer than all of them. Its JSON is an array that ends with the
// last number that is not 0.
type Times [len(timeBounds) + 1]int64

// timeBounds are the upper ends of the buckets, in microseconds: five in each
// power of ten, from 10 µs to 10 s.
var timeBounds = [...]int64{
	10, 16, 25, 40, 63, 100, 160, 250, 400, 630,
	1000, 1600, 2500, 4000, 6300, 10_000, 16_000, 25_000, 40_000, 63_000,
	100_000, 160_000, 250_000, 400_000, 630_000, 1_000_000, 1_600_000, 2_500_000, 4_000_000, 6_300_000, 10_000_000,
}

// TimeBounds returns the upper ends of the buckets of Times but the last, in seconds.
func TimeBounds() []float64 {
	bounds := make([]float64, len(timeBounds))
	for i, b := range timeBounds {
		bounds[i] = float64(b) / 1e6
	}
	return bounds
}

// TimeBucket is the place in Times of a duration.
func TimeBucket(d time.Duration) int {
	micros := (d + time.Microsecond - 1).Microseconds()
	low, high := 0, len(timeBounds)
	for low < high {
		if mid := (low + high) / 2; timeBounds[mid] < micros {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// Add adds x.
func (t *Times) Add(x Times) {
	for i, n := range x {
		t[i] += n
	}
}

// Count is how many durations there are.
func (t *Times) Count() (n int64) {
	for _, x := range t {
		n += x
	}
	return n
}

// Quantile returns the duration in seconds that the part q of them, from 0 to 1, do
// not exceed, as far as the buckets tell: it is in the bucket of the true one, so
// hardly ever off by a quarter, and never by more than a factor of 1.6 between the
// first bound and the last. It is false when there are none.
func (t *Times) Quantile(q float64) (seconds float64, ok bool) {
	count := t.Count()
	if count <= 0 {
		return 0, false
	}
	want, before := q*float64(count), 0.0
	for i, n := range t[:len(timeBounds)] {
		if n > 0 && before+float64(n) >= want {
			low := 0.0
			if i > 0 {
				low = float64(timeBounds[i-1])
			}
			part := max(0, want-before) / float64(n)
			return (low + part*(float64(timeBounds[i])-low)) / 1e6, true
		}
		before += float64(n)
	}
	return float64(timeBounds[len(timeBounds)-1]) / 1e6, true
}

// Percentiles are durations that so many in a hundred do not exceed, in seconds; 0
// when there are none.
type Percentiles struct {
	Count int64   `json:"count"` // of durations
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

// Percentiles returns the usual ones.
func (t *Times) Percentiles() (p Percentiles) {
	p.Count = t.Count()
	p.P50, _ = t.Quantile(0.50)
	p.P95, _ = t.Quantile(0.95)
	p.P99, _ = t.Quantile(0.99)
	return p
}

// IsZero tells that there are no durations.
func (t Times) IsZero() bool { return t == Times{} }

// MarshalJSON leaves out what is 0 at the end.
func (t Times) MarshalJSON() ([]byte, error) {
	n := len(t)
	for n > 0 && t[n-1] == 0 {
		n--
	}
	return json.Marshal(t[:n])
}

// UnmarshalJSON takes an array of as many numbers or fewer.
func (t *Times) UnmarshalJSON(text []byte) error {
	var list []int64
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	if len(list) > len(t) {
		return fmt.Errorf("a histogram has %d numbers: the most are %d", len(list), len(t))
	}
	*t = Times{}
	copy(t[:], list)
	return nil
}
