package arena

import (
	"math/bits"
	"slices"

	"golang.org/x/sys/unix"
)

// take takes a free block of class c.
func (a *Arena) take(c uint8) (Handle, error) {
	st := &a.partial[c]
	if st.first == 0 {
		if err := a.addSlab(c); err != nil {
			return None, err
		}
	}
	number := st.first
	s := &a.slabs[number]
	i := s.takeBit()
	s.live++
	st.free--
	a.used += int64(classes[c].size)
	if s.live == classes[c].perSlab {
		a.unlist(number)
	}
	return handle(number) + Handle(i*classes[c].size/unit), nil
}

// giveBack frees the block at h, and its slab when that is empty.
func (a *Arena) giveBack(h Handle) {
	number, off := slabOf(h)
	s := &a.slabs[number]
	c := classes[s.class]
	s.clearBit(off / c.size)
	a.used -= int64(c.size)
	if s.live == c.perSlab {
		a.list(number)
	}
	s.live--
	a.partial[s.class].free++
	if s.live == 0 {
		a.partial[s.class].slabs--
		a.partial[s.class].free -= c.perSlab
		a.unlist(number)
		a.warm = append(a.warm, number)
	}
}

// addSlab gives an empty slab to class c.
func (a *Arena) addSlab(c uint8) error {
	number, err := a.emptySlab()
	if err != nil {
		return err
	}
	s := &a.slabs[number]
	words := (classes[c].perSlab + 63) / 64
	if cap(s.taken) < words {
		s.taken = make([]uint64, words)
	}
	s.taken, s.class, s.live, s.hint = s.taken[:words], c, 0, 0
	clear(s.taken)
	a.list(number)
	a.partial[c].slabs++
	a.partial[c].free += classes[c].perSlab
	return nil
}

func (a *Arena) emptySlab() (uint32, error) {
	for _, pool := range []*[]uint32{&a.warm, &a.cold} {
		if n := len(*pool); n > 0 {
			number := (*pool)[n-1]
			*pool = (*pool)[:n-1]
			a.idle = min(a.idle, len(a.warm))
			return number, nil
		}
	}
	number := uint32(len(a.slabs))
	if number == maxSlabs {
		return 0, ErrFull
	}
	for len(a.regions)*regionSize < int(number+1)*slabSize {
		if err := a.grow(); err != nil {
			return 0, err
		}
	}
	a.slabs = append(a.slabs, slab{})
	return number, nil
}

// Trim gives the memory of all empty slabs back to the system.
func (a *Arena) Trim() error {
	a.idle = len(a.warm)
	return a.TrimIdle()
}

// TrimIdle gives back the memory of the slabs that have been empty all the time
// since the last call. One that is wanted again soon would come back in small
// pages only, and page by page.
func (a *Arena) TrimIdle() error {
	for a.idle > 0 {
		number := a.warm[0] // taken are the last ones
		if err := a.splitPages(number); err != nil {
			return err
		}
		if err := unix.Madvise(a.at(handle(number), slabSize), unix.MADV_DONTNEED); err != nil {
			return err
		}
		a.slabs[number].taken = nil
		a.idle--
		a.warm, a.cold = slices.Delete(a.warm, 0, 1), append(a.cold, number)
	}
	a.idle = len(a.warm)
	return nil
}

// splitPages makes the regions of a slab get small pages from now on: in a huge one,
// the system would give a slab that is in use the memory of its empty neighbours
// too.
func (a *Arena) splitPages(slab uint32) error {
	first, last := int(slab)*slabSize/regionSize, (int(slab+1)*slabSize-1)/regionSize
	for i := first; i <= last; i++ {
		if a.regions[i].small {
			continue
		}
		a.regions[i].small = true
		// EINVAL is what a system without huge pages answers.
		if err := unix.Madvise(a.region(i), unix.MADV_NOHUGEPAGE); err != nil && err != unix.EINVAL {
			return err
		}
	}
	return nil
}

// list puts a slab at the front of its class's list.
func (a *Arena) list(number uint32) {
	s := &a.slabs[number]
	first := &a.partial[s.class].first
	s.prev, s.next = 0, *first
	if *first != 0 {
		a.slabs[*first].prev = number
	}
	*first = number
}

func (a *Arena) unlist(number uint32) {
	s := &a.slabs[number]
	if s.prev != 0 {
		a.slabs[s.prev].next = s.next
	} else {
		a.partial[s.class].first = s.next
	}
	if s.next != 0 {
		a.slabs[s.next].prev = s.prev
	}
}

// takeBit takes the first free block; there must be one.
func (s *slab) takeBit() int {
	for s.taken[s.hint] == ^uint64(0) {
		s.hint++
	}
	i := bits.TrailingZeros64(^s.taken[s.hint])
	s.taken[s.hint] |= 1 << i
	return s.hint*64 + i
}

func (s *slab) clearBit(i int) {
	s.taken[i/64] &^= 1 << (i % 64)
	s.hint = min(s.hint, i/64)
}
