package ui

import (
	"fmt"
	"slices"
	"testing"

	"memcache/shared/api"
)

// numbered is a page of n rows from the one with that number on, of a list with a
// total of rows.
func numbered(from, n, total int) listPage {
	p := listPage{q: api.ListQuery{After: fmt.Sprint("c", from), Limit: n}, List: api.List{Total: int64(total), Exact: true}}
	for i := from; i < min(from+n, total); i++ {
		p.Objects = append(p.Objects, object(fmt.Sprint("key", i)))
	}
	if from > 0 {
		p.Prev = fmt.Sprint("c", from)
	}
	if from+n < total {
		p.Next = fmt.Sprint("c", from+n)
	}
	return p
}

// wantRow checks that a row is the one with that number.
func wantRow(t *testing.T, r *run, i int, key string) {
	t.Helper()
	if o, ok := r.at(i); key == "" == ok || o.Key != key {
		t.Errorf("row %d is %q (%t), want %q", i, o.Key, ok, key)
	}
}

func TestRunOfALongListStaysShort(t *testing.T) {
	const total = 1_000_000
	r := newRun(numbered(0, 100, total), 0)
	for at := 100; at < 50_000; at += 200 {
		if r.next() != fmt.Sprint("c", at) {
			t.Fatalf("after %d rows it goes on at %q", at, r.next())
		}
		r.append(numbered(at, 200, total))
	}
	if n := r.loaded(); n > maxKept || r.above+n != r.end() || r.size() != r.end()+maxBelow {
		t.Errorf("it keeps %d rows and has room for %d", n, r.size())
	}
	wantRow(t, r, r.end()-1, fmt.Sprint("key", r.end()-1))
	wantRow(t, r, r.above, fmt.Sprint("key", r.above))
	wantRow(t, r, r.above-1, "")
	wantRow(t, r, r.end(), "")
	if i := r.find(fmt.Sprint("key", r.above+7)); i != r.above+7 {
		t.Errorf("key%d is at %d", r.above+7, i)
	}

	// Back a page at a time, nothing moves; from far away there is a shorter way.
	above := r.above
	if shift := r.prepend(numbered(above-200, 200, total)); shift != 0 || r.above != above-200 {
		t.Errorf("going back moves by %d, to %d", shift, r.above)
	}
	wantRow(t, r, above-200, fmt.Sprint("key", above-200))
	m, ok := r.seek(1234)
	if !ok || m.at > 1234 || m.at+200 <= 1234 || m.q.After != fmt.Sprint("c", m.at) {
		t.Errorf("row 1234 is sought at %d with %+v", m.at, m.q)
	}
}

func TestRunFromTheMiddleGrowsUpwards(t *testing.T) {
	r := newRun(numbered(300, 100, 1000), 0)
	wantRow(t, r, 0, "key300")
	if shift := r.prepend(numbered(100, 200, 1000)); shift != 200 {
		t.Errorf("200 rows came in above, and all moved by %d", shift)
	}
	wantRow(t, r, 200, "key300")
	if shift := r.prepend(numbered(0, 100, 1000)); shift != 100 || r.prev() != "" {
		t.Errorf("the first 100 moved all by %d, before them is %q", shift, r.prev())
	}
	wantRow(t, r, 0, "key0")
	r.pages[0].Prev = "x" // what was there is gone by now
	if shift := r.prepend(listPage{}); shift != 0 || r.prev() != "" {
		t.Errorf("nothing came in above, and all moved by %d", shift)
	}
	for r.next() != "" {
		r.append(numbered(r.end(), 200, 1000))
	}
	if r.size() != 1000 {
		t.Errorf("the whole list has room for %d rows", r.size())
	}
}

func TestRunForgetsRowsAboveThatAreGone(t *testing.T) {
	r := newRun(numbered(500, 100, 1000), 500)
	page := numbered(400, 100, 1000)
	page.Prev = "" // 400 rows were deleted meanwhile
	if shift := r.prepend(page); shift != -400 || r.above != 0 {
		t.Errorf("the rows moved by %d, %d are above", shift, r.above)
	}
	wantRow(t, r, 0, "key400")
}

func TestRunTakesAPageReadAnew(t *testing.T) {
	r := newRun(numbered(0, 100, 1000), 0)
	r.append(numbered(100, 100, 1000))
	r.append(numbered(200, 100, 1000))
	if at := r.pageAt(150); at != 1 || r.pageOf(r.pages[1].q) != 1 || r.pageAt(300) != -1 {
		t.Errorf("row 150 is on page %d", at)
	}
	same := numbered(100, 100, 1000)
	same.Objects[5].ETag = "new"
	r.replace(1, same)
	if o, _ := r.at(105); len(r.pages) != 3 || o.ETag != "new" {
		t.Errorf("%d pages are left, row 105 is %+v", len(r.pages), o)
	}
	other := numbered(100, 99, 999)
	r.replace(1, other)
	if len(r.pages) != 2 || r.total != 999 {
		t.Errorf("what follows a page that ends elsewhere stays: %d pages of %d", len(r.pages), r.total)
	}
	r.remove("key3")
	if o, _ := r.at(3); o.Key != "key4" || r.total != 998 || r.pages[0].Total != 999 {
		t.Errorf("after key3 went row 3 is %q of %d", o.Key, r.total)
	}
	r.append(listPage{})
	if r.next() != "" {
		t.Error("a list whose next page is empty goes on")
	}
}

