package ui

import (
	"cmp"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// passkeyButton offers, on the login page, to log in without a password.
func (p *loginPage) passkeyButton() app.UI {
	if p.link != "" || !p.ready || whyNoPasskeys() != "" {
		return nil
	}
	return app.Button().ID("login-passkey").Class("button").Type("button").Text(t("Log in with a passkey")).Disabled(p.busy).OnClick(p.onPasskey)
}

// noPasskeyHint says why that is not offered.
func (p *loginPage) noPasskeyHint() app.UI {
	if p.link != "" || !p.ready || whyNoPasskeys() == "" {
		return nil
	}
	return app.P().ID("login-no-passkey").Class("muted").Text(whyNoPasskeys())
}

func (p *loginPage) onPasskey(ctx app.Context, _ app.Event) {
	p.enter(ctx, func() (api.Credentials, error) {
		answer, err := askPasskey(ctx, "get", api.PasskeyPath)
		return api.Credentials{Passkey: answer}, err
	})
}

// passkeys lists them, and offers to add one. Before the list is there, what comes would
// move the button from under the mouse.
func (p *securityPage) passkeys() app.UI {
	if p.list.Who.Account == "" {
		return nil
	}
	rows := []app.UI{}
	for _, l := range p.list.Logins {
		if l.Kind == api.LoginPasskey {
			rows = append(rows, p.passkeyRow(l))
		}
	}
	return app.Section().ID("logins-"+api.LoginPasskey).Class("panel").Body(
		app.Div().Class("panel-head").Body(app.H2().Text(t("Passkeys"))),
		app.P().Class("muted").Text(t("They log you in without the password: by the lock of a device, or a security key. A new password ends them.")),
		app.Ul().Class("logins").Body(rows...),
		p.passkeyForm(),
	)
}

func (p *securityPage) passkeyRow(l api.Login) app.UI {
	name := l.Name + " · " + l.Account
	about := tf("added %s", exactTime(l.Created)) + " · "
	if l.Seen > 0 {
		about += tf("used %s from %s", exactTime(l.Seen), l.Address)
	} else {
		about += t("not used yet")
	}
	if l.Host != app.Window().Get("location").Get("hostname").String() {
		about += " · " + tf("for %s", l.Host)
	}
	return app.Li().DataSet("login", l.ID).Body(
		app.Div().Class("login-text").Body(app.Strong().Text(name), app.P().Class("muted").Text(about)),
		app.Button().Class("button button-small revoke").Type("button").Aria("label", tf("Remove %s", name)).Text(t("Remove")).
			OnClick(func(app.Context, app.Event) { p.removePasskey(l) }, l.ID))
}

func (p *securityPage) removePasskey(l api.Login) {
	p.s.ask(question{
		Title: t("Remove the passkey?"), Action: t("Remove"),
		Text: t("It logs nobody in any more, and other sessions that began with it end. The device goes on listing it until you delete it there."),
		do: func() {
			p.act(func() error { return securityRequest(p.s.ctx, "DELETE", api.SecurityPath+"/logins/"+l.ID) })
		},
	})
}

func (p *securityPage) passkeyForm() app.UI {
	if why := whyNoPasskeys(); why != "" {
		return app.P().ID("no-passkeys").Class("muted").Text(why)
	}
	here := browserName(app.Window().Get("navigator").Get("userAgent").String())
	return app.Form().Class("login-form").Attr("novalidate", "").OnSubmit(func(_ app.Context, e app.Event) {
		e.PreventDefault()
		p.addPasskey(cmp.Or(strings.TrimSpace(byID("passkey-name").Get("value").String()), here))
	}).Body(
		app.Div().Class("field").Body(app.Label().For("passkey-name").Text(t("Which device or key it is")),
			app.Input().ID("passkey-name").Type("text").AutoComplete(false).Attr("placeholder", here)),
		app.Button().ID("passkey-add").Class("button").Type("submit").Text(t("Add a passkey")),
	)
}

func (p *securityPage) addPasskey(name string) {
	p.act(func() error {
		made, err := askPasskey(p.s.ctx, "create", api.PasskeysPath)
		if err != nil {
			return err
		}
		err = post(p.s.ctx, api.PasskeysPath, api.NewPasskey{Name: name, Credential: made}, new(api.Login))
		if err == nil {
			p.s.ctx.Dispatch(func(app.Context) {
				setValue("passkey-name", "")
				p.s.tell(t("The passkey is added: you can log in with it."))
			})
		}
		return err
	})
}

// seenNewPassword is where the browser keeps that somebody has set a password and was
// not told of passkeys since.
const seenNewPassword = "memcache.new-password"

// lookPasskey looks whether to speak of passkeys.
func (sh *shell) lookPasskey() {
	sh.passkey = recall[bool](sh.s.seen, seenNewPassword).Value && whyNoPasskeys() == ""
}

// passkeyHint speaks of passkeys to somebody who has just set a password, until he has
// seen where they are or dismisses it.
func (sh *shell) passkeyHint() app.UI {
	if !sh.passkey || sh.Path == pathSecurity {
		return nil
	}
	return app.Div().ID("passkey-hint").Class("notice notice-update").Body(
		icon("key"), app.P().Text(t("You can log in without the password next time: with a passkey of this device.")),
		app.Button().ID("passkey-show").Class("button button-small").Type("button").Text(t("Add a passkey")).OnClick(func(ctx app.Context, _ app.Event) {
			sh.dropPasskeyHint()
			ctx.Navigate(pathSecurity)
		}),
		app.Button().ID("passkey-dismiss").Class("button-icon").Type("button").Aria("label", t("Dismiss this message")).
			Title(t("Dismiss this message")).Body(icon("close")).OnClick(func(app.Context, app.Event) { sh.dropPasskeyHint() }),
	)
}

func (sh *shell) dropPasskeyHint() {
	sh.passkey = false
	_ = keep(sh.s.seen, seenNewPassword, wallNow(), false)
}
