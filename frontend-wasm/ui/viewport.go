package ui

import "math"

const (
	// overscan is how many lines are drawn beyond each edge of the screen.
	overscan = 6
	// lineStep is by how many lines what is drawn moves.
	lineStep = 4
	// maxDrawn is how many rows are in the document at the most.
	maxDrawn = 400
)

// grid is how the rows stand on the page: in lines of a height in pixels, several
// beside each other.
type grid struct {
	Line float64 // pixels
	Cols int
}

// drawn returns which of n rows are to be in the document when the list begins
// offset pixels above the top of a screen of that height. They are equally many all
// the way through the list: see slots.
func (g grid) drawn(offset, height float64, n int) (from, to int) {
	lines := (int(math.Ceil(height/g.Line)) + 2*overscan + 2*lineStep - 1) / lineStep * lineStep
	lines = min(lines, maxDrawn/g.cols())
	first := max(0, int(math.Floor(offset/g.Line))-overscan) / lineStep * lineStep
	first = min(first, max(0, g.lines(n)-lines))
	return first * g.cols(), min((first+lines)*g.cols(), n)
}

// slots returns the numbers of the rows from one up to another in the order in which
// they are drawn: a row has its place by its number, so that those which stay on the
// screen keep their elements when others come and go, and need no change. The elements
// are put in the order of their numbers afterwards, see outOfOrder.
func slots(from, to int) []int {
	rows := make([]int, to-from)
	for i := from; i < to; i++ {
		rows[i%len(rows)] = i
	}
	return rows
}

// outOfOrder tells which of the rows, by their places, have to move so that all are in
// the order of their numbers: as few as possible.
func outOfOrder(rows []int) []bool {
	moves := make([]bool, len(rows))
	length, before := make([]int, len(rows)), make([]int, len(rows)) // of the longest that stays, up to a row
	last := -1
	for i := range rows {
		length[i], before[i], moves[i] = 1, -1, true
		for j := range i {
			if rows[j] < rows[i] && length[j] >= length[i] {
				length[i], before[i] = length[j]+1, j
			}
		}
		if last < 0 || length[i] > length[last] {
			last = i
		}
	}
	for ; last >= 0; last = before[last] {
		moves[last] = false
	}
	return moves
}

// cols is how many rows stand in a line; one where that is not measured yet.
func (g grid) cols() int { return max(1, g.Cols) }

// lines is how many lines n rows take.
func (g grid) lines(n int) int { return (n + g.cols() - 1) / g.cols() }

// space is how many pixels the rows take that stand before from and after to.
func (g grid) space(from, to, n int) (above, below float64) {
	return float64(from/g.cols()) * g.Line, float64(g.lines(n)-g.lines(to)) * g.Line
}
