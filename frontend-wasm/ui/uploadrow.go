package ui

import (
	"fmt"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/outbox"
	"memcache/shared/api"
)

func (p *uploadsPanel) row(u *upload) app.UI {
	return app.Li().Class("upload").DataSet("upload", u.ID).DataSet("state", p.state(u)).Body(
		app.Div().Class("upload-what").Body(p.key(u), p.name(u)),
		p.status(u),
		app.Div().Class("buttons").Body(p.buttons(u)...),
	)
}

// stateNames are what the attribute data-state says, besides "queued".
var stateNames = map[uploadState]string{
	uploadReady: "ready", uploadWaiting: "waiting", uploadSending: "sending", uploadStored: "stored", uploadFailed: "failed",
	uploadPaused: "paused", uploadConflict: "conflict",
}

// state is what the row is for tests and styles: what waits for the server is
// queued.
func (p *uploadsPanel) state(u *upload) string {
	if u.State == uploadWaiting && p.s.away() {
		return "queued"
	}
	return stateNames[u.State]
}

func (p *uploadsPanel) name(u *upload) app.UI {
	if u.Kind != outbox.Upload {
		return nil
	}
	return app.P().Class("muted upload-name").Text(u.Name + " · " + size(u.Size))
}

func keyField(u *upload) string { return fmt.Sprintf("upload-key-%d", u.ID) }

func (p *uploadsPanel) key(u *upload) app.UI {
	if !u.editable() || !p.s.may(api.ScopeWrite) {
		return app.P().Class("upload-key").Dir("auto").Text(u.what())
	}
	id := keyField(u)
	input := app.Input().ID(id).Class("upload-key-field").Type("text").AutoComplete(false).Spellcheck(false).Dir("auto").
		Aria("describedby", id+"-problem").
		OnInput(func(ctx app.Context, _ app.Event) { p.onKey(u, fieldValue(ctx)) }, u.ID).
		OnKeyDown(func(_ app.Context, e app.Event) { p.onEnter(u, e) }, u.ID)
	if p.s.uploads.problem(u) != "" {
		input = input.Aria("invalid", "true")
	}
	return app.Div().Class("field").Body(app.Label().For(id).Text(t("Key")), input)
}

func (p *uploadsPanel) onKey(u *upload, key string) {
	p.s.uploads.setKey(u, key)
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
	problem := keyField(u) + "-problem"
	var body []app.UI
	switch u.State {
	case uploadWaiting, uploadSending, uploadPaused:
		if u.Kind == outbox.Upload {
			body = append(body, app.Progress().Max(100).Value(u.percent()).Aria("label", tf("Progress of %s", u.Name)))
		}
		body = append(body, app.P().Class("muted").Text(p.progressText(u)))
	case uploadStored:
		body = append(body, app.P().Class("good").Body(icon("check"), app.Text(t("Stored"))))
	case uploadFailed, uploadConflict:
		body = append(body, app.P().ID(problem).Class("bad").Text(u.Err))
	default:
		p1 := app.P().ID(problem)
		if text := p.s.uploads.problem(u); text != "" {
			p1 = p1.Class("bad").Text(text)
		}
		body = append(body, p1)
	}
	return app.Div().Class("upload-status").Body(body...)
}

// progressText writes how far an upload is: "3.2 MB of 12.0 MB, 27 %, 40 s left".
func (p *uploadsPanel) progressText(u *upload) string {
	sent, all := size(u.Sent), size(u.Size)
	switch {
	case u.State == uploadPaused:
		return tf("Paused at %s of %s", sent, all)
	case p.s.away() && (p.s.noOutbox || u.unsaved):
		return t("Waiting for the server: keep this page open")
	case p.s.away() && u.State == uploadSending && u.Sent > 0:
		return tf("Queued: it goes on from %s when the server answers", sent)
	case p.s.away():
		return t("Queued: it is sent when the server answers")
	case u.State == uploadWaiting && !p.s.may(api.ScopeWrite):
		return t("Waiting")
	case u.State == uploadWaiting:
		return t("Waiting for its turn")
	case u.Kind != outbox.Upload:
		return t("Asking the server …")
	case u.Sent >= u.Size:
		return t("All sent, being stored …")
	}
	text := tf("%s of %s, %d %%", sent, all, u.percent())
	if left := u.speed.left(u.Size - u.Sent); left > 0 {
		text += " · " + leftText(left)
	}
	return text
}

// leftText writes how many seconds something will take.
func leftText(seconds int) string {
	const minute, hour = 60, 3600
	switch {
	case seconds < minute:
		return tf("%d s left", seconds)
	case seconds < hour:
		return tf("%d min left", (seconds+minute/2)/minute)
	}
	return tf("%d h left", (seconds+hour/2)/hour)
}

func (p *uploadsPanel) buttons(u *upload) []app.UI {
	if !p.s.may(api.ScopeWrite) && u.State != uploadSending {
		return []app.UI{p.remove(u, t("Remove"))}
	}
	switch u.State {
	case uploadWaiting, uploadSending:
		if u.Kind != outbox.Upload {
			return []app.UI{p.button(u, "cancel", t("Cancel"), p.s.cancelUpload)}
		}
		return []app.UI{p.button(u, "pause", t("Pause"), p.s.pauseUpload), p.button(u, "cancel", t("Cancel"), p.s.cancelUpload)}
	case uploadPaused:
		return []app.UI{p.button(u, "send", t("Resume"), p.s.upload), p.remove(u, t("Remove"))}
	case uploadStored:
		return []app.UI{
			app.A().Class("button button-small").Attr("href", api.ViewPath(u.Key)).Aria("label", tf("View %s", u.Key)).Text(t("View")),
			p.remove(u, t("Dismiss")),
		}
	case uploadFailed:
		return []app.UI{p.button(u, "send", t("Retry"), p.s.upload), p.remove(u, t("Remove"))}
	case uploadConflict:
		if u.Kind != outbox.Upload {
			return []app.UI{p.button(u, "anyway", t("Do it anyway"), p.anyway), p.button(u, "skip", t("Leave it"), p.s.forget)}
		}
		return []app.UI{p.remove(u, t("Skip"))}
	}
	return []app.UI{p.button(u, "send", t("Upload"), p.s.upload), p.remove(u, t("Remove"))}
}

func (p *uploadsPanel) anyway(u *upload) {
	p.s.resolveOne(u, remedyReplace)
	p.s.pump()
}

func (p *uploadsPanel) button(u *upload, act, text string, do func(*upload)) app.UI {
	b := app.Button().Class("button", "button-small").Type("button").DataSet("act", act).Aria("label", text+" "+u.title()).Text(text).
		OnClick(func(app.Context, app.Event) { do(u) }, u.ID, act)
	if act == "send" && p.s.uploads.problem(u) != "" {
		b = b.Disabled(true)
	}
	return b
}

func (p *uploadsPanel) remove(u *upload, text string) app.UI {
	return app.Button().Class("button-icon").Type("button").DataSet("act", "remove").Aria("label", text+" "+u.title()).Title(text).
		Body(icon("close")).OnClick(func(app.Context, app.Event) { p.s.forget(u) }, u.ID)
}
