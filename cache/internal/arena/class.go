package arena

// A slab is divided into blocks of one size class. The largest class is a chunk,
// which has room for 64 KiB, a size that is asked for often, and what stands
// before a value. The others are for shorter values and the tails of chains, an
// eighth apart, each as large as its number of blocks in a slab allows.
const (
	chunkSize = 64<<10 + 512
	slabSize  = 8 * chunkSize
	unit      = 64 // bytes, a cache line; every block begins at a multiple of it
	minBlock  = 64
)

type class struct {
	size    int // bytes of a block
	perSlab int
}

// classes are all size classes, largest first; classOf finds the smallest that
// holds a number of units.
var classes, classOf = makeClasses()

func makeClasses() (list []class, of [chunkSize/unit + 1]uint8) {
	for n := slabSize / chunkSize; ; n += max(1, n/8) {
		size := max(minBlock, slabSize/n/unit*unit)
		if len(list) == 0 || size < list[len(list)-1].size {
			list = append(list, class{size, slabSize / size})
		}
		if size == minBlock {
			break
		}
	}
	for units := range of {
		for i, c := range list {
			if c.size >= units*unit {
				of[units] = uint8(i)
			}
		}
	}
	return list, of
}

// classFor returns the class of a block of n bytes, at most a chunk.
func classFor(n int) uint8 { return classOf[(n+unit-1)/unit] }

// Every block begins with the handles of its neighbours in the chain; the
// first block holds what belongs to the value as a whole, too.
const (
	linkBytes = 8              // next, previous
	headBytes = linkBytes + 12 // references, length, owner
)

// headRoom and linkRoom are the payload of a whole chunk.
const (
	headRoom = chunkSize - headBytes
	linkRoom = chunkSize - linkBytes
)

// Cost returns the bytes that a value of n bytes takes in the arena.
func Cost(n int) int64 {
	if n <= headRoom {
		return int64(classes[classFor(n+headBytes)].size)
	}
	n -= headRoom
	cost := int64(1+n/linkRoom) * chunkSize
	if rest := n % linkRoom; rest > 0 {
		cost += int64(classes[classFor(rest+linkBytes)].size)
	}
	return cost
}

// Class describes the blocks of one size class.
type Class struct {
	Number    int // from 1, smallest first
	BlockSize int // bytes
	PerSlab   int // blocks of a slab
	Slabs     int
	Used      int // blocks
}

// Classes is how many size classes there are.
func Classes() int { return len(classes) }

// ClassOf returns the number of the class of the first block of a value of n
// bytes.
func ClassOf(n int) int { return len(classes) - int(classFor(min(n+headBytes, chunkSize))) }

// Classes describes all size classes, smallest first.
func (a *Arena) Classes() []Class {
	list := make([]Class, len(classes))
	for i, c := range classes {
		number, st := len(classes)-i, a.partial[i]
		list[number-1] = Class{
			Number: number, BlockSize: c.size, PerSlab: c.perSlab,
			Slabs: st.slabs, Used: st.slabs*c.perSlab - st.free,
		}
	}
	return list
}
