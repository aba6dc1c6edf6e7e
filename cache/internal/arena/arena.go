// Package arena keeps byte strings outside the Go heap, where the garbage
// collector neither scans nor doubles them.
//
// A value is a chain of blocks: chunks of 64.5 KiB and a tail in a smaller size
// class, so that little is wasted whatever the length. Blocks of one class
// share slabs of eight chunks, cut from memory mapped straight from the system; an
// empty slab serves any class again, or goes back to the system.
//
// A value carries a count of references. Its owner (the index) holds one, and
// every reader that is sending it another: memory is freed only with the last,
// so bytes are never copied to be safe and never change under a reader.
//
// The arena takes no lock: its user serializes all methods, except Segments and
// Release of a value that the caller holds a reference to, and Prefix, Owner,
// Segments and Retain of a value of one block that the caller has found while it
// was its owner's, for as long as the user does not free it (see Owners). It has
// no bound of its own either: the user asks Used and Cost before it adds.
package arena

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	unitsPerSlab = slabSize / unit
	maxSlabs     = reserved / slabSize

	reserved   = 1 << 32 * unit // bytes of addresses: all that a Handle can name
	regionSize = 64 << 20       // what is asked of the system at once
)

// MaxBytes is the most that an arena is good for: 128 GiB.
const MaxBytes = 128 << 30

// ErrFull means that the system gave no more memory, or that there are no more handles.
var ErrFull = errors.New("the arena has no memory left")

// Handle names the first block of a value: its place in units of 64 bytes.
type Handle uint32

// None is the handle of no value. (Slab 0 is never used.)
const None Handle = 0

// NoOwner stands for the owner of a value that is still being written, or that
// its owner has left.
const NoOwner = ^uint32(0)

// Arena is the memory of the values. Make one with New.
type Arena struct {
	base    unsafe.Pointer // of all memory: reserved at once, so that it never moves
	regions []region       // in use, from the base on
	slabs   []slab         // by number
	partial []classState   // by class
	warm    []uint32       // empty slabs that still have memory
	idle    int            // of them, how many were empty since the last TrimIdle
	cold    []uint32       // empty slabs whose memory went back to the system
	used    int64
	owners  Owners
}

// Owners are those who point to the values.
type Owners interface {
	// Moved tells where the owner's value is from now on.
	Moved(owner uint32, to Handle)
	// Wait returns when nobody uses any more what was found before the last Moved,
	// unless there is a reference to it. It must not free anything.
	Wait()
}

type slab struct {
	taken      []uint64 // a bit for each block
	live       int      // blocks taken
	hint       int      // no word of taken before it has a block free
	class      uint8
	prev, next uint32 // in the list of slabs of its class that have room; 0 ends it
}

// region is a piece of memory that the system has given.
type region struct {
	small bool // it has no huge pages
}

type classState struct {
	first uint32 // slab with room; 0 for none
	slabs int    // with and without room
	free  int    // free blocks in all slabs of the list
}

// New returns an empty arena. Compact tells the owners what it moves.
func New(owners Owners) (*Arena, error) {
	base, err := unix.MmapPtr(-1, 0, nil, reserved, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserving addresses for %d GiB, which takes no memory: %w", reserved>>30, err)
	}
	return &Arena{base: base, slabs: make([]slab, 1), partial: make([]classState, len(classes)), owners: owners}, nil
}

// Close gives all memory back. Neither the arena nor a value of it may be used
// any more.
func (a *Arena) Close() error {
	base := a.base
	*a = Arena{}
	return unix.MunmapPtr(base, reserved)
}

// Used returns the bytes of all blocks taken.
func (a *Arena) Used() int64 { return a.used }

// Resident returns the bytes of all slabs that have memory, an upper bound of
// what the system counts.
func (a *Arena) Resident() int64 {
	return int64(len(a.slabs)-1-len(a.cold)) * slabSize
}

// Occupied returns the bytes of all slabs that hold anything: Resident as it
// would be after Trim.
func (a *Arena) Occupied() int64 {
	return a.Resident() - int64(len(a.warm))*slabSize
}

// Writer adds one value, block by block, so that a value that is long in
// coming takes only the memory of what has come.
type Writer struct {
	a          *Arena
	head, last Handle
	length     int
	left       int // bytes for which there is no block yet
}

// Write begins a value of length bytes.
func (a *Arena) Write(length int) Writer { return Writer{a: a, length: length, left: length} }

// More tells whether there are blocks still to come: every value has one.
func (w *Writer) More() bool { return w.head == None || w.left > 0 }

// NextCost returns the bytes that Next will take.
func (w *Writer) NextCost() int64 { return int64(classes[w.nextClass()].size) }

func (w *Writer) nextClass() uint8 {
	return classFor(min(w.left+w.overhead(), chunkSize))
}

func (w *Writer) overhead() int {
	if w.head == None {
		return headBytes
	}
	return linkBytes
}

// Next takes the next block and returns its part of the value, to be filled.
func (w *Writer) Next() ([]byte, error) {
	over := w.overhead()
	h, err := w.a.take(w.nextClass())
	if err != nil {
		return nil, err
	}
	n := min(w.left, chunkSize-over)
	w.left -= n
	b := w.a.at(h, over+n)
	setLinks(b, None, w.last)
	if w.head == None {
		w.head = h
		binary.NativeEndian.PutUint32(b[12:], uint32(w.length))
		setOwner(b, NoOwner)
		atomic.StoreUint32(refs(b), 1)
	} else {
		setNext(w.a.at(w.last, linkBytes), h)
	}
	w.last = h
	return b[over:], nil
}

