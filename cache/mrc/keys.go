package mrc

import "memcache/cache/policy"

// keys are the keys of the sample. Each has an id, by which the miniatures know it.
type keys struct {
	all      []key    // by id
	index    []uint16 // ids + 1 by hash: a hash table with linear probing
	free     []uint16 // ids
	n        int
	requests uint32 // so far
	live     int64  // what all live keys charge a miniature that holds them all
	largest  uint32 // size
}

type key struct {
	hash    uint64
	size    uint32 // bytes of the value
	charge  uint32 // bytes that it takes in the cache
	scaled  uint32 // bytes that it takes in a miniature
	expire  uint32 // tick; 0 for never
	last    uint32 // number of the last request
	uses    uint8  // requests since it is live, up to 255
	marks   mark
	holders uint8 // in how many miniatures it is
}

type mark uint8

const (
	used    mark = 1 << iota // the id is
	live                     // a cache without bounds would have it
	awaited                  // it was missed, and the value will come
)

// memory returns how many bytes the keys take.
func (k *keys) memory() int64 {
	const size = 32 // of a key
	return int64(size*cap(k.all) + 2*(cap(k.index)+cap(k.free)))
}

// tightly makes room for one more in s, and for an eighth more at most: append
// would make more of it.
func tightly[T any](s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	return append(make([]T, 0, min(len(s)+len(s)/8+64, maxKeys)), s...)
}

func newKeys() keys { return keys{index: make([]uint16, 256)} }

func (k *key) is(m mark) bool { return k.marks&m != 0 }

func (k *key) expired(now uint32) bool { return k.expire != 0 && now >= k.expire && k.is(live) }

func (k *keys) home(hash uint64) int { return int(hash>>40) & (len(k.index) - 1) }

// place returns where in the index the key is, or would be.
func (k *keys) place(hash uint64) int {
	i := k.home(hash)
	for k.index[i] != 0 && k.all[k.index[i]-1].hash != hash {
		i = (i + 1) & (len(k.index) - 1)
	}
	return i
}

func (k *keys) find(hash uint64) (id uint16, ok bool) {
	cell := k.index[k.place(hash)]
	return cell - 1, cell != 0
}

// add makes a key of the sample, which is not one yet.
func (k *keys) add(hash uint64) (id uint16) {
	if n := len(k.free); n > 0 {
		id = k.free[n-1]
		k.free = k.free[:n-1]
	} else {
		id = uint16(len(k.all))
		k.all = append(tightly(k.all), key{})
	}
	k.all[id] = key{hash: hash, marks: used}
	if k.n++; k.n*4 > len(k.index)*3 {
		k.grow()
	}
	k.index[k.place(hash)] = id + 1
	return id
}

func (k *keys) grow() {
	old := k.index
	k.index = make([]uint16, 2*len(old))
	for _, cell := range old {
		if cell != 0 {
			k.index[k.place(k.all[cell-1].hash)] = cell
		}
	}
}

// remove takes the key out of the sample. No miniature may have it.
func (k *keys) remove(id uint16) {
	k.kill(id)
	mask := len(k.index) - 1
	hole := k.place(k.all[id].hash)
	for i := (hole + 1) & mask; k.index[i] != 0; i = (i + 1) & mask {
		if (i-k.home(k.all[k.index[i]-1].hash))&mask >= (i-hole)&mask {
			k.index[hole], hole = k.index[i], i
		}
	}
	k.index[hole] = 0
	k.n--
	k.all[id] = key{}
	k.free = append(k.free, id)
}

// resize notes the size of a key.
func (k *keys) resize(id uint16, size, charge uint32, g gate) {
	at := &k.all[id]
	at.size, at.charge = size, charge
	k.largest = max(k.largest, size)
	k.rescale(id, g)
}

// rescale notes what the key charges with another gate.
func (k *keys) rescale(id uint16, g gate) {
	at := &k.all[id]
	before := at.scaled
	at.scaled = g.scaled(at.size, at.charge)
	if at.is(live) {
		k.live += int64(at.scaled) - int64(before)
	}
}

// enliven notes that there is a value, and tells whether there was one before.
func (k *keys) enliven(id uint16) (before bool) {
	at := &k.all[id]
	k.requests++
	at.last = k.requests
	if at.is(live) {
		at.uses = min(at.uses, 254) + 1
		return true
	}
	k.live += int64(at.scaled)
	at.marks |= live
	return false
}

// kill notes that there is no value any more.
func (k *keys) kill(id uint16) {
	at := &k.all[id]
	if at.is(live) {
		k.live -= int64(at.scaled)
	}
	at.marks &^= live | awaited
	at.uses, at.expire = 0, 0
}

// object is what the miniatures tell their policies of a key.
func (k *keys) object(id uint16) policy.Object {
	at := &k.all[id]
	return policy.Object{Hash: at.hash, Size: int64(at.size), Charge: int64(at.scaled)}
}

// each calls f with every key; f may remove it.
func (k *keys) each(f func(id uint16, at *key)) {
	for i := range k.all {
		if k.all[i].is(used) {
			f(uint16(i), &k.all[i])
		}
	}
}
