package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// shortcut is a line of the list that "?" opens.
type shortcut struct {
	Keys []string // pressed one after the other; a "+" joins those pressed together
	Does string
}

// shortcuts are all keys that are not the browser's own; those that change objects
// only where that may be done.
func (s *session) shortcuts() []shortcut {
	all := []shortcut{
		{[]string{"Ctrl+K"}, t("Go to any page or key")},
		{[]string{"?"}, t("Show this list")},
		{[]string{"g", "o"}, t("Objects")},
		{[]string{"g", "c"}, t("Cache")},
		{[]string{"g", "s"}, t("Statistics")},
		{[]string{"g", "l"}, t("Lab")},
		{[]string{"/"}, t("Search the keys")},
		{[]string{"↑", "↓"}, t("In the list: the object before and after; with Shift to select on the way")},
		{[]string{"Space"}, t("In the list: select the object; Ctrl+A all that are loaded, Esc none")},
	}
	if s.may(api.ScopeWrite) {
		all = append(all,
			shortcut{[]string{"Del"}, t("In the list: delete what is selected, or the object")},
			shortcut{[]string{"Ctrl+Z"}, t("Undo the last deletion, within ten seconds")})
	}
	return append(all,
		shortcut{[]string{"←", "→"}, t("In a chart: the sample before and after; Page up and Page down for ten, Home and End for the first and last")},
		shortcut{[]string{"Esc"}, t("Close a dialog")})
}

// chord is how long the second key of a shortcut may take.
const chord = time.Second

// keyboard follows the keys of the whole page.
type keyboard struct {
	s     *session
	first string    // of a shortcut of two keys
	at    time.Time // when first was pressed
}

// listen begins to follow them.
func (k *keyboard) listen() { listen(app.Window(), "keydown", k.onKey) }

func (k *keyboard) onKey(e app.Value) {
	key := e.Get("key").String()
	ctrl := e.Get("ctrlKey").Bool() || e.Get("metaKey").Bool()
	do := k.action(key, ctrl, time.Now())
	if do == nil || e.Get("altKey").Bool() || e.Get("defaultPrevented").Bool() {
		return
	}
	if ctrl && key == "z" && typing(e.Get("target")) {
		return // of the text
	}
	if !ctrl && (typing(e.Get("target")) || dialogOpen() || k.s.quiet()) {
		k.first = ""
		return
	}
	e.Call("preventDefault")
	k.s.ctx.Dispatch(func(app.Context) { do() })
}

// action is what a key does, or nil; it remembers the first of two.
func (k *keyboard) action(key string, ctrl bool, now time.Time) func() {
	first := k.first
	if now.Sub(k.at) > chord {
		first = ""
	}
	k.first = ""
	if ctrl {
		switch {
		case key == "k" || key == "K":
			return func() { k.s.togglePalette() }
		case key == "z" && len(k.s.undo) > 0:
			return k.s.undoLast
		}
		return nil
	}
	goTo := func(path string) func() { return func() { k.s.ctx.Navigate(path) } }
	switch first + key {
	case "g":
		k.first, k.at = "g", now
	case "go":
		return goTo(pathObjects)
	case "gc":
		return goTo(pathCache)
	case "gs":
		return goTo(pathStats)
	case "gl":
		return goTo(pathLab)
	case "?":
		return k.s.openHelp
	case "/":
		return k.s.searchKeys
	}
	return nil
}

// typing tells whether the key belongs to what has the focus.
func typing(target app.Value) bool {
	if !target.Truthy() || !target.Get("matches").Truthy() {
		return false
	}
	return target.Call("matches", "input:not([type=radio],[type=checkbox],[type=range],[type=button]), textarea, select, [contenteditable]").Bool()
}

// searchKeys goes to the search of the objects.
func (s *session) searchKeys() {
	if byID("search").Truthy() {
		focus("search")
		return
	}
	s.ctx.Navigate(pathObjects)
	s.ctx.After(100*time.Millisecond, func(app.Context) { focus("search") })
}

func (s *session) openHelp() { openDialog("help") }

func (s *session) togglePalette() {
	if d := byID("palette"); d.Truthy() && d.Get("open").Truthy() {
		closeDialog("palette")
		return
	}
	if !dialogOpen() && s.openPalette != nil {
		s.openPalette()
	}
}

// help is the list of the keys.
func (s *session) help() app.UI {
	rows := []app.UI{}
	for _, x := range s.shortcuts() {
		keys := make([]app.UI, 0, 2*len(x.Keys))
		for _, k := range x.Keys {
			keys = append(keys, app.Kbd().Text(k))
		}
		rows = append(rows, app.Div().Class("help-row").Body(app.Dt().Body(keys...), app.Dd().Text(x.Does)))
	}
	return app.Dialog().ID("help").Class("dialog").Aria("labelledby", "help-title").Body(
		app.H2().ID("help-title").Text(t("Keyboard shortcuts")),
		app.Dl().Class("help").Body(rows...),
		app.Div().Class("dialog-buttons").Body(
			app.Button().ID("help-close").Class("button").Type("button").Text(t("Close")).OnClick(func(app.Context, app.Event) { closeDialog("help") })),
	)
}