func TestDrawnRows(t *testing.T) {
	for _, c := range []struct {
		g              grid
		offset, height float64
		n, from, to    int
	}{
		{grid{50, 1}, -400, 800, 1000, 0, 32}, // the list begins in the middle of the screen
		{grid{50, 1}, 0, 800, 10, 0, 10},
		{grid{50, 1}, 5000, 800, 1000, 92, 124},
		{grid{50, 1}, 49_500, 800, 1000, 968, 1000},
		{grid{50, 1}, 90_000, 800, 1000, 968, 1000}, // the list became shorter
		{grid{200, 4}, 2000, 800, 1000, 16, 96},
		{grid{1, 9}, 0, 5000, 100_000, 0, maxDrawn / 9 * 9},
		{grid{50, 1}, 0, 800, 0, 0, 0},
		{grid{50, 0}, 0, 800, 10, 0, 10}, // not measured yet
	} {
		from, to := c.g.drawn(c.offset, c.height, c.n)
		if from != c.from || to != c.to {
			t.Errorf("%+v at %v of %d rows: %d to %d, want %d to %d", c.g, c.offset, c.n, from, to, c.from, c.to)
		}
		above, below := c.g.space(from, to, c.n)
		drawn := float64(c.g.lines(to)-from/c.g.cols()) * c.g.Line
		if above+drawn+below != float64(c.g.lines(c.n))*c.g.Line {
			t.Errorf("%+v of %d rows: %v above, %v drawn and %v below are not the whole list", c.g, c.n, above, drawn, below)
		}
	}
}

// TestRowsKeepTheirElements: while the list is scrolled, a row that stays in the document
// stays in its place, and those that came move to where they belong, and no others.
func TestRowsKeepTheirElements(t *testing.T) {
	const n = 10_000
	g := grid{Line: 50, Cols: 1}
	from, to := g.drawn(0, 777, n)
	elements := slots(from, to) // in the order of the document
	for offset := 0.0; offset < 500*g.Line; offset += 170 {
		nextFrom, nextTo := g.drawn(offset, 777, n)
		if nextTo-nextFrom != to-from {
			t.Fatalf("at %v there are %d rows, %d before", offset, nextTo-nextFrom, to-from)
		}
		if float64(nextFrom)*g.Line > offset || float64(nextTo)*g.Line < offset+777 {
			t.Fatalf("at %v the rows from %d to %d do not fill the screen", offset, nextFrom, nextTo)
		}
		is, changed := map[int]int{}, 0
		for place, was := range slots(from, to) {
			is[was] = slots(nextFrom, nextTo)[place]
			if is[was] != was {
				changed++
			}
		}
		for i := range elements {
			elements[i] = is[elements[i]]
		}
		moved := 0
		for _, moves := range outOfOrder(elements) {
			if moves {
				moved++
			}
		}
		if changed > nextFrom-from || moved != changed {
			t.Fatalf("from %d to %d, %d rows changed and %d moved", from, nextFrom, changed, moved)
		}
		slices.Sort(elements)
		from, to = nextFrom, nextTo
	}
}

func TestFewestRowsMove(t *testing.T) {
	for _, c := range []struct {
		rows  []int
		moves string
	}{
		{nil, "[]"},
		{[]int{1, 2, 3}, "[false false false]"},
		{[]int{4, 1, 2, 3}, "[true false false false]"},
		{[]int{2, 3, 4, 0, 1}, "[false false false true true]"},
		{[]int{3, 2, 1}, "[false true true]"},
		{[]int{1, 9, 3, 8, 5, 6}, "[false true false true false false]"},
	} {
		if got := fmt.Sprint(outOfOrder(c.rows)); got != c.moves {
			t.Errorf("of %v move %s, want %s", c.rows, got, c.moves)
		}
	}
}

func TestPicks(t *testing.T) {
	var p picks
	for _, key := range []string{"a", "b", "a", "c"} {
		p.toggle(object(key))
	}
	if got := fmt.Sprint(p.keys()); got != "[b c]" || p.anchor != "c" || p.bytes() != 2*1234 || p.has("a") {
		t.Errorf("selected are %s of %d bytes, from %q on", got, p.bytes(), p.anchor)
	}
	p.drop("c")
	if p.anchor != "" || len(p.objects) != 1 {
		t.Errorf("after c went, %v are selected from %q on", p.keys(), p.anchor)
	}
	if many := numbered(0, 2*maxPicked, 2*maxPicked).Objects; p.add(many) || len(p.objects) != maxPicked || !p.has("b") {
		t.Errorf("%d objects are selected, want %d and no more", len(p.objects), maxPicked)
	}
}

func TestOutcomeOfADeletion(t *testing.T) {
	gone, failure := outcome([]string{"a", "b", "c"}, []api.KeyFailed{
		{Key: "a", Error: api.Errorf(api.NotFound, "none")}, {Key: "b", Error: api.Errorf(api.Unavailable, "later")},
	})
	if fmt.Sprint(gone) != "[a c]" || failure != "later" {
		t.Errorf("gone are %v, wrong is %q", gone, failure)
	}
}
