package ui

import (
	"context"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// pickBar is what can be done with the objects that are selected.
func (p *objectsPage) pickBar() app.UI {
	n := len(p.picks.objects)
	if n == 0 {
		return nil
	}
	button := func(id, image, text, class string, on app.EventHandler) app.UI {
		b := app.Button().ID(id).Class("button button-small", class).Type("button").Body(icon(image), app.Text(text)).OnClick(on)
		if id != "picked-delete" && !p.s.live() {
			b = b.Disabled(true)
		}
		return b
	}
	var invalidate, remove app.UI
	if p.s.may(api.ScopeWrite) {
		invalidate = button("picked-invalidate", "broom", t("Invalidate"), "", p.onInvalidatePicked)
		remove = button("picked-delete", "trash", t("Delete"), "button-quiet-danger", p.onDeletePicked)
	}
	return app.Div().ID("picked").Class("pick-bar").Role("group").Aria("label", t("With the selected objects")).Body(
		app.P().Class("pick-count").Text(tn(int64(n), "%s selected", "%s selected")+" · "+size(p.picks.bytes())),
		button("picked-zip", "download", t("Download as ZIP"), "", p.onZip),
		invalidate, remove,
		app.Button().ID("picked-none").Class("button-icon").Type("button").Aria("label", t("Select none")).Title(t("Select none")).
			Body(icon("close")).OnClick(func(app.Context, app.Event) { p.unpick() }),
	)
}

func (p *objectsPage) onDeletePicked(app.Context, app.Event) { p.delete(p.picks.objects) }

// delete deletes objects; what is gone is gone from the list at once.
func (p *objectsPage) delete(objects []api.Object) {
	keys := make([]string, len(objects))
	for i, o := range objects {
		keys[i] = o.Key
	}
	p.s.delete(keys, func(gone []string) {
		for _, key := range gone {
			p.run.remove(key)
			p.picks.drop(key)
		}
		p.redraw(p.follow)
	})
}

func (p *objectsPage) onInvalidatePicked(app.Context, app.Event) {
	keys := p.picks.keys()
	go func() {
		var failed error
		for _, key := range keys {
			ctx, cancel := context.WithTimeout(p.s.ctx, callTimeout)
			failed = p.s.client.Call(ctx, api.MethodInvalidate, api.KeyParams{Key: key}, nil)
			cancel()
			if failed != nil {
				break
			}
		}
		p.s.ctx.Dispatch(func(app.Context) {
			if failed != nil {
				p.s.complain(tf("Not invalidated: %s", failure(failed)))
				return
			}
			p.s.tell(tn(int64(len(keys)), "%s object is not in memory any more; the object itself stays.", "%s objects are not in memory any more; the objects themselves stay."))
		})
	}()
}

// onZip has the server pack what is selected, and the browser download that.
func (p *objectsPage) onZip(app.Context, app.Event) {
	keys := p.picks.keys()
	go func() {
		ctx, cancel := context.WithTimeout(p.s.ctx, callTimeout)
		defer cancel()
		var archive api.Archive
		err := post(ctx, api.Base+"/archives", api.Keys{Keys: keys}, &archive)
		p.s.ctx.Dispatch(func(app.Context) {
			if err != nil {
				p.s.complain(tf("Not downloaded: %s", failure(err)))
				return
			}
			download(archive.Path)
		})
	}()
}
