package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/outbox"
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
	if c&(changeUploads|changeSending|changeConn) != 0 {
		p.Update()
	}
	if c&(changeUploads|changeConn) != 0 {
		p.s.ctx.Defer(func(app.Context) { p.fill() })
	}
}

// fill puts the keys into their fields, which move when a row goes.
func (p *uploadsPanel) fill() {
	items, _ := p.shown()
	for _, u := range items {
		if u.editable() {
			setValue(keyField(u), u.Key)
		}
	}
	setValue("upload-prefix", p.s.uploads.prefix)
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
		more = app.P().Class("muted").Text(tn(int64(hidden), "and %s more file", "and %s more files"))
	}
	return app.Section().ID("uploads").Class("panel", "uploads").Aria("label", t("Chosen files")).Body(
		p.head(), p.s.rightsNote(api.ScopeWrite), p.options(), p.conflicts(), app.Ul().Class("upload-list").Body(rows...), more)
}

func (p *uploadsPanel) head() app.UI {
	if p.Key != "" {
		return app.H2().Class("panel-head").Text(t("Replacing"))
	}
	n := p.s.uploads.tally()
	if !p.s.may(api.ScopeWrite) {
		return app.Div().Class("panel-head").Body(app.H2().Text(t("Kept until somebody logs in who may store them")))
	}
	var buttons []app.UI
	if n.stored > 0 {
		buttons = append(buttons, headButton("clear-stored", "button", t("Clear finished"), p.onClear))
	}
	if n.failed > 0 {
		buttons = append(buttons, headButton("retry-all", "button", t("Retry all"), p.onRetryAll))
	}
	if n.paused > 0 {
		buttons = append(buttons, headButton("resume-all", "button", t("Resume all"), p.onResumeAll))
	}
	if n.ready > 0 || n.failed > 0 {
		buttons = append(buttons, headButton("upload-all", "button button-primary", t("Upload all"), p.onAll))
	}
	return app.Div().Class("panel-head").Body(app.H2().Text(p.title(n)), app.Div().Class("buttons").Body(buttons...))
}

func headButton(id, class, text string, do app.EventHandler) app.UI {
	return app.Button().ID(id).Class(class).Type("button").Text(text).OnClick(do)
}

// title says "queued" where nothing can be sent now.
func (p *uploadsPanel) title(n tally) string {
	switch {
	case n.busy > 0 && p.s.away():
		return t("Queued until the server answers")
	case n.busy > 0:
		return t("Uploading")
	case n.ready+n.failed+n.conflicts > 0:
		return t("Ready to upload")
	case n.paused > 0:
		return t("Paused")
	}
	return t("Uploaded")
}

// options are what holds for all files that are still to be sent.
func (p *uploadsPanel) options() app.UI {
	files, photos, shrinking := 0, 0, 0
	for _, u := range p.s.uploads.items {
		if u.editable() {
			files++
			if u.Photo {
				photos++
			}
			if u.Shrink {
				shrinking++
			}
		}
	}
	if p.Key != "" || files == 0 || !p.s.may(api.ScopeWrite) {
		return nil
	}
	body := []app.UI{app.Div().Class("field").Body(
		app.Label().For("upload-prefix").Text(t("Before all keys")),
		app.Input().ID("upload-prefix").Class("upload-key-field").Type("text").AutoComplete(false).Spellcheck(false).Dir("auto").
			Placeholder("holiday/").OnInput(p.onPrefix),
	)}
	if photos > 0 {
		box := app.Input().ID("upload-shrink").Type("checkbox").OnChange(p.onShrink)
		if shrinking > 0 {
			box = box.Checked(true)
		}
		body = append(body, app.Label().Class("check").Body(box,
			app.Span().Text(tf("Make photographs smaller, to %d pixels", shrunkSide))))
	}
	return app.Div().Class("upload-options").Body(body...)
}

func (p *uploadsPanel) onPrefix(ctx app.Context, _ app.Event) {
	p.s.uploads.setPrefix(fieldValue(ctx))
	p.s.notify(changeUploads, nil)
}

func (p *uploadsPanel) onShrink(ctx app.Context, _ app.Event) {
	p.s.shrink = ctx.JSSrc().Get("checked").Bool()
	for _, u := range p.s.uploads.items {
		if u.editable() {
			u.Shrink = p.s.shrink && u.Photo
		}
	}
	p.Update()
}

// conflicts asks once for all files whose key is taken.
func (p *uploadsPanel) conflicts() app.UI {
	n := len(p.s.uploads.conflicts())
	if n == 0 || !p.s.may(api.ScopeWrite) {
		return nil
	}
	choices := []app.UI{
		headButton("conflict-replace", "button", t("Replace"), p.onReplace),
		headButton("conflict-both", "button", t("Keep both"), p.onBoth),
		headButton("conflict-skip", "button", t("Skip"), p.onSkip),
	}
	return app.Div().ID("conflicts").Class("upload-conflicts").Role("alert").Body(
		icon("warn"),
		app.P().Text(tn(int64(n), "The key of %s file holds another object than you have seen.", "The keys of %s files hold other objects than you have seen.")),
		app.Div().Class("buttons").Body(choices...))
}

func (p *uploadsPanel) onReplace(app.Context, app.Event) { p.s.resolve(remedyReplace) }
func (p *uploadsPanel) onBoth(app.Context, app.Event)    { p.s.resolve(remedyBoth) }
func (p *uploadsPanel) onSkip(app.Context, app.Event)    { p.s.resolve(remedySkip) }

func (p *uploadsPanel) onClear(app.Context, app.Event) {
	p.s.uploads.removeStored()
	p.s.notify(changeUploads, nil)
}

func (p *uploadsPanel) onAll(app.Context, app.Event)       { p.s.uploadAll(uploadReady, uploadFailed) }
func (p *uploadsPanel) onRetryAll(app.Context, app.Event)  { p.s.uploadAll(uploadFailed) }
func (p *uploadsPanel) onResumeAll(app.Context, app.Event) { p.s.uploadAll(uploadPaused) }

// what says what a row is about.
func (u *upload) what() string {
	switch u.Kind {
	case outbox.Delete:
		return tf("Delete %s", quoted(u.Key))
	case outbox.Rename:
		return tf("Rename %s to %s", quoted(u.Key), quoted(u.To))
	}
	return u.Key
}
