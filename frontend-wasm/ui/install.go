package ui

import (
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// seenInstall is where the browser keeps that the hint was dismissed.
const seenInstall = "memcache.install"

// install is how the app can be installed, if the page should say so.
type install int

const (
	installNot install = iota // it cannot be, it is already, or the user does not want to hear of it
	installAsk                // the browser has a dialog for it
	installIOS                // the user has to find it in a menu
)

// installOf decides it. asks tells whether the browser has a dialog.
func installOf(asks, isInstalled, dismissed bool, userAgent string) install {
	switch {
	case isInstalled || dismissed:
		return installNot
	case asks:
		return installAsk
	case strings.Contains(userAgent, "iPhone") || strings.Contains(userAgent, "iPad"):
		return installIOS
	}
	return installNot
}

// lookInstall looks how the app can be installed now.
func (sh *shell) lookInstall(ctx app.Context) {
	agent := app.Window().Get("navigator").Get("userAgent").String()
	dismissed := recall[bool](sh.s.seen, seenInstall).Value
	sh.install = installOf(ctx.IsAppInstallable(), installed(), dismissed, agent)
}

// OnAppInstallChange hears that the app can be installed, or has been.
func (sh *shell) OnAppInstallChange(ctx app.Context) { sh.lookInstall(ctx) }

// installHint offers to install the app, until the user dismisses it.
func (sh *shell) installHint() app.UI {
	if sh.install == installNot {
		return nil
	}
	text := t("Install MemCache: it opens in a window of its own, also without a network.")
	var button app.UI
	if sh.install == installIOS {
		text = t("Install MemCache: open the Share menu of the browser and choose “Add to Home Screen”.")
	} else {
		button = app.Button().ID("install").Class("button button-small").Type("button").Text(t("Install")).OnClick(sh.onInstall)
	}
	return app.Div().ID("install-hint").Class("notice notice-update").Body(
		icon("download"), app.P().Text(text), button,
		app.Button().ID("install-dismiss").Class("button-icon").Type("button").Aria("label", t("Do not offer to install")).
			Title(t("Do not offer to install")).Body(icon("close")).OnClick(sh.onInstallDismiss),
	)
}

func (sh *shell) onInstall(ctx app.Context, _ app.Event) { ctx.ShowAppInstallPrompt() }

func (sh *shell) onInstallDismiss(app.Context, app.Event) {
	sh.install = installNot
	_ = keep(sh.s.seen, seenInstall, wallNow(), true)
}
