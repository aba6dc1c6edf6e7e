package policy

import "math/bits"

// table is a hash table of lines, pieces of memory that one access brings. It
// grows one line at a time, by linear hashing (Litwin '80): a new line begins
// as a copy of the one whose hashes it takes over, so that both know what that
// one knew. Nothing is ever built anew.
type table[line any] struct {
	lines []*[linesPerPage]line
	n     uint32
}

// linesPerPage is what a table takes memory for at a time.
const linesPerPage = 64

// at returns the line for hash.
func (t *table[line]) at(hash uint32) *line { return t.line(foldInto(hash, t.n)) }

func (t *table[line]) line(i uint32) *line { return &t.lines[i/linesPerPage][i%linesPerPage] }

// grow makes the table at least n lines long.
func (t *table[line]) grow(n uint32) {
	for t.n < n {
		if t.n%linesPerPage == 0 {
			t.lines = append(t.lines, new([linesPerPage]line))
		}
		if t.n > 0 {
			*t.line(t.n) = *t.at(t.n)
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
