package policy

import "math/bits"

// splitMix64 is Steele, Lea and Flood's generator: 64 bits of state, good
// enough for sampling, and the same everywhere.
type splitMix64 struct{ state uint64 }

func (s *splitMix64) next() uint64 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n), every one equally likely: the high half of
// a product, drawn again in the few cases that would favour some numbers.
func (s *splitMix64) below(n uint64) uint64 {
	high, low := bits.Mul64(s.next(), n)
	for low < n && low < -n%n {
		high, low = bits.Mul64(s.next(), n)
	}
	return high
}
