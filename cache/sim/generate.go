package sim

import (
	"iter"
	"math"
	"math/bits"
	"sort"

	"memcache/cache/internal/splitmix"
)

// The generators below make requests of known kinds, to try policies with. They
// compute with integers, or such numbers as are the same on every machine, and draw
// chance from a seed, so that they ask for the same keys everywhere. Numbers of keys and periods are above 0.

// Zipf asks n times for one of keys keys: for key k, from 0, in proportion to
// 1/(k+1), as many real caches are asked.
func Zipf(seed uint64, n, keys int) iter.Seq[uint64] { return draws(newZipf(seed, keys, 1), n) }

func draws(z zipf, n int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		z := z // each reader begins anew
		for range n {
			if !yield(z.next()) {
				return
			}
		}
	}
}

// Shifting is Zipf whose popular keys change, as news do: each time after period
// requests a key that was asked for least becomes the first, and all others
// fall back by one rank.
func Shifting(seed uint64, n, keys, period int) iter.Seq[uint64] {
	return shifting(newZipf(seed, keys, 1), n, period)
}

func shifting(z zipf, n, period int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		z, keys := z, len(z.sums)
		for i := range n {
			first := keys - i/period%keys
			if !yield((uint64(first) + z.next()) % uint64(keys)) {
				return
			}
		}
	}
}

// Loop asks n times, for key after key of keys, and then again from the first.
func Loop(n, keys int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range n {
			if !yield(uint64(i % keys)) {
				return
			}
		}
	}
}

// Scans is requests into which, each time after period of them, length keys
// break that were never asked for before and never will be again.
func Scans(requests iter.Seq[uint64], period, length int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		i, fresh := 0, uint64(1)<<32
		for key := range requests {
			if !yield(key) {
				return
			}
			if i++; i%period != 0 {
				continue
			}
			for range length {
				if !yield(fresh) {
					return
				}
				fresh++
			}
		}
	}
}

// Sized gives every key its size in bytes.
func Sized(keys iter.Seq[uint64], size func(key uint64) int64) iter.Seq2[uint64, int64] {
	return func(yield func(uint64, int64) bool) {
		for key := range keys {
			if !yield(key, size(key)) {
				return
			}
		}
	}
}

// Page is the size of every key: 4,096 bytes.
func Page(uint64) int64 { return 4096 }

// Photograph is a size such as those in a library of photographs: of ten keys,
// six are thumbnails of 4 to 32 KiB, three are previews of 64 to 512 KiB, and one is
// an original of 1 to 8 MiB. Each doubling in these ranges is equally likely.
func Photograph(key uint64) int64 {
	rng := splitmix.New(key)
	least := int64(4 << 10)
	switch kind := rng.Below(10); {
	case kind == 9:
		least = 1 << 20
	case kind >= 6:
		least = 64 << 10
	}
	least <<= rng.Below(3)
	return least + int64(rng.Below(uint64(least)))
}

// between is a size of least to most bytes for each key. Each doubling in that range
// is equally likely.
func between(least, most int64) func(key uint64) int64 {
	doublings := uint64(bits.Len64(uint64(most / least)))
	return func(key uint64) int64 {
		rng := splitmix.New(key)
		from := least << rng.Below(doublings)
		return from + int64(rng.Below(uint64(min(2*from, most+1)-from)))
	}
}

// zipf draws ranks by a table of running sums of their weights.
type zipf struct {
	rng  splitmix.Source
	sums []uint64
}

func newZipf(seed uint64, keys int, exponent float64) zipf {
	z := zipf{splitmix.New(seed), make([]uint64, keys)}
	var sum uint64
	for k := range z.sums {
		sum += uint64((1 << 40) / power(float64(k+1), exponent))
		z.sums[k] = sum
	}
	return z
}

// power is x to the exponent y, which is rounded to 32 binary digits: x, its roots
// and their products. Unlike math.Pow it is the same on every machine, to the last
// digit, because IEEE 754 defines products and square roots that far. x is above 0,
// and y at least 0.
func power(x, y float64) float64 {
	const digits = 32
	n := uint64(math.Round(y * (1 << digits)))
	p := 1.0
	for range n >> digits {
		p *= x
	}
	for bit := digits - 1; bit >= 0 && n&(1<<(bit+1)-1) != 0; bit-- {
		x = math.Sqrt(x)
		if n>>bit&1 == 1 {
			p *= x
		}
	}
	return p
}

func (z *zipf) next() uint64 {
	x := z.rng.Below(z.sums[len(z.sums)-1])
	return uint64(sort.Search(len(z.sums), func(k int) bool { return x < z.sums[k] }))
}
