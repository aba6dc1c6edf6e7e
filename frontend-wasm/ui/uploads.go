package ui

import (
	"fmt"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// maxUploadRows is how many chosen files are drawn at once.
const maxUploadRows = 60

// uploadsPanel shows the chosen files and how far they are. It redraws itself
// alone, so that progress does not redraw the page.
type uploadsPanel struct {
	app.Compo

	Key string // on an object's page: show only what replaces it

	s *session
}

// shown are the files that the panel shows, and how many there are besides.
func (p *uploadsPanel) shown() ([]*upload, int) {
	items, hidden := p.s.uploads.shown(maxUploadRows)
	if p.Key == "" {
		return items, hidden
	}
	var own []*upload
	for _, u := range items {
		if u.Replace && u.Key == p.Key {
			own = append(own, u)
		}
	}
	return own, 0
}

// OnMount follows the queue.
func (p *uploadsPanel) OnMount(ctx app.Context) {
	p.s.watch(p)
	ctx.Defer(func(app.Context) { p.fill() })
}

// OnDismount ends it.
func (p *uploadsPanel) OnDismount() { p.s.unwatch(p) }

func (p *uploadsPanel) sessionChanged(c change, _ *news) {
	if c&changeUploads != 0 {
		p.Update()
		p.s.ctx.Defer(func(app.Context) { p.fill() })
	}
}

// fill puts the keys into their fields, which move when a row goes.
func (p *uploadsPanel) fill() {
	items, _ := p.shown()
	for _, u := range items {
		if u.editable() {
			setValue(fmt.Sprintf("upload-key-%d", u.ID), u.Key)
		}
	}
}

// Render draws the panel, or nothing visible.
func (p *uploadsPanel) Render() app.UI {
	items, hidden := p.shown()
	if len(items) == 0 {
		return app.Section().ID("uploads").Class("uploads-none")
	}
	rows := make([]app.UI, 0, len(items))
	for _, u := range items {
		rows = append(rows, p.row(u))
	}
	var more app.UI
	if hidden > 0 {
		more = app.P().Class("muted").Text("and " + plural(int64(hidden), "more file"))
	}
	return app.Section().ID("uploads").Class("panel", "uploads").Aria("label", "Chosen files").Body(
		p.head(), app.Ul().Class("upload-list").Body(rows...), more)
}

func (p *uploadsPanel) head() app.UI {
	if p.Key != "" {
		return app.H2().Class("panel-head").Text("Replacing")
	}
	startable, busy, stored := p.s.uploads.counts()
	var buttons []app.UI
	if stored > 0 {
		buttons = append(buttons, app.Button().ID("clear-stored").Class("button").Type("button").Text("Clear finished").
			OnClick(p.onClear))
	}
	if startable > 0 {
		buttons = append(buttons, app.Button().ID("upload-all").Class("button button-primary").Type("button").Text("Upload all").
			OnClick(p.onAll))
	}
	title := "Ready to upload"
	switch {
	case busy > 0:
		title = "Uploading"
	case startable == 0:
		title = "Uploaded"
	}
	return app.Div().Class("panel-head").Body(app.H2().Text(title), app.Div().Class("buttons").Body(buttons...))
}

func (p *uploadsPanel) onClear(app.Context, app.Event) {
	p.s.uploads.removeStored()
	p.s.notify(changeUploads, nil)
}

func (p *uploadsPanel) onAll(app.Context, app.Event) { p.s.uploadAll() }

func (p *uploadsPanel) row(u *upload) app.UI {
	return app.Li().Class("upload").DataSet("upload", u.ID).DataSet("state", stateNames[u.State]).Body(
		app.Div().Class("upload-what").Body(p.key(u), app.P().Class("muted upload-name").Text(u.Name+" · "+api.FormatBytes(u.Size))),
		p.status(u),
		app.Div().Class("buttons").Body(p.buttons(u)...),
	)
}

// stateNames are what the attribute data-state says.
var stateNames = map[uploadState]string{
	uploadReady: "ready", uploadWaiting: "waiting", uploadSending: "sending", uploadStored: "stored", uploadFailed: "failed",
}

func (p *uploadsPanel) key(u *upload) app.UI {
	if !u.editable() {
		return app.P().Class("upload-key").Dir("auto").Text(u.Key)
	}
	id := fmt.Sprintf("upload-key-%d", u.ID)
	input := app.Input().ID(id).Class("upload-key-field").Type("text").AutoComplete(false).Spellcheck(false).Dir("auto").
		Aria("describedby", id+"-problem").
		OnInput(func(ctx app.Context, _ app.Event) { p.onKey(u, fieldValue(ctx)) }, u.ID).
		OnKeyDown(func(_ app.Context, e app.Event) { p.onEnter(u, e) }, u.ID)
	if p.s.uploads.problem(u) != "" {
		input = input.Aria("invalid", "true")
	}
	return app.Div().Class("field").Body(app.Label().For(id).Text("Key"), input)
}

func (p *uploadsPanel) onKey(u *upload, key string) {
	u.Key = key
	p.Update()
}

// onEnter sends the file when Enter is pressed in the field of its key.
func (p *uploadsPanel) onEnter(u *upload, e app.Event) {
	if e.Get("key").String() == "Enter" && p.s.uploads.problem(u) == "" {
		p.s.upload(u)
	}
}

// status is the progress, or what is wrong.
func (p *uploadsPanel) status(u *upload) app.UI {
	problem := fmt.Sprintf("upload-key-%d-problem", u.ID)
	switch u.State {
	case uploadWaiting, uploadSending:
		return app.Div().Class("upload-status").Body(
			app.Progress().Max(100).Value(u.percent()).Aria("label", "Progress of "+u.Name),
			app.P().Class("muted").Text(progressText(u)))
	case uploadStored:
		return app.Div().Class("upload-status").Body(app.P().Class("good").Body(icon("check"), app.Text("Stored")))
	case uploadFailed:
		return app.Div().Class("upload-status").Body(app.P().ID(problem).Class("bad").Text(u.Err))
	}
	if text := p.s.uploads.problem(u); text != "" {
		return app.Div().Class("upload-status").Body(app.P().ID(problem).Class("bad").Text(text))
	}
	return app.Div().Class("upload-status").Body(app.P().ID(problem))
}

// progressText writes how far an upload is: "3.2 MB of 12.0 MB, 27 %".
func progressText(u *upload) string {
	if u.State == uploadWaiting {
		return "Waiting for its turn"
	}
	if u.Sent >= u.Size {
		return "All sent, being stored …"
	}
	return fmt.Sprintf("%s of %s, %d %%", api.FormatBytes(u.Sent), api.FormatBytes(u.Size), u.percent())
}

func (p *uploadsPanel) buttons(u *upload) []app.UI {
	switch u.State {
	case uploadWaiting, uploadSending:
		return []app.UI{p.button(u, "cancel", "Cancel", "button", p.s.cancelUpload)}
	case uploadStored:
		return []app.UI{
			app.A().Class("button button-small").Attr("href", api.ViewPath(u.Key)).Aria("label", "View "+u.Key).Text("View"),
			p.remove(u, "Dismiss"),
		}
	case uploadFailed:
		return []app.UI{p.button(u, "send", "Retry", "button", p.s.upload), p.remove(u, "Remove")}
	}
	return []app.UI{p.button(u, "send", "Upload", "button", p.s.upload), p.remove(u, "Remove")}
}

func (p *uploadsPanel) button(u *upload, act, text, class string, do func(*upload)) app.UI {
	b := app.Button().Class(class, "button-small").Type("button").DataSet("act", act).Aria("label", text+" "+u.Name).Text(text).
		OnClick(func(app.Context, app.Event) { do(u) }, u.ID, act)
	if act == "send" && p.s.uploads.problem(u) != "" {
		b = b.Disabled(true)
	}
	return b
}

func (p *uploadsPanel) remove(u *upload, text string) app.UI {
	return app.Button().Class("button-icon").Type("button").DataSet("act", "remove").Aria("label", text+" "+u.Name).Title(text).
		Body(icon("close")).OnClick(func(app.Context, app.Event) {
		p.s.uploads.remove(u.ID)
		p.s.notify(changeUploads, nil)
	}, u.ID)
}
