package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// The functions here are for pages of many elements: each call of a chain such as
// app.Div().ID(…).Class(…) makes the program some 150 bytes larger.

// node is an element with an id and a class, either of which may be "", and what is
// in it.
func node(tag, id, class string, children ...app.UI) app.HTMLElem {
	e := app.Elem(tag)
	if id != "" {
		e = e.ID(id)
	}
	if class != "" {
		e = e.Class(class)
	}
	return e.Body(children...)
}

// words is an element with text in it.
func words(tag, id, class, text string) app.HTMLElem { return node(tag, id, class, app.Text(text)) }

// panel is a section with a heading, and something beside that, which may be nil.
func panel(id, title string, beside app.UI, children ...app.UI) app.UI {
	all := []app.UI{node("div", "", "panel-head", words("h2", id+"-title", "", title), beside)}
	return node("section", id, "panel", append(all, children...)...).Aria("labelledby", id+"-title")
}

// push is a button with a text and, unless image is "", a picture before it.
func push(id, class, image, text string, possible bool, do app.EventHandler) app.UI {
	b := app.Button().ID(id).Class(class).Type("button").OnClick(do, id)
	if !possible {
		b = b.Disabled(true)
	}
	if image == "" {
		return b.Text(text)
	}
	return b.Body(icon(image), app.Text(text))
}

// segment is one of several buttons of which one is pressed.
func segment(id, text string, pressed, possible bool, do func()) app.UI {
	b := app.Button().ID(id).Class("segment").Type("button").Aria("pressed", strconv.FormatBool(pressed)).Text(text).
		OnClick(func(app.Context, app.Event) { do() }, id)
	if !possible {
		b = b.Disabled(true)
	}
	return b
}

// table is one that may be wider than the page; name is what it is called.
func table(id, class, name string, head []string, rows ...app.UI) app.UI {
	heads := make([]app.UI, 0, len(head))
	for _, h := range head {
		heads = append(heads, words("th", "", "", h).Attr("scope", "col"))
	}
	return node("div", "", "scroll-x",
		node("table", id, class, node("thead", "", "", node("tr", "", "", heads...)), node("tbody", "", "", rows...)),
	).Attr("tabindex", 0).Attr("role", "region").Aria("label", name)
}

// field is an input with its name above it.
func field(id, name, kind string, do app.EventHandler) app.UI {
	input := app.Input().ID(id).Type(kind).AutoComplete(false).Spellcheck(false).OnInput(do, id)
	if kind == "number" {
		input = input.Attr("step", "any").Attr("min", "0").Attr("inputmode", "decimal")
	}
	return node("div", "", "field", app.Label().For(id).Text(name), input)
}

// selection is a choice with its name above it: values, each with what it is called.
func selection(id, name, value string, do app.EventHandler, options ...[2]string) app.UI {
	all := make([]app.UI, 0, len(options))
	for _, o := range options {
		option := app.Option().Attr("value", o[0]).Text(o[1])
		if o[0] == value {
			option = option.Selected(true)
		}
		all = append(all, option)
	}
	return node("div", "", "field", app.Label().For(id).Text(name), app.Select().ID(id).OnChange(do, id).Body(all...))
}
