package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// rowOf returns the row that an element belongs to.
func (p *objectsPage) rowOf(e app.Value) (i int, o api.Object, ok bool) {
	row := e.Call("closest", "[data-i]")
	if !row.Truthy() || p.run == nil {
		return 0, api.Object{}, false
	}
	i, err := strconv.Atoi(row.Get("dataset").Get("i").String())
	if err != nil {
		return 0, api.Object{}, false
	}
	o, ok = p.run.at(i)
	return i, o, ok
}

// onRows takes the clicks on rows: one listener for all of them.
func (p *objectsPage) onRows(_ app.Context, e app.Event) {
	target := e.Get("target")
	if !target.Truthy() {
		return
	}
	i, o, ok := p.rowOf(target)
	within := func(selector string) bool { return target.Call("closest", selector).Truthy() }
	shift, ctrl := e.Get("shiftKey").Truthy(), e.Get("ctrlKey").Truthy() || e.Get("metaKey").Truthy()
	switch {
	case !ok:
	case within(".delete"):
		p.delete([]api.Object{o})
	case within(".pick"), !within(".key-link") && (ctrl || shift):
		p.pick(i, o, shift)
	case within(".key-link"):
		p.leave()
	}
}

// pick selects a row, or with extend all from the one that was selected last.
func (p *objectsPage) pick(i int, o api.Object, extend bool) {
	from := p.run.find(p.picks.anchor)
	room := true
	if extend && from >= 0 {
		room = p.picks.add(p.run.rows(min(from, i), max(from, i)+1))
	} else if p.picks.has(o.Key) || len(p.picks.objects) < maxPicked {
		p.picks.toggle(o)
	} else {
		room = false
	}
	p.picked(room)
}

// picked shows what is selected now.
func (p *objectsPage) picked(room bool) {
	if !room {
		p.s.complain(tf("At most %s objects can be selected.", count(maxPicked)))
	}
	p.s.say(tn(int64(len(p.picks.objects)), "%s object selected", "%s objects selected"))
	p.redraw(nil)
}

func (p *objectsPage) unpick() {
	p.picks = picks{}
	p.picked(true)
}

// onRowsKey moves between the rows, and selects them.
func (p *objectsPage) onRowsKey(_ app.Context, e app.Event) {
	i, o, ok := p.rowOf(e.Get("target"))
	key, ctrl, shift := e.Get("key").String(), e.Get("ctrlKey").Truthy() || e.Get("metaKey").Truthy(), e.Get("shiftKey").Truthy()
	cols := p.grid.cols()
	moves := map[string]int{"ArrowDown": cols, "ArrowUp": -cols}
	if cols > 1 {
		moves["ArrowRight"], moves["ArrowLeft"] = 1, -1
	}
	move, isMove := moves[key]
	switch {
	case key == "Escape" && len(p.picks.objects) > 0:
		p.unpick()
	case ctrl && key == "a" && p.run != nil:
		p.picked(p.picks.add(p.run.rows(p.run.above, p.run.end())))
	case !ok || ctrl:
		return
	case isMove:
		p.step(i, i+move, o, shift)
	case key == " " && e.Get("target").Get("classList").Call("contains", "key-link").Bool():
		p.pick(i, o, shift)
	case key == "Delete":
		p.deletePickedOr(o)
	default:
		return
	}
	e.PreventDefault()
}

// step moves the focus from one row to another, and with extend selects on the way.
func (p *objectsPage) step(from, to int, o api.Object, extend bool) {
	next, ok := p.run.at(to)
	if !ok {
		return
	}
	if extend {
		if p.picks.anchor == "" || p.run.find(p.picks.anchor) < 0 {
			p.pick(from, o, false)
		}
		p.pick(to, next, true)
	}
	p.focusRow(to)
}

// focusRow scrolls to a row and focuses its link.
func (p *objectsPage) focusRow(i int) {
	link := `#rows [data-i="` + strconv.Itoa(i) + `"] .key-link`
	e := app.Window().Get("document").Call("querySelector", link)
	if !e.Truthy() {
		return
	}
	e.Call("focus", map[string]any{"preventScroll": true})
	e.Call("scrollIntoView", map[string]any{"block": "nearest", "behavior": "instant"})
}

func (p *objectsPage) deletePickedOr(o api.Object) {
	if p.s.forbidden(api.ScopeWrite) {
		return
	}
	if len(p.picks.objects) > 0 {
		p.onDeletePicked(nil, app.Event{})
		return
	}
	p.delete([]api.Object{o})
}
