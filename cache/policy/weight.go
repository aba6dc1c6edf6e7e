package policy

import "math/bits"

// weight holds a number of bytes in 32 bits: exactly below 64 MiB, above it
// rounded down by less than one part in 2^25. What is rounded the same way
// every time adds up, and comes off again, without a remainder.
type weight uint32

const (
	mantissaBits = 26
	heaviest     = 1 << 44 // 16 TiB, so that sums and shares of them never overflow
)

// weigh returns the weight of n bytes, from 0 to heaviest.
func weigh(n int64) weight {
	n = min(max(n, 0), heaviest)
	shift := max(0, bits.Len64(uint64(n))-mantissaBits)
	return weight(shift<<mantissaBits) | weight(n>>shift)
}

func (w weight) bytes() int64 {
	return int64(w&(1<<mantissaBits-1)) << (w >> mantissaBits)
}
