package ui

import (
	"fmt"
	"math"
	"strings"
)

// plot is lines over numbers, as miss ratios over capacities, with values from 0 to 1.
// It is pure: [plotView] draws it in the page, and svgFile as a file.
type plot struct {
	Title        string
	Left, Right  float64 // the ends of the horizontal axis
	Log          bool    // that axis is logarithmic
	Steps        bool    // there are so many points that none is marked
	Top          float64 // the value at the upper edge; the lower is 0
	Lines        []plotLine
	XText, YText func(v float64) string
}

// plotLine is one line of a plot.
type plotLine struct {
	ID, Name string
	Class    string  // its colour, see the style sheet
	Points   []point // in the numbers of the axes, by x
}

// x is where v is in a width of so many units.
func (p *plot) x(v, width float64) float64 {
	left, right := p.Left, p.Right
	if p.Log {
		v, left, right = math.Log(max(v, 1)), math.Log(max(left, 1)), math.Log(max(right, 1))
	}
	if right <= left {
		return width / 2
	}
	return min(max((v-left)/(right-left), 0), 1) * width
}

// value is what is at a part of the width, the other way round.
func (p *plot) value(part float64) float64 {
	if p.Log {
		return math.Exp(math.Log(max(p.Left, 1)) + part*(math.Log(max(p.Right, 1))-math.Log(max(p.Left, 1))))
	}
	return p.Left + part*(p.Right-p.Left)
}

func (p *plot) y(v, height float64) float64 {
	if p.Top <= 0 {
		return height
	}
	return height - min(max(v/p.Top, 0), 1)*height
}

// paths are a line and a dot for each of its points, in a drawing of that size.
func (p *plot) paths(l plotLine, width, height float64) (line, dots string) {
	var b, d []byte
	for i, at := range l.Points {
		step := byte('L')
		if i == 0 {
			step = 'M'
		}
		on := point{p.x(at.x, width), p.y(at.y, height)}
		b = appendPoint(append(b, step), on)
		if !p.Steps || len(l.Points) == 1 {
			d = append(appendPoint(append(d, 'M'), on), "h0.01"...)
		}
	}
	return string(b), string(d)
}

// xs are the places of all points, in order, each once.
func (p *plot) xs() (all []float64) {
	for _, l := range p.Lines {
		i := 0
		for _, at := range l.Points {
			for i < len(all) && all[i] < at.x {
				i++
			}
			if i == len(all) || all[i] != at.x {
				all = append(all[:i], append([]float64{at.x}, all[i:]...)...)
			}
		}
	}
	return all
}

// readout writes what all lines have at the place x, the best first as the lines go.
func (p *plot) readout(x float64) string {
	parts := []string{p.XText(x)}
	for _, l := range p.Lines {
		for _, at := range l.Points {
			if at.x == x {
				parts = append(parts, l.Name+" "+p.YText(at.y))
			}
		}
	}
	return strings.Join(parts, " · ")
}

// describe puts the plot into words, for those who do not see it.
func (p *plot) describe() string {
	text := p.Title + "."
	for _, l := range p.Lines {
		if n := len(l.Points); n > 0 {
			first, last := l.Points[0], l.Points[n-1]
			text += " " + tf("%s: from %s at %s to %s at %s.", l.Name, p.YText(first.y), p.XText(first.x), p.YText(last.y), p.XText(last.x))
		}
	}
	return text
}

// near is the index of the point that is nearest to a part of the width, or -1.
func (p *plot) near(part float64, xs []float64) int {
	best, distance := -1, math.Inf(1)
	for i, x := range xs {
		if d := math.Abs(p.x(x, 1) - part); d < distance {
			best, distance = i, d
		}
	}
	return best
}

// inks are the colours of a file's lines, which has no style sheet, by class.
type ink struct{ Colour, Dash string }

// svgFile is the plot as a drawing that stands alone.
func (p *plot) svgFile(inks map[string]ink) string {
	const left, top, width, height, legend = 64, 48, 640, 320, 150
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" fill="#1a1d24">`+"\n", left+width+legend, top+height+40)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="%d" y="28" font-size="17">%s</text>`+"\n", left, escape(p.Title))
	for _, part := range []float64{0, 0.25, 0.5, 0.75, 1} {
		y := top + height*(1-part)
		fmt.Fprintf(&b, `<path d="M%d %.1fh%d" stroke="#dfe3ea"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, y, width, left-8, y+4, escape(p.YText(part*p.Top)))
	}
	for _, part := range []float64{0, 0.25, 0.5, 0.75, 1} {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", left+width*part, top+height+22, escape(p.XText(p.value(part))))
	}
	n := 0
	for _, l := range p.Lines {
		line, dots := p.paths(l, width, height)
		if line == "" {
			continue
		}
		ink, y := inks[l.Class], top+12+22*n
		n++
		fmt.Fprintf(&b, `<g fill="none" stroke="%s" stroke-linecap="round" stroke-linejoin="round"><path transform="translate(%d %d)" stroke-width="1.75" stroke-dasharray="%s" d="%s"/>`,
			ink.Colour, left, top, ink.Dash, line)
		fmt.Fprintf(&b, `<path transform="translate(%d %d)" stroke-width="5" d="%s"/><path stroke-width="2" stroke-dasharray="%s" d="M%d %dh22"/></g>`, left, top, dots, ink.Dash, left+width+14, y)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", left+width+42, y+4, escape(l.Name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
