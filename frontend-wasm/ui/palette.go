package ui

import (
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// palette is the dialog that Ctrl-K opens: it goes to any page or key, and
// carries out what belongs to no page.
type palette struct {
	app.Compo

	s     *session
	ctx   app.Context // nil until mounted
	query string
	at    int          // which choice Enter takes
	keys  []api.Object // found on the server for query
	typed int          // of the newest letter
	err   string       // why keys could not be searched
}

// choice is one line of the palette.
type choice struct {
	Title string
	Kind  string // said beside the title
	Icon  string
	do    func()
}

// maxFound is how many keys the palette shows.
const maxFound = 8

// OnMount waits to be opened.
func (p *palette) OnMount(ctx app.Context) {
	p.ctx = ctx
	p.s.openPalette = p.open
}

// OnDismount ends that.
func (p *palette) OnDismount() { p.s.openPalette = nil }

func (p *palette) open() {
	p.query, p.at, p.keys, p.err = "", 0, nil, ""
	p.Update()
	p.ctx.Defer(func(app.Context) {
		setValue("palette-input", "")
		openDialog("palette")
		focus("palette-input")
	})
}

// choices are the lines for what is typed: commands that contain it, then keys.
func (p *palette) choices() []choice {
	var found []choice
	for _, c := range p.commands() {
		if containsFold(c.Title, p.query) {
			found = append(found, c)
		}
	}
	for _, o := range p.keys {
		found = append(found, choice{
			Title: o.Key, Kind: size(o.Size), Icon: string(kindOf(o.Type)),
			do: func() { p.ctx.Navigate(api.ViewPath(o.Key)) },
		})
	}
	return found
}

func (p *palette) commands() []choice {
	page, command := t("Page"), t("Command")
	goTo := func(path string) func() { return func() { p.ctx.Navigate(path) } }
	theme := func(name string) func() { return func() { p.s.setTheme(name) } }
	return []choice{
		{t("Objects"), page, "objects", goTo(pathObjects)},
		{t("Cache"), page, "cache", goTo(pathCache)},
		{t("Statistics"), page, "stats", goTo(pathStats)},
		{t("Lab"), page, "lab", goTo(pathLab)},
		{t("Keyboard shortcuts"), command, "text", func() { p.s.openHelp() }},
		{t("Language and appearance"), command, "gear", func() { p.s.openPrefs() }},
		{t("Light colours"), command, "gear", theme("light")},
		{t("Dark colours"), command, "gear", theme("dark")},
		{t("Colours of the system"), command, "gear", theme("")},
	}
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(strings.TrimSpace(part)))
}

func (p *palette) onInput(ctx app.Context, _ app.Event) {
	p.query, p.at, p.err = fieldValue(ctx), 0, ""
	p.typed++
	typed := p.typed
	if strings.TrimSpace(p.query) == "" {
		p.keys = nil
		return
	}
	p.ctx.After(typingPause, func(app.Context) {
		if typed == p.typed {
			p.search(typed)
		}
	})
}

// search asks the server for keys; without it, what was seen last is searched.
func (p *palette) search(typed int) {
	if !p.s.live() {
		p.keys = p.s.searchKnown(p.query).Objects
		p.keys = p.keys[:min(len(p.keys), maxFound)]
		p.Update()
		return
	}
	list := new(api.List)
	p.s.call(api.MethodList, api.ListQuery{Search: p.query, Limit: maxFound}, list, func(err error) {
		if typed != p.typed {
			return
		}
		p.keys = list.Objects
		if err != nil {
			p.err = failure(err)
		}
		p.Update()
	})
}

func (p *palette) onKey(_ app.Context, e app.Event) {
	choices := p.choices()
	switch e.Get("key").String() {
	case "ArrowDown":
		p.at = wrap(p.at+1, len(choices))
	case "ArrowUp":
		p.at = wrap(p.at-1, len(choices))
	case "Enter":
		if p.at < len(choices) {
			p.take(choices[p.at])
		}
	default:
		return
	}
	e.PreventDefault()
	p.ctx.Defer(func(app.Context) {
		if chosen := byID(paletteID(p.at)); chosen.Truthy() {
			chosen.Call("scrollIntoView", map[string]any{"block": "nearest"})
		}
	})
}

// wrap keeps an index within n choices, going round at the ends.
func wrap(i, n int) int {
	if n == 0 {
		return 0
	}
	return (i + n) % n
}

func (p *palette) take(c choice) {
	closeDialog("palette")
	c.do()
}

func paletteID(i int) string { return "palette-" + count(int64(i)) }

// Render draws the dialog.
func (p *palette) Render() app.UI {
	choices := p.choices()
	items := make([]app.UI, 0, len(choices))
	for i, c := range choices {
		items = append(items, p.item(i, c))
	}
	status := tn(int64(len(choices)), "%s choice", "%s choices")
	if p.err != "" {
		status = tf("Keys could not be searched: %s", p.err)
	}
	input := app.Input().ID("palette-input").Class("palette-input").Type("text").AutoComplete(false).Spellcheck(false).Dir("auto").
		Placeholder(t("A page, a command or a key …")).Role("combobox").Aria("label", t("Go to")).Aria("expanded", "true").
		Aria("controls", "palette-list").Aria("autocomplete", "list").OnInput(p.onInput).OnKeyDown(p.onKey)
	if len(choices) > 0 {
		input = input.Aria("activedescendant", paletteID(p.at))
	}
	return app.Dialog().ID("palette").Class("dialog palette").Aria("label", t("Go to")).Body(
		input,
		app.Ul().ID("palette-list").Class("palette-list").Role("listbox").Aria("label", t("Choices")).Body(items...),
		app.P().Class("palette-status muted").Role("status").Text(status),
	)
}

func (p *palette) item(i int, c choice) app.UI {
	class, selected := "palette-item", "false"
	if i == p.at {
		class, selected = "palette-item palette-at", "true"
	}
	return app.Li().ID(paletteID(i)).Class(class).Role("option").Aria("selected", selected).
		OnClick(func(app.Context, app.Event) { p.take(c) }, c.Title, c.Kind).Body(
		icon(c.Icon), app.Span().Class("key").Dir("auto").Text(c.Title), app.Span().Class("muted").Text(c.Kind))
}
