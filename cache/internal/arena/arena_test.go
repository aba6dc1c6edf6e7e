package arena

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func TestSizeClasses(t *testing.T) {
	if len(classes) > 255 || classes[0].size != chunkSize || classes[len(classes)-1].size != minBlock {
		t.Fatalf("%d classes from %d to %d bytes", len(classes), classes[0].size, classes[len(classes)-1].size)
	}
	for n := 1; n <= chunkSize; n++ {
		size := classes[classFor(n)].size
		if size < n || size%unit != 0 {
			t.Fatalf("a block of %d bytes goes to the class of %d", n, size)
		}
		if n > 4*minBlock && size > n*8/7+unit {
			t.Fatalf("a block of %d bytes wastes %d", n, size-n)
		}
	}
}

func TestCostIsWhatIsTaken(t *testing.T) {
	a := newArena(t)
	for _, n := range []int{0, 1, 40, 41, 1000, headRoom, headRoom + 1, headRoom + linkRoom, headRoom + linkRoom + 1, 1 << 20, 5_000_001} {
		h := add(t, a, bytes.Repeat([]byte{7}, n), 1)
		if got, want := a.Used(), Cost(n); got != want {
			t.Errorf("a value of %d bytes takes %d, and costs %d", n, got, want)
		}
		if a.Release(h) {
			a.Free(h)
		}
		if a.Used() != 0 {
			t.Errorf("%d bytes are used after freeing a value of %d", a.Used(), n)
		}
	}
}

func TestAWriterTakesOnlyWhatHasCome(t *testing.T) {
	a := newArena(t)
	w := a.Write(10 * chunkSize)
	if a.Used() != 0 {
		t.Errorf("%d bytes are used before the first", a.Used())
	}
	cost := w.NextCost()
	if _, err := w.Next(); err != nil {
		t.Fatal(err)
	}
	if a.Used() != cost || cost != chunkSize {
		t.Errorf("%d bytes are used for the first block, %d were announced", a.Used(), cost)
	}
	w.Abort()
	if a.Used() != 0 {
		t.Errorf("%d bytes are used after Abort", a.Used())
	}
}

func TestPinnedBytesStayAndCount(t *testing.T) {
	a := newArena(t)
	want := pattern(200_000, 3)
	h := add(t, a, want, 1)
	a.Retain(h)
	if a.Release(h) {
		t.Fatal("the owner's reference was the last although there is a reader")
	}
	for a.Compact() {
	}
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	add(t, a, pattern(200_000, 4), 2)
	if got := join(a, h); !bytes.Equal(got, want) {
		t.Error("the bytes changed under the reader")
	}
	if got := a.Used(); got != 2*Cost(200_000) {
		t.Errorf("%d bytes are used, want those of two values", got)
	}
	if !a.Release(h) {
		t.Error("the last reference is not the last")
	}
	a.Free(h)
	if got := a.Used(); got != Cost(200_000) {
		t.Errorf("%d bytes are used, want those of one value", got)
	}
}

// Its owner has let go of the value: the one reference left is not the owner's.
func TestAValueThatOnlyAReaderHoldsDoesNotMove(t *testing.T) {
	var moved []uint32
	a := newArenaOf(t, moves(func(owner uint32, _ Handle) { moved = append(moved, owner) }))
	var all []Handle
	for i := range uint32(2 * slabSize / chunkSize) {
		all = append(all, add(t, a, pattern(60_000, byte(i)), i))
	}
	last := len(all) - 1
	a.Retain(all[last])
	a.Leave(all[last])
	if a.Release(all[last]) {
		t.Fatal("the owner's reference was the last although there is a reader")
	}
	for _, h := range all[2:last] { // so that its slab is the sparsest
		a.Leave(h)
		if a.Release(h) {
			a.Free(h)
		}
	}
	for a.Compact() {
	}
	if slices.Contains(moved, uint32(last)) {
		t.Error("the value that is being read has moved")
	}
}

func TestTrimGivesEmptySlabsBack(t *testing.T) {
	a := newArena(t)
	var all []Handle
	for range 100 {
		all = append(all, add(t, a, pattern(100_000, 1), 1))
	}
	if a.Resident() < a.Used() {
		t.Errorf("%d bytes are resident of %d used", a.Resident(), a.Used())
	}
	for _, h := range all {
		a.Free(h)
	}
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if a.Used() != 0 || a.Resident() != 0 {
		t.Errorf("%d bytes used, %d resident after everything is gone", a.Used(), a.Resident())
	}
	h := add(t, a, pattern(100_000, 9), 1)
	if !bytes.Equal(join(a, h), pattern(100_000, 9)) {
		t.Error("memory that was given back does not hold a value any more")
	}
}

