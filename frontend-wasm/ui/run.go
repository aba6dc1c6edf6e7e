package ui

import (
	"slices"

	"memcache/shared/api"
)

// Bounds of what is kept of the list: rows, and places of the rows that were let
// go. A list of a million keys stays that small.
const (
	maxKept  = 3000
	maxMarks = 10_000
	// maxBelow is how many rows that are not here yet the page is long enough for.
	maxBelow = 400
)

// run is the part of a list that is here: pages that follow each other. Rows are
// counted from the first one that was ever here; those at the ends are let go.
type run struct {
	pages []listPage
	above int         // rows before the pages, which were let go
	marks []milestone // where pages began, in order
	total int64
	exact bool
}

// listPage is what the server answered to q.
type listPage struct {
	q api.ListQuery
	api.List
}

// milestone is where a page begins and how it is asked for.
type milestone struct {
	at int
	q  api.ListQuery
}

// newRun begins a run with a page before which there are above rows.
func newRun(p listPage, above int) *run {
	r := &run{above: above}
	r.append(p)
	return r
}

func (r *run) loaded() int {
	n := 0
	for _, p := range r.pages {
		n += len(p.Objects)
	}
	return n
}

// end is the number of the row after the last one that is here.
func (r *run) end() int { return r.above + r.loaded() }

// size is how many rows the page has room for.
func (r *run) size() int {
	end := r.end()
	switch {
	case r.next() == "":
		return end
	case r.exact:
		return end + max(1, min(maxBelow, int(r.total)-end))
	}
	return end + moreRows
}

// at returns a row by its number, if it is here.
func (r *run) at(i int) (api.Object, bool) {
	i -= r.above
	for _, p := range r.pages {
		if i >= 0 && i < len(p.Objects) {
			return p.Objects[i], true
		}
		i -= len(p.Objects)
	}
	return api.Object{}, false
}

// rows returns those from a number up to another that are here.
func (r *run) rows(from, to int) []api.Object {
	var rows []api.Object
	for i := from; i < to; i++ {
		if o, ok := r.at(i); ok {
			rows = append(rows, o)
		}
	}
	return rows
}

// find returns the number of the row of key, -1 if it is not here.
func (r *run) find(key string) int {
	i := r.above
	for _, p := range r.pages {
		if j := slices.IndexFunc(p.Objects, func(o api.Object) bool { return o.Key == key }); j >= 0 {
			return i + j
		}
		i += len(p.Objects)
	}
	return -1
}

func (r *run) next() string { return r.pages[len(r.pages)-1].Next }

func (r *run) prev() string { return r.pages[0].Prev }

// append adds the page that follows, and lets the first ones go.
func (r *run) append(p listPage) {
	r.total, r.exact = p.Total, p.Exact
	if n := len(r.marks); n < maxMarks && (n == 0 || r.marks[n-1].at < r.end()) {
		r.marks = append(r.marks, milestone{r.end(), p.q})
	}
	if len(p.Objects) == 0 && len(r.pages) > 0 {
		r.pages[len(r.pages)-1].Next = ""
		return
	}
	r.pages = append(r.pages, p)
	for r.loaded() > maxKept {
		r.above += len(r.pages[0].Objects)
		r.pages = r.pages[1:]
	}
}

// prepend adds the page before, and lets the last ones go. It returns by how many
// rows all numbers have grown, or shrunk.
func (r *run) prepend(p listPage) (shift int) {
	r.total, r.exact = p.Total, p.Exact
	if len(p.Objects) == 0 {
		r.pages[0].Prev = ""
	} else {
		r.pages = append([]listPage{p}, r.pages...)
	}
	shift = max(0, len(p.Objects)-r.above)
	r.above = max(0, r.above-len(p.Objects))
	if r.prev() == "" {
		shift -= r.above
		r.above = 0
	}
	if shift != 0 {
		r.marks = nil // they are elsewhere now
	}
	for r.loaded() > maxKept {
		r.pages = r.pages[:len(r.pages)-1]
	}
	return shift
}

// seek tells how to get the row with a number far above the rows that are here.
func (r *run) seek(i int) (m milestone, ok bool) {
	for _, x := range r.marks {
		if x.at <= i {
			m, ok = x, true
		}
	}
	return m, ok
}

// pageAt returns the page that has a row, by the row's number: its place among the
// pages, -1 if it is not here.
func (r *run) pageAt(i int) int {
	i -= r.above
	for n, p := range r.pages {
		if i >= 0 && i < len(p.Objects) || i == 0 {
			return n
		}
		i -= len(p.Objects)
	}
	return -1
}

// pageOf returns the place of the page that was asked for by q, -1 if it is not here.
func (r *run) pageOf(q api.ListQuery) int {
	return slices.IndexFunc(r.pages, func(p listPage) bool { return p.q == q })
}

// replace puts a page that was read anew in its place. What comes after it is read
// anew, too, unless it still begins where this one ends.
func (r *run) replace(n int, p listPage) {
	r.total, r.exact = p.Total, p.Exact
	if p.Next != r.pages[n].Next || len(p.Objects) == 0 && len(r.pages) > 1 {
		r.pages = r.pages[:n+1]
	}
	r.pages[n] = p
}

// remove takes the row of a key out, as when it was deleted.
func (r *run) remove(key string) {
	for n, p := range r.pages {
		if i := slices.IndexFunc(p.Objects, func(o api.Object) bool { return o.Key == key }); i >= 0 {
			r.pages[n].Objects = slices.Delete(slices.Clone(p.Objects), i, i+1)
			r.pages[n].Total--
			r.total--
		}
	}
}
