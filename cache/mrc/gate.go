package mrc

// gate is the rule by which keys are sampled. A key is taken when the low half of
// its hash, divided by how many times larger than scale its value is, is below
// the threshold. So the large values, which decide about bytes, are nearly all
// there, and each key stands for 1/probability of its kind.
type gate struct {
	threshold uint64 // 2^32 takes every key
	scale     uint64 // bytes
}

const all = uint64(1) << 32

var everything = gate{all, 1}

func (g gate) takes(hash uint64, size int64) bool {
	return uint64(uint32(hash))*g.scale < g.threshold*max(uint64(size), g.scale)
}

// place is the lowest threshold that does not take the key.
func (g gate) place(hash, size uint64) uint64 {
	return uint64(uint32(hash)) * g.scale / max(size, g.scale)
}

// rate is the probability of a key with a small value.
func (g gate) rate() float64 { return float64(g.threshold) / float64(all) }

// probability is that with which a key with a value of size bytes is taken.
func (g gate) probability(size uint32) float64 {
	return min(1, g.rate()*max(1, float64(size)/float64(g.scale)))
}

// scaled is what a key charges a miniature, whose capacity is the real one times
// the rate.
func (g gate) scaled(size, charge uint32) uint32 {
	if g.threshold == all {
		return charge
	}
	return uint32(float64(charge) * (g.rate() / g.probability(size)))
}

// room is the capacity of a miniature.
func (g gate) room(capacity int64) int64 {
	if g.threshold == all {
		return capacity
	}
	return int64(float64(capacity) * g.rate())
}

// Gate tells which events Curves need, for a few nanoseconds each.
type Gate struct {
	gate    gate
	largest uint32 // size of the largest value in the sample
}

// Takes tells of an event whose size is known.
func (g Gate) Takes(hash uint64, size int64) bool { return g.gate.takes(hash, size) }

// MayTake tells of an event whose size is not known.
func (g Gate) MayTake(hash uint64) bool { return g.gate.takes(hash, int64(g.largest)) }
