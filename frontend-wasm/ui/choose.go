package ui

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// chooser is where files come in: dropped, chosen, a folder, or a photograph that
// is taken now (on devices that are touched, which have the camera at hand).
func chooser(s *session) app.UI {
	if !s.may(api.ScopeWrite) {
		return s.rightsNote(api.ScopeWrite)
	}
	add := func(ctx app.Context, _ app.Event) {
		input := ctx.JSSrc()
		s.addFiles(input.Get("files"))
		input.Set("value", "") // the same ones can be chosen again
	}
	input := func(id string) app.HTMLInput {
		return app.Input().ID(id).Class("unseen").Type("file").OnChange(add, id)
	}
	return app.Div().ID("drop").Class("drop").Body(
		icon("upload"),
		app.P().Class("drop-text").Body(
			app.Span().Class("only-wide").Text(t("Drop or paste files and folders anywhere on this page")),
			app.Span().Class("only-narrow").Text(t("Keep files here")),
		),
		app.Div().Class("buttons").Body(
			app.Span().Body(
				input("files").Multiple(true),
				app.Label().Class("button button-primary").For("files").Text(t("Choose files"))),
			app.Span().Class("only-pointer").Body(
				input("folder").Attr("webkitdirectory", "").Multiple(true),
				app.Label().Class("button").For("folder").Text(t("Choose a folder"))),
			app.Span().Class("only-touch").Body(
				input("photo").Accept("image/*").Attr("capture", "environment"),
				app.Label().Class("button").For("photo").Text(t("Take a photograph"))),
		),
		keepsNothing(s),
	)
}

// keepsNothing says where nothing can wait for the network in this browser.
func keepsNothing(s *session) app.UI {
	if !s.noOutbox {
		return nil
	}
	return app.P().ID("offline-unavailable").Class("muted drop-note").
		Text(t("Offline use is not available in this window: the browser keeps nothing for it. Everything else works."))
}
