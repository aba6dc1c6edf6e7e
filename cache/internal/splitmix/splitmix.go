// Package splitmix draws numbers that are the same on every machine, natively
// and under WebAssembly. They serve chance, not secrets.
package splitmix

import "math/bits"

// Source is Steele, Lea and Flood's generator: 64 bits of state, good
// enough for sampling, and the same everywhere.
type Source struct{ state uint64 }

// New returns a source whose numbers depend on seed alone.
func New(seed uint64) Source { return Source{seed} }

// Next returns 64 bits.
func (s *Source) Next() uint64 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Below returns a number in [0, n), every one equally likely: the high half of
// a product, drawn again in the few cases that would favour some numbers.
func (s *Source) Below(n uint64) uint64 {
	high, low := bits.Mul64(s.Next(), n)
	for low < n && low < -n%n {
		high, low = bits.Mul64(s.Next(), n)
	}
	return high
}
