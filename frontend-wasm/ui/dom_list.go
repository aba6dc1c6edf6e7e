package ui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// What the list needs of the document.

// scrollTop is how far the page is scrolled, in pixels.
func scrollTop() float64 { return app.Window().Get("scrollY").Float() }

func screenHeight() float64 { return app.Window().Get("innerHeight").Float() }

// listTop is how far below the top of the screen the list begins, in pixels.
func listTop() float64 {
	e := byID("rows")
	if !e.Truthy() {
		return 0
	}
	return e.Call("getBoundingClientRect").Get("top").Float()
}

// measure finds out how the rows stand on the page: they are all of one size.
func (p *objectsPage) measure() {
	e := byID("rows")
	if !e.Truthy() {
		return
	}
	first := e.Get("firstElementChild")
	if !first.Truthy() {
		return
	}
	p.grid = grid{Line: first.Call("getBoundingClientRect").Get("height").Float(), Cols: 1}
	if p.q.View == viewGrid {
		style := app.Window().Call("getComputedStyle", e)
		p.grid.Cols = len(strings.Fields(style.Get("gridTemplateColumns").String()))
		p.grid.Line += app.Window().Call("parseFloat", style.Get("rowGap")).Float()
	}
}

// toList scrolls to the beginning of the list, if that is above the screen.
func (p *objectsPage) toList() {
	if e := byID("list"); e.Truthy() && e.Call("getBoundingClientRect").Get("top").Float() < 0 {
		e.Call("scrollIntoView", map[string]any{"block": "start", "behavior": "instant"})
	}
}

// focused is which control of which row has the focus.
type focused struct{ row, control string }

// focusIn tells which one within the element with that id it is, if any.
func focusIn(id string) focused {
	e, active := byID(id), app.Window().Get("document").Get("activeElement")
	if !e.Truthy() || !active.Truthy() || !e.Call("contains", active).Bool() {
		return focused{}
	}
	row := active.Call("closest", "[data-i]")
	if !row.Truthy() {
		return focused{}
	}
	f := focused{row: row.Get("dataset").Get("i").String()}
	for _, class := range []string{"key-link", "pick", "delete"} {
		if active.Get("classList").Call("contains", class).Bool() {
			f.control = "." + class
		}
	}
	return f
}

// restore gives the focus back to that row, where drawing the rows has lost it, or to
// the element itself while the row is not in the document. It tells whether the row
// has what it had.
func (f focused) restore(id string) bool {
	e := byID(id)
	if f.row == "" || f.control == "" || !e.Truthy() || !focusLost(id) {
		return true
	}
	control := e.Call("querySelector", `[data-i="`+f.row+`"] `+f.control)
	if control.Truthy() {
		e = control
	}
	e.Call("focus", map[string]any{"preventScroll": true})
	return control.Truthy()
}

// focusLost tells whether nothing has the focus, or the element with that id itself.
func focusLost(id string) bool {
	document := app.Window().Get("document")
	active := document.Get("activeElement")
	return !active.Truthy() || active.Equal(document.Get("body")) || active.Equal(byID(id))
}

// arrange puts the rows within e in the order of their numbers.
func arrange(e app.Value) {
	children := e.Get("children")
	elements := make([]app.Value, children.Get("length").Int())
	rows := make([]int, len(elements))
	for i := range elements {
		elements[i] = children.Index(i)
		rows[i], _ = strconv.Atoi(elements[i].Call("getAttribute", "data-i").String())
	}
	if slices.IsSorted(rows) {
		return
	}
	moves, order := outOfOrder(rows), make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(rows[a], rows[b]) })
	var next any // null: at the end
	for _, i := range slices.Backward(order) {
		if moves[i] {
			e.Call("insertBefore", elements[i], next)
		}
		next = elements[i]
	}
}

// loadPictures gives the pictures within e their addresses. An element that was
// another row's first forgets that one's picture, which the browser would show
// until the new one is there.
func loadPictures(e app.Value) {
	pictures := e.Call("querySelectorAll", "img[data-src]")
	for i := range pictures.Get("length").Int() {
		img := pictures.Index(i)
		src := img.Get("dataset").Get("src").String()
		if img.Call("getAttribute", "src").Truthy() && img.Call("getAttribute", "src").String() == src {
			continue
		}
		img.Call("removeAttribute", "src")
		img.Call("removeAttribute", "data-loaded")
		img.Set("src", src)
	}
}

// listenToList follows the scrolling of the page, and shows pictures when they are
// there: until then, and where there is none, the icon behind them is to be seen.
func (s *session) listenToList() {
	w, waiting := app.Window(), false
	follow := func(app.Value) {
		if waiting || s.scrolled == nil {
			return
		}
		waiting = true
		s.dispatch(func() {
			if waiting = false; s.scrolled != nil {
				s.scrolled()
			}
		})
	}
	listen(w, "scroll", follow)
	listen(w, "resize", follow)
	document := w.Get("document")
	document.Call("addEventListener", "load", app.FuncOf(func(_ app.Value, args []app.Value) any {
		if img := args[0].Get("target"); img.Get("classList").Truthy() && img.Get("classList").Call("contains", "thumb").Bool() {
			img.Call("setAttribute", "data-loaded", "")
		}
		return nil
	}), true)
}
