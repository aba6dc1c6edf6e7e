package policy

import "slices"

// pageSize is small, because miniature caches (package mrc) use many arrays.
const pageSize = 512

// pages is an array by slot. It grows by pages, only where slots are used, so
// that growing never copies what is there; it holds nothing that the garbage
// collector would have to follow.
type pages[T any] []*[pageSize]T

// at returns the place of a slot that grow made.
func (p pages[T]) at(slot uint32) *T { return &p[slot/pageSize][slot%pageSize] }

// grow makes the place of slot and returns it.
func (p *pages[T]) grow(slot uint32) *T {
	for uint32(len(*p)) <= slot/pageSize {
		*p = append(*p, nil)
	}
	page := &(*p)[slot/pageSize]
	if *page == nil {
		*page = new([pageSize]T)
	}
	return &(*page)[slot%pageSize]
}

// cut leaves n places, and gives back the memory of others.
func (p *pages[T]) cut(n uint32) {
	*p = slices.Clone((*p)[:min(len(*p), int(n+pageSize-1)/pageSize)])
}

// slots is an array by slot of other slots. Where there are few, each takes half
// the memory.
type slots struct {
	few    bool
	wide   pages[uint32]
	narrow pages[uint16]
}

func (s *slots) at(slot uint32) uint32 {
	if s.few {
		return uint32(*s.narrow.at(slot))
	}
	return *s.wide.at(slot)
}

func (s *slots) set(slot, to uint32) {
	if s.few {
		*s.narrow.grow(slot) = uint16(to)
		return
	}
	*s.wide.grow(slot) = to
}

func (s *slots) cut(n uint32) {
	s.wide.cut(n)
	s.narrow.cut(n)
}
