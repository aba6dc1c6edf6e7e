package ui

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestPlotsShowWhatCameOut(t *testing.T) {
	h := newHall(t)
	small(h.lab)
	h.lab.begin()
	h.finish()
	for _, id := range []string{plotObjects, plotBytes, plotTime} {
		p := h.lab.plot(id)
		if len(p.Lines) != 8 || p.Top <= 0 || p.Top > 1 || p.Right <= p.Left {
			t.Errorf("%s: %+v", id, p)
		}
		for _, l := range p.Lines {
			if len(l.Points) < 4 {
				t.Errorf("%s: %s has %d points", id, l.Name, len(l.Points))
			}
			line, dots := p.paths(l, 600, 120)
			if !strings.HasPrefix(line, "M") || (dots == "") != p.Steps {
				t.Errorf("%s: %s is drawn as %q and %q", id, l.Name, line, dots)
			}
		}
		xs := p.xs()
		if p.near(0, xs) != 0 || p.near(1, xs) != len(xs)-1 || !strings.Contains(p.readout(xs[0]), "SIEVE") || !strings.Contains(p.describe(), "GDSF: from") {
			t.Errorf("%s: at %v it says %q and %q", id, xs, p.readout(xs[0]), p.describe())
		}
		file := p.svgFile(policyInks())
		if strings.Count(file, "<g ") != 8 || strings.Contains(file, `stroke=""`) || !strings.Contains(file, "W-TinyLFU") {
			t.Errorf("%s: the drawing is %s", id, file)
		}
		for d := xml.NewDecoder(strings.NewReader(file)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: the drawing is no XML: %v", id, err)
			}
		}
	}
	var none lab
	if p := none.plot(plotObjects); len(p.xs()) != 0 || p.near(0.5, nil) != -1 || p.describe() == "" {
		t.Errorf("nothing is drawn as %+v", p)
	}
}

func TestPlotsHaveALogarithmicAxis(t *testing.T) {
	p := plot{Left: 1, Right: 100, Log: true, Top: 0.5, Lines: []plotLine{{Points: []point{{1, 0.5}, {10, 0.25}, {100, 0}}}}}
	if line, _ := p.paths(p.Lines[0], 600, 120); line != "M0 0L300 60L600 120" {
		t.Errorf("the line is %q", line)
	}
	if v := p.value(0.5); v < 9.99 || v > 10.01 {
		t.Errorf("in the middle is %v, want 10", v)
	}
}
