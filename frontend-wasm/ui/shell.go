package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// shell is the frame of every page: the header, what is to be said about the
// connection, the page itself, toasts and the dialog. It is mounted once and
// stays when the address changes.
type shell struct {
	app.Compo

	Path string // of the page; go-app copies it from the new shell that a route makes

	s       *session
	ctx     app.Context
	said    notice // as it is drawn
	update  bool   // a new version is ready
	started bool
	install install
	passkey bool // they are to be spoken of
	renew   bool // the page is about to be mounted anew
}

func newShell(path string) *shell { return &shell{Path: path, s: newSession()} }

// OnMount connects; it runs in the browser only.
func (sh *shell) OnMount(ctx app.Context) {
	sh.ctx = ctx
	if sh.Path == pathLogin {
		sh.s.ctx, sh.s.seen = ctx, seen{storage: ctx.LocalStorage()}
		sh.s.watch(sh)
		return
	}
	sh.update = ctx.AppUpdateAvailable()
	if sh.started {
		return
	}
	sh.started = true
	sh.s.watch(sh)
	sh.s.start(ctx)
	sh.lookInstall(ctx)
	sh.lookPasskey()
	(&keyboard{s: sh.s}).listen()
}

// OnAppUpdate hears of a new version.
func (sh *shell) OnAppUpdate(ctx app.Context) { sh.update = ctx.AppUpdateAvailable() }

func (sh *shell) sessionChanged(c change, _ *news) {
	if c&changeTexts != 0 {
		sh.drawAnew()
		return
	}
	if c&(changeConn|changeCache|changeFrame|changeUploads) != 0 || sh.s.notice() != sh.said {
		sh.Update()
	}
}

// drawAnew mounts the page once more: a component that has not changed would keep
// the texts of the language before.
func (sh *shell) drawAnew() {
	sh.renew = true
	sh.Update()
	sh.ctx.Defer(func(app.Context) {
		sh.renew = false
		sh.Update()
	})
}

// Render draws the frame around the page.
func (sh *shell) Render() app.UI {
	return app.Div().ID("app").Class("app").Body(
		app.A().Class("skip").Href("#main").Text(t("Skip to the content")).OnClick(skipToMain),
		sh.header(),
		app.Div().Class("notices").Body(sh.notices()...),
		app.Main().ID("main").TabIndex(-1).Body(sh.page()),
		sh.toasts(),
		app.P().ID("announce").Class("unseen").Role("status").Text(sh.s.said),
		sh.dialog(),
		&palette{s: sh.s},
		sh.s.help(),
		sh.prefs(),
		app.Div().Class("drop-veil").Aria("hidden", "true").Body(
			app.Div().Class("drop-veil-card").Body(icon("upload"), app.Span().Text(t("Drop to add the files"))),
		),
	)
}

func skipToMain(_ app.Context, e app.Event) {
	e.PreventDefault()
	e.StopImmediatePropagation()
	focus("main")
}

func (sh *shell) page() app.UI {
	if sh.renew {
		return app.Div().Class("page")
	}
	switch sh.Path {
	case pathObject:
		return &objectPage{s: sh.s}
	case pathCache:
		return &cachePage{s: sh.s}
	case pathStats:
		return &statsPage{s: sh.s}
	case pathLab:
		return &labPage{s: sh.s}
	case pathLogin:
		return &loginPage{s: sh.s}
	case pathSecurity:
		return &securityPage{s: sh.s}
	}
	return &objectsPage{s: sh.s}
}

func (sh *shell) header() app.UI {
	if sh.Path == pathLogin {
		return app.Header().Class("top").Body(app.Div().Class("bar").Body(
			app.Span().Class("brand").Body(mark(), app.Span().Text("MemCache")),
			tool("open-prefs", "gear", t("Language and appearance"), sh.s.openPrefs),
		))
	}
	return app.Header().Class("top").Body(
		app.Div().Class("bar").Body(
			app.A().Class("brand").Href("/").Aria("label", "MemCache").Body(mark(), app.Span().Text("MemCache")),
			app.Nav().Class("nav").Aria("label", t("Main")).Body(
				sh.navLink("nav-objects", pathObjects, "objects", t("Objects"), sh.Path == pathObjects || sh.Path == pathObject),
				sh.navLink("nav-cache", pathCache, "cache", t("Cache"), sh.Path == pathCache),
				sh.navLink("nav-stats", pathStats, "stats", t("Statistics"), sh.Path == pathStats),
				sh.navLink("nav-lab", pathLab, "lab", t("Lab"), sh.Path == pathLab),
			),
			sh.sending(),
			sh.connection(),
			tool("open-palette", "search", t("Go to any page or key (Ctrl+K)"), sh.s.togglePalette),
			tool("open-prefs", "gear", t("Language and appearance"), sh.s.openPrefs),
		),
	)
}

// tool is a button of the header.
func tool(id, image, name string, do func()) app.UI {
	return app.Button().ID(id).Class("button-icon").Type("button").Aria("label", name).Title(name).Body(icon(image)).
		OnClick(func(app.Context, app.Event) { do() }, id)
}

func (sh *shell) navLink(id, path, image, text string, current bool) app.UI {
	a := app.A().ID(id).Class("nav-link").Href(path)
	if current {
		a = a.Aria("current", "page")
	}
	return a.Body(icon(image), app.Span().Text(text))
}

