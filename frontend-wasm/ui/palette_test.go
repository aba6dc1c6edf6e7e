package ui

import (
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

func TestPaletteFindsPagesAndKeys(t *testing.T) {
	p := &palette{s: newSession()}
	if n := len(p.choices()); n < 8 {
		t.Errorf("with nothing typed there are %d choices, want every page and command", n)
	}
	p.query, p.keys = " STAT", []api.Object{object("statue"), object(evil)}
	choices := p.choices()
	if len(choices) != 3 || choices[0].Title != "Statistics" || choices[2].Title != evil {
		t.Errorf("the choices are %+v", choices)
	}
	markup := draw(t, p)
	for _, want := range []string{`role="combobox"`, `aria-activedescendant="palette-0"`, `role="option"`, "&lt;img src=x", "3 choices"} {
		if !strings.Contains(markup, want) {
			t.Errorf("there is no %q in %s", want, markup)
		}
	}
	p.keys, p.err, p.query = nil, "the disk is full", "nothing that is"
	if markup := draw(t, p); !strings.Contains(markup, "the disk is full") || strings.Contains(markup, "activedescendant") {
		t.Errorf("after a search that failed there is %s", markup)
	}
}

func TestPaletteChoicesGoRound(t *testing.T) {
	for _, c := range [][3]int{{-1, 3, 2}, {3, 3, 0}, {1, 3, 1}, {-1, 0, 0}, {5, 0, 0}} {
		if got := wrap(c[0], c[1]); got != c[2] {
			t.Errorf("%d of %d is %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestShortcutsOfTwoKeys(t *testing.T) {
	k := &keyboard{s: newSession()}
	begin := time.Now()
	if k.action("g", false, begin) != nil || k.action("s", false, begin.Add(chord/2)) == nil {
		t.Error("g s does nothing")
	}
	if k.action("g", false, begin); k.action("s", false, begin.Add(2*chord)) != nil {
		t.Error("g and, long after, s does something")
	}
	if k.action("s", false, begin) != nil || k.action("K", true, begin) == nil || k.action("?", false, begin) == nil {
		t.Error("s alone does something, or Ctrl+K or ? nothing")
	}
}
