package policy

import "math/bits"

// table is a hash table of lines, pieces of memory that one access brings. It
// grows one line at a time, by linear hashing (Litwin '80): a new line begins
// as a copy of the one whose hashes it takes over, so that both know what that
// one knew. Nothing is ever built anew.
type table[line any] struct {
	lines pages[line]
	n     uint32
}

// at returns the line for hash.
func (t *table[line]) at(hash uint32) *line { return t.lines.at(foldInto(hash, t.n)) }

// grow makes the table at least n lines long.
func (t *table[line]) grow(n uint32) {
	for t.n < n {
		l := t.lines.grow(t.n)
		if t.n > 0 {
			*l = *t.at(t.n)
		}
		t.n++
	}
}

// foldInto returns as many low bits of hash as n numbers need, or one fewer
// where that would not be below n.
func foldInto(hash, n uint32) uint32 {
	mask := uint32(1)<<bits.Len32(n-1) - 1
	if i := hash & mask; i < n {
		return i
	}
	return hash & (mask >> 1)
}