// What churn needs again stays; what nobody needed for a while goes.
func TestTrimIdleLeavesWhatIsInUseNowAndThen(t *testing.T) {
	a := newArena(t)
	churn := func(n int) {
		var all []Handle
		for range n {
			all = append(all, add(t, a, pattern(100_000, 1), 1))
		}
		for _, h := range all {
			a.Free(h)
		}
	}
	trim := func() {
		t.Helper()
		if err := a.TrimIdle(); err != nil {
			t.Fatal(err)
		}
	}
	churn(100)
	full := a.Resident()
	trim()
	if a.Resident() != full {
		t.Errorf("%d of %d bytes are resident after a first call", a.Resident(), full)
	}
	for range 3 {
		churn(40)
		trim()
	}
	if some := a.Resident(); some >= full || some < 40*100_000 {
		t.Errorf("%d of %d bytes are resident while 4,000,000 are needed again and again", some, full)
	}
	trim()
	if a.Resident() != 0 {
		t.Errorf("%d bytes are resident long after everything is gone", a.Resident())
	}
}

// Every other value goes, in no order: hardly a slab is empty until the rest
// is moved together.
func TestCompactEmptiesSparseSlabs(t *testing.T) {
	owners := map[uint32]Handle{}
	a := newArenaOf(t, moves(func(owner uint32, to Handle) { owners[owner] = to }))
	sizes := []int{10, 900, 30_000, 65_536, 300_000}
	for i := range uint32(400) {
		owners[i] = add(t, a, pattern(sizes[i%5], byte(i)), i)
	}
	for i := range uint32(400) {
		if i%4 != 0 {
			a.Free(owners[i])
			delete(owners, i)
		}
	}
	for a.Compact() {
	}
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if slack := a.Resident() - a.Used(); slack > int64(len(sizes)+3)*slabSize {
		t.Errorf("%d bytes are resident beyond the %d used", slack, a.Used())
	}
	for i, h := range owners {
		if !bytes.Equal(join(a, h), pattern(sizes[i%5], byte(i))) {
			t.Errorf("value %d changed when it moved", i)
		}
	}
}

// Values come, are read by others, and go, in random order, while the arena
// compacts and trims; every reader sees the bytes it pinned.
func TestRandomOperationsWithReaders(t *testing.T) {
	type value struct {
		h    Handle
		seed byte
		n    int
	}
	var mu sync.Mutex
	live := map[uint32]*value{}
	a := newArenaOf(t, moves(func(owner uint32, to Handle) { live[owner].h = to }))
	pins := make(chan value, 16)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for v := range pins {
				if !bytes.Equal(join(a, v.h), pattern(v.n, v.seed)) {
					t.Errorf("a pinned value of %d bytes changed", v.n)
				}
				if a.Release(v.h) {
					mu.Lock()
					a.Free(v.h)
					mu.Unlock()
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range uint32(1500) {
		mu.Lock()
		switch rng.IntN(8) {
		case 0:
			a.Compact()
		case 1:
			if err := a.Trim(); err != nil {
				t.Error(err)
			}
		case 2, 3:
			for o, v := range live {
				a.Leave(v.h)
				if a.Release(v.h) {
					a.Free(v.h)
				}
				delete(live, o)
				break
			}
		default:
			n := rng.IntN(1 << rng.IntN(19))
			live[i] = &value{add(t, a, pattern(n, byte(i)), i), byte(i), n}
		}
		var pinned *value
		for _, v := range live {
			a.Retain(v.h)
			pinned = &value{v.h, v.seed, v.n}
			break
		}
		mu.Unlock()
		if pinned != nil {
			pins <- *pinned
		}
	}
	close(pins)
	readers.Wait()
	for _, v := range live {
		if a.Release(v.h) {
			a.Free(v.h)
		}
	}
	if a.Used() != 0 {
		t.Errorf("%d bytes are used after everything is gone", a.Used())
	}
}

func TestFullArena(t *testing.T) {
	a := newArena(t)
	a.slabs = make([]slab, maxSlabs)
	w := a.Write(1)
	if _, err := w.Next(); !errors.Is(err, ErrFull) {
		t.Errorf("the error is %v, want ErrFull", err)
	}
	w.Abort()
}

// moves is told of what moves.
type moves func(owner uint32, to Handle)

func (m moves) Moved(owner uint32, to Handle) { m(owner, to) }
func (m moves) Wait()                         {}

func newArena(t *testing.T) *Arena {
	t.Helper()
	return newArenaOf(t, moves(func(uint32, Handle) {}))
}

func newArenaOf(t *testing.T, owners Owners) *Arena {
	t.Helper()
	a, err := New(owners)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func add(t *testing.T, a *Arena, value []byte, owner uint32) Handle {
	t.Helper()
	w := a.Write(len(value))
	for w.More() {
		b, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		value = value[copy(b, value):]
	}
	return w.Done(owner)
}

func join(a *Arena, h Handle) []byte { return slices.Concat(a.Segments(h, 0, nil)...) }

func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i) + byte(i>>8)
	}
	return b
}
