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
// offset pixels above the top of a screen of that height.
func (g grid) drawn(offset, height float64, n int) (from, to int) {
	first := max(0, int(math.Floor(offset/g.Line))-overscan) / lineStep * lineStep
	last := (max(0, int(math.Ceil((offset+height)/g.Line))+overscan)/lineStep + 1) * lineStep
	from = min(first*g.cols(), max(0, g.lines(n)-1)*g.cols())
	return from, min(last*g.cols(), n, from+maxDrawn)
}

// cols is how many rows stand in a line; one where that is not measured yet.
func (g grid) cols() int { return max(1, g.Cols) }

// lines is how many lines n rows take.
func (g grid) lines(n int) int { return (n + g.cols() - 1) / g.cols() }

// space is how many pixels the rows take that stand before from and after to.
func (g grid) space(from, to, n int) (above, below float64) {
	return float64(from/g.cols()) * g.Line, float64(g.lines(n)-g.lines(to)) * g.Line
}