// Done ends a value whose blocks were all taken and gives it to owner.
func (w *Writer) Done(owner uint32) Handle {
	setOwner(w.a.at(w.head, headBytes), owner)
	return w.head
}

// Head is the handle that Done will return, once there was a Next.
func (w *Writer) Head() Handle { return w.head }

// Abort frees what was taken.
func (w *Writer) Abort() {
	if w.head != None {
		w.a.Free(w.head)
	}
}

// Length returns the length of the value in bytes.
func (a *Arena) Length(h Handle) int { return valueLength(a.at(h, headBytes)) }

// Owner returns the owner of the value, or NoOwner.
func (a *Arena) Owner(h Handle) uint32 { return owner(a.at(h, headBytes)) }

// Whole tells whether the value has but one block.
func Whole(n int) bool { return n <= headRoom }

// Head returns the first block's part of the value.
func (a *Arena) Head(h Handle) []byte {
	n := a.Length(h)
	return a.at(h, headBytes+min(n, headRoom))[headBytes:]
}

// Prefix returns the first n bytes of the value, which must be in the first block.
func (a *Arena) Prefix(h Handle, n int) []byte { return a.at(h, headBytes+n)[headBytes:] }

// Data points to the beginning of the value. Its first block is one piece of
// memory.
func (a *Arena) Data(h Handle) unsafe.Pointer { return unsafe.Add(a.block(h), headBytes) }

// Segments appends the value without its first skip bytes, which must be in the
// first block, to dst: one slice a block.
func (a *Arena) Segments(h Handle, skip int, dst [][]byte) [][]byte {
	b := a.at(h, headBytes)
	left := valueLength(b)
	n := min(left, headRoom)
	if n > skip {
		dst = append(dst, a.at(h, headBytes+n)[headBytes+skip:])
	}
	for left -= n; left > 0; left -= n {
		h = next(b)
		n = min(left, linkRoom)
		b = a.at(h, linkBytes+n)
		dst = append(dst, b[linkBytes:])
	}
	return dst
}

// Retain adds a reference to the value.
func (a *Arena) Retain(h Handle) { atomic.AddUint32(refs(a.at(h, headBytes)), 1) }

// pinned tells whether anyone but the owner holds a reference to the value.
func (a *Arena) pinned(h Handle) bool { return atomic.LoadUint32(refs(a.at(h, headBytes))) != 1 }

// Release takes a reference away. When it returns true it was the last, and the
// caller must Free the value.
func (a *Arena) Release(h Handle) (last bool) {
	return atomic.AddUint32(refs(a.at(h, headBytes)), ^uint32(0)) == 0
}

// Leave makes the value nobody's. From then on it stays where it is: there is
// nobody to tell that it moves. The owner's reference is still to be released.
func (a *Arena) Leave(h Handle) { setOwner(a.at(h, headBytes), NoOwner) }

// Free takes the value's blocks back.
func (a *Arena) Free(h Handle) {
	for h != None {
		after := next(a.at(h, linkBytes))
		a.giveBack(h)
		h = after
	}
}

// at returns n bytes of memory from where h points to.
func (a *Arena) at(h Handle, n int) []byte {
	return unsafe.Slice((*byte)(a.block(h)), n)
}

// block is where h points to.
func (a *Arena) block(h Handle) unsafe.Pointer {
	return unsafe.Add(a.base, uintptr(h)*unit)
}

// handle is the beginning of a slab.
func handle(slab uint32) Handle { return Handle(slab) * unitsPerSlab }

// slabOf is the slab that h points into, and the bytes from its beginning.
func slabOf(h Handle) (slab uint32, off int) {
	return uint32(h / unitsPerSlab), int(h%unitsPerSlab) * unit
}

func next(b []byte) Handle     { return Handle(binary.NativeEndian.Uint32(b)) }
func previous(b []byte) Handle { return Handle(binary.NativeEndian.Uint32(b[4:])) }

func setNext(b []byte, h Handle)     { binary.NativeEndian.PutUint32(b, uint32(h)) }
func setPrevious(b []byte, h Handle) { binary.NativeEndian.PutUint32(b[4:], uint32(h)) }

func setLinks(b []byte, next, previous Handle) {
	setNext(b, next)
	setPrevious(b, previous)
}

// refs is the count of references; blocks begin at multiples of 64 bytes, so
// that it is aligned.
func refs(b []byte) *uint32 { return (*uint32)(unsafe.Pointer(&b[8])) }

func valueLength(b []byte) int { return int(binary.NativeEndian.Uint32(b[12:])) }

func owner(b []byte) uint32           { return atomic.LoadUint32(ownerOf(b)) }
func setOwner(b []byte, owner uint32) { atomic.StoreUint32(ownerOf(b), owner) }

func ownerOf(b []byte) *uint32 { return (*uint32)(unsafe.Pointer(&b[16])) }

// grow takes another region from the system, in huge pages where it has them: then
// the processor finds what lookups go to in fewer steps.
func (a *Arena) grow() error {
	r := len(a.regions)
	b := a.region(r)
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("%w: taking %d bytes more: %w", ErrFull, regionSize, err)
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // it can do without
	a.regions = append(a.regions, region{})
	return nil
}

func (a *Arena) region(i int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(a.base, i*regionSize)), regionSize)
}
