// Package ui is a small user interface that stands for the real one in the
// tests of package pages.
package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

// Register registers the pages.
func Register() {
	for _, path := range []string{"/", "/object", "/cache", "/stats", "/lab", "/login", "/security"} {
		app.RouteFunc(path, func() app.Composer { return &page{path: path} })
	}
}

// page shows its address, an object, and whether there is a new version.
type page struct {
	app.Compo
	path   string
	key    string
	live   bool
	update bool
}

func (p *page) OnPreRender(ctx app.Context) { ctx.Page().SetTitle("Test " + p.path) }

func (p *page) OnNav(ctx app.Context) {
	p.live = true
	p.key = ctx.Page().URL().Query().Get("key")
	p.update = ctx.AppUpdateAvailable()
	ctx.Page().SetTitle("Test " + p.path)
}

func (p *page) OnAppUpdate(ctx app.Context) { p.update = ctx.AppUpdateAvailable() }

func (p *page) Render() app.UI {
	return app.Main().ID("page").Class("b", "a").DataSet("live", p.live).Body(
		app.Raw(`<svg viewBox="0 0 8 8" aria-hidden="true" width="8"><path d="M0 0h8v8"/></svg>`),
		app.H1().ID("path").Title(`say "hi" & <bye>`).Text("Page "+p.path),
		app.Span().Aria("hidden", true).Text("•"),
		app.P().ID("key").Text(p.key),
		app.Input().ID("field").Disabled(!p.live),
		app.If(p.key == "photo", app.Img().ID("image").Alt("").Src("/objects/photo")),
		app.If(p.update, app.Button().ID("reload").Text("Reload").OnClick(p.onReload)),
		app.Button().ID("crash").Text("Crash").OnClick(p.onCrash),
	)
}

func (p *page) onReload(app.Context, app.Event) { app.Window().Call("memcacheReload") }

func (p *page) onCrash(app.Context, app.Event) { panic("the test wants it") }