// sending tells on other pages that files are on their way.
func (sh *shell) sending() app.UI {
	_, busy, _ := sh.s.uploads.counts()
	if busy == 0 || sh.Path == pathObjects {
		return nil
	}
	text := tn(int64(busy), "Sending %s file", "Sending %s files")
	return app.A().ID("sending").Class("pill").Href("/").Aria("label", text).Body(icon("upload"),
		app.Span().Class("only-wide").Text(text), app.Span().Class("only-narrow").Text(count(int64(busy))))
}

// connection is the small light at the end of the header.
func (sh *shell) connection() app.UI {
	class, text := "connecting", t("Connecting")
	switch n := sh.s.notice(); {
	case n.Kind == "offline":
		class, text = "off", t("Offline")
	case n.Kind == "cache":
		class, text = "warn", t("Cache down")
	case sh.s.conn.Online:
		class, text = "on", t("Live")
	}
	return app.Span().ID("connection").Class("light", "light-"+class).DataSet("state", class).Body(app.Span().Class("light-dot"), app.Span().Class("light-text").Text(text))
}

// notices are the bars below the header. The element that is announced is
// always there, so that its changes are.
func (sh *shell) notices() []app.UI {
	n := sh.s.notice()
	sh.said = n
	class := "notice"
	if n.Text == "" {
		class = "notice notice-none"
	} else if n.Kind != "" {
		class = "notice notice-" + n.Kind
	}
	bar := app.Div().ID("notice").Class(class).DataSet("kind", n.Kind).Body(
		icon("warn"),
		app.P().Role("status").Body(app.Text(n.Text)),
		app.Span().Class("notice-retry").Aria("hidden", "true").Text(n.Retry),
		sh.retryButton(n),
	)
	return []app.UI{exposedNotice(), bar, sh.updateNotice(), sh.offer()}
}

// offer is one thing that may be of use, not two at once.
func (sh *shell) offer() app.UI {
	if hint := sh.passkeyHint(); hint != nil {
		return hint
	}
	return sh.installHint()
}

// exposedNotice warns of a server that lets in everybody who can reach it.
func exposedNotice() app.UI {
	if app.IsServer || app.Getenv("MEMCACHE_EXPOSED") == "" {
		return nil
	}
	return app.Div().ID("exposed").Class("notice", "notice-cache").Role("note").Body(icon("warn"),
		app.P().Text(t("Everyone who can reach this address may read, change and delete everything: this server was started with -insecure, without a login.")))
}

func (sh *shell) retryButton(n notice) app.UI {
	if n.Retry == "" {
		return nil
	}
	return app.Button().ID("retry").Class("button button-small").Type("button").Text(t("Try now")).OnClick(func(app.Context, app.Event) { sh.s.client.Retry() })
}

func (sh *shell) updateNotice() app.UI {
	if !sh.update {
		return nil
	}
	return app.Div().ID("update").Class("notice notice-update").Role("status").Body(
		icon("again"),
		app.P().Text(t("A new version of MemCache is ready.")),
		app.Button().ID("reload").Class("button button-small").Type("button").Text(t("Reload")).OnClick(sh.onReload),
	)
}

// onReload lets the waiting service worker take over, if the page can ask it
// to, and loads the page anew.
func (sh *shell) onReload(ctx app.Context, _ app.Event) {
	if f := app.Window().Get("memcacheReload"); f.Truthy() {
		f.Invoke()
		return
	}
	ctx.Reload()
}

func (sh *shell) toasts() app.UI {
	items := make([]app.UI, 0, len(sh.s.toasts))
	for _, m := range sh.s.toasts {
		items = append(items, sh.toast(m))
	}
	return app.Div().ID("toasts").Class("toasts").Aria("live", "polite").Body(items...)
}

func (sh *shell) toast(m toast) app.UI {
	class, image := "toast", "check"
	if m.Error {
		class, image = "toast toast-error", "warn"
	}
	return app.Div().Class(class).DataSet("toast", m.ID).Body(
		icon(image),
		app.P().Text(m.Text),
		toastButton(m),
		app.Button().Class("button-icon").Type("button").Aria("label", t("Dismiss this message")).Body(icon("close")).
			OnClick(func(app.Context, app.Event) { sh.s.dropToast(m.ID) }, m.ID),
	)
}

// toastButton does what the message offers.
func toastButton(m toast) app.UI {
	if m.Action == "" {
		return nil
	}
	return app.Button().Class("button button-small toast-action").Type("button").Text(m.Action).
		OnClick(func(app.Context, app.Event) { m.do() }, m.ID)
}

func (sh *shell) dialog() app.UI {
	q := sh.s.question
	return app.Dialog().ID("confirm").Class("dialog").Aria("labelledby", "confirm-title").Aria("describedby", "confirm-text").Body(
		app.H2().ID("confirm-title").Text(q.Title),
		app.P().ID("confirm-text").Text(q.Text),
		app.Div().Class("dialog-buttons").Body(
			app.Button().ID("confirm-no").Class("button").Type("button").Text(t("Cancel")).OnClick(func(app.Context, app.Event) { sh.s.answer(false) }),
			app.Button().ID("confirm-yes").Class("button button-danger").Type("button").Text(q.Action).OnClick(func(app.Context, app.Event) { sh.s.answer(true) }),
		),
	)
}

// asOf tells when what is shown was seen, if it is not as the server has it.
func asOf(s *session, at int64) app.UI {
	if at == 0 || s.live() || s.notice().Kind != "offline" {
		return nil
	}
	when := clock(at)
	if time.Since(time.UnixMilli(at)) > 20*time.Hour {
		when = exactTime(at)
	}
	return app.P().Class("as-of").DataSet("as-of", at).Title(exactTime(at)).Text(tf("As of %s – not live", when))
}
