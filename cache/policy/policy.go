// Package policy holds the replacement policies: the rules by which a full
// cache chooses what to let go.
//
// A policy knows no keys and no values. The cache numbers its objects with
// slots (small integers that it reuses) and tells the policy what happens to
// each; the policy keeps what it must remember in arrays indexed by slot and
// names a victim when room is needed. It is single-threaded, has no clock and
// no goroutine, and draws chance from a seed, so that a server and a browser
// given the same requests evict the same objects in the same order.
//
// The package compiles to WebAssembly and imports only the pure part of the
// standard library; a test holds that.
package policy

import (
	"errors"
	"strconv"
	"strings"
)

// Object is what a policy may weigh about an object.
type Object struct {
	Hash   uint64 // of its key, well mixed
	Size   int64  // bytes of its value: what a miss costs
	Charge int64  // bytes it occupies in the cache: what evicting it frees
	Uses   uint8  // how often it was asked for before, as far as that is known
}

// hash is what policies that need less keep of Hash.
func (o Object) hash() uint32 { return uint32(o.Hash >> 32) }

// Policy orders the objects of one cache for eviction.
// A slot is present from Add until Remove, or until Evict returns it.
// Add of a slot that is present, and Access or Remove of one that is not, are
// mistakes of the caller and may panic.
type Policy interface {
	// Add tells that an object was stored in slot.
	Add(slot uint32, o Object)
	// Access tells that the object in slot was asked for.
	Access(slot uint32)
	// Remove tells that the object in slot is gone for another reason than eviction.
	Remove(slot uint32)
	// Evict chooses the object to let go, forgets it and returns its slot;
	// ok is false when there is none. It takes constant time.
	Evict() (slot uint32, ok bool)
	// Len returns how many slots are present.
	Len() int
}

// Admitter is a policy that may refuse an object for which too much would have
// to go. Before it makes room, the cache asks; after a refusal it stores nothing.
type Admitter interface {
	Policy
	// Admit tells whether o is worth evicting room bytes of charge for it.
	Admit(o Object, room int64) bool
}

// Info describes a policy for people.
type Info struct {
	Name  string // as in flags, settings and the protocol: "lru"
	Title string // "LRU"
	About string // one plain sentence
}

// Default is the name of the policy that a cache has unless told otherwise.
const Default = "wtinylfu"

// Infos returns every policy, in the order to offer them.
func Infos() []Info {
	return []Info{
		{"wtinylfu", "W-TinyLFU", "Most hits: weighs how often an object is asked for against what would have to go for it; the best choice for nearly all."},
		{"lfuda", "LFU-DA", "Least disk traffic: keeps what is asked for most often, whatever its size, and forgets old fame."},
		{"s3fifo", "S3-FIFO", "Little disk traffic, also when much is read only once: what is new must be asked for again to stay."},
		{"sieve", "SIEVE", "Little disk traffic for the least work: keeps what was asked for again since it was last considered."},
		{"gdsf", "GDSF", "Many hits when sizes differ much: prefers many small objects to a few large ones, and reads more from disk for it."},
		{"lru", "LRU", "Lets go of what has not been used for the longest time; a sound choice when what was used lately is used again."},
		{"fifo", "FIFO", "Lets go of what has been there longest, used or not; good to compare the others with."},
		{"random", "Random", "Lets go of any object by chance; costs nothing to keep track of and has no pattern that defeats it."},
	}
}

// Names returns the names of every policy, separated by commas.
func Names() string {
	var names []string
	for _, i := range Infos() {
		names = append(names, i.Name)
	}
	return strings.Join(names, ", ")
}

// New returns an empty policy by name. Policies that use chance draw it from
// seed alone. The error lists the names that are known.
func New(name string, seed uint64) (Policy, error) { return build(name, seed, nil) }

func build(name string, seed uint64, told Objects) (Policy, error) {
	few := told != nil
	switch name {
	case "wtinylfu":
		return newWTinyLFU(told), nil
	case "lfuda":
		return newLFUDA(few), nil
	case "s3fifo":
		return newS3FIFO(told), nil
	case "sieve":
		if few {
			return newSampledSieve(seed), nil
		}
		return newSieve(few), nil
	case "gdsf":
		return newGDSF(seed, told), nil
	case "lru":
		return newLRU(few), nil
	case "fifo":
		return newFIFO(few), nil
	case "random":
		return newRandom(seed, few), nil
	}
	return nil, errors.New("unknown policy " + strconv.Quote(name) + ": choose one of " + Names())
}

// Saturable is a policy that need not be told of every access: who keeps in mind
// which objects are saturated can spare the call.
type Saturable interface {
	Policy
	// Saturated tells that accesses to the object in slot change nothing, until
	// what OnDecay has set is called with it.
	Saturated(slot uint32) bool
	// OnDecay sets what is called with each slot that may not be saturated any more,
	// although its object is still there.
	OnDecay(func(slot uint32))
}

// Ageing is a policy that ages with every access, and learns nothing else from
// those to objects that it is sated with. Who tells it of many accesses can keep
// those in mind for a while, and only count them.
type Ageing interface {
	Policy
	// Sated tells that an access to the object in slot would change nothing now but
	// the age.
	Sated(slot uint32) bool
	// Age stands for n accesses to such objects.
	Age(n int)
}

// AccessAll is p.Access for each of the slots, in order.
func AccessAll(p Policy, slots []uint32) {
	if p, ok := p.(batcher); ok {
		p.accessAll(slots)
		return
	}
	for _, slot := range slots {
		p.Access(slot)
	}
}

// A batcher has a quicker way for many slots.
type batcher interface{ accessAll(slots []uint32) }

// MoveSome hands at most n slots of from over to to, in the order in which from
// would have evicted them, so that to begins with what from knew. object tells
// what is in a slot. It tells whether any are left.
func MoveSome(from, to Policy, n int, object func(slot uint32) Object) (more bool) {
	for range n {
		slot, ok := from.Evict()
		if !ok {
			return false
		}
		o := object(slot)
		o.Uses = Uses(from, slot)
		to.Add(slot, o)
	}
	return from.Len() > 0
}

// Uses returns how often the object in slot was asked for since it was added, as
// far as p knows, for Object.Uses. The slot is present, or the last that Evict or
// Remove took out.
func Uses(p Policy, slot uint32) uint8 {
	if p, ok := p.(counter); ok {
		return p.usesOf(slot)
	}
	return 0
}

type counter interface{ usesOf(slot uint32) uint8 }
