package ui

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// securityPage shows by what one is let in, makes tokens and links, and revokes.
type securityPage struct {
	app.Compo

	s      *session
	list   api.Logins
	failed string // why the list is not there
	secret string // a token or a link, shown once

	tokenScope, linkScope api.Scope // as chosen in the two forms
}

// OnMount asks for the list.
func (p *securityPage) OnMount(app.Context) {
	p.tokenScope, p.linkScope = api.ScopeRead, api.ScopeRead
	p.load()
}

func (p *securityPage) load() {
	go func() {
		r, err := fetch(p.s.ctx, api.SecurityPath, "")
		var text []byte
		if err == nil {
			const most = 1 << 20
			text, err = r.bytes(p.s.ctx, most)
		}
		p.s.ctx.Dispatch(func(app.Context) {
			p.failed = ""
			switch {
			case err != nil:
				p.failed = lastWord(err, 0, nil)
			case r.Status != 200:
				p.failed = problemText(r.Status, text)
			default:
				p.list = api.Logins{}
				_ = json.Unmarshal(text, &p.list) // of our own making
			}
			p.Update()
		})
	}()
}

// Render draws the page.
func (p *securityPage) Render() app.UI {
	return app.Div().ID("page-security").Class("page").Body(
		app.Div().Class("page-head").Body(app.H1().Text(t("Security")),
			app.Button().ID("log-out").Class("button").Type("button").Text(t("Log out")).OnClick(func(app.Context, app.Event) { p.s.logOut() })),
		app.P().ID("security-problem").Class("bad").Role("alert").Text(p.failed),
		p.made(),
		p.panel(api.LoginSession, t("Sessions"), nil),
		p.passkeys(),
		p.panel(api.LoginToken, t("API tokens"), p.tokenForm()),
		p.panel(api.LoginAccount, t("Accounts"), p.accountForm()),
		p.panel(api.LoginLink, t("One-time links"), nil),
		p.shares(),
	)
}

// made shows a new secret, which nobody will see again.
func (p *securityPage) made() app.UI {
	if p.secret == "" {
		return nil
	}
	return app.Section().ID("secret").Class("panel").Role("status").Body(
		app.P().Text(t("This is shown once: keep it, or pass it on, now.")),
		app.P().Body(app.Code().ID("secret-text").Class("secret").Text(p.secret)),
		app.Div().Class("buttons").Body(app.Button().Class("button").Type("button").Text(t("Copy")).
			OnClick(func(app.Context, app.Event) { p.s.copyText(p.secret, t("Copied")) })),
	)
}

func (p *securityPage) panel(kind, title string, form app.UI) app.UI {
	rows := []app.UI{}
	for _, l := range p.list.Logins {
		if l.Kind == kind {
			rows = append(rows, p.row(l))
		}
	}
	if len(rows) == 0 && form == nil {
		return nil
	}
	return app.Section().ID("logins-"+kind).Class("panel").Body(
		app.Div().Class("panel-head").Body(app.H2().Text(title)),
		app.Ul().Class("logins").Body(rows...),
		form,
	)
}

func (p *securityPage) row(l api.Login) app.UI {
	name := l.Account
	switch {
	case l.Kind == api.LoginSession:
		name = browserName(l.Name) + " · " + l.Account
	case l.Name != "":
		name = l.Name + " · " + l.Account
	}
	about := scopeText(l.Scope)
	if l.Seen > 0 {
		about += " · " + tf("used %s from %s", exactTime(l.Seen), l.Address)
	}
	if l.Expires > 0 {
		about += " · " + tf("until %s", exactTime(l.Expires))
	}
	var action app.UI
	switch {
	case l.Own:
		action = app.Span().Class("muted").Text(t("this one"))
	case l.Kind == api.LoginAccount && l.Account == p.list.Who.Account:
		action = app.Button().ID("new-password").Class("button button-small").Type("button").Text(t("New password")).OnClick(p.onNewPassword)
	default:
		action = app.Button().Class("button button-small revoke").Type("button").Aria("label", tf("Revoke %s", name)).Text(t("Revoke")).
			OnClick(func(app.Context, app.Event) { p.revoke(l) }, l.ID)
	}
	return app.Li().DataSet("login", l.ID).Body(
		app.Div().Class("login-text").Body(app.Strong().Title(l.Name).Text(name), app.P().Class("muted").Text(about)), action)
}

// browserName says in two words what a browser says of itself, as far as it is known;
// else its first word.
func browserName(agent string) string {
	find := func(names ...[2]string) string {
		for _, n := range names {
			if strings.Contains(agent, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	// Those that name others, too, come first.
	browser := find([2]string{"Edg/", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"}, [2]string{"FxiOS/", "Firefox"},
		[2]string{"Chrome/", "Chrome"}, [2]string{"CriOS/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system := find([2]string{"Windows", "Windows"}, [2]string{"Android", "Android"}, [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"},
		[2]string{"Mac OS X", "macOS"}, [2]string{"CrOS", "ChromeOS"}, [2]string{"Linux", "Linux"})
	switch {
	case browser != "" && system != "":
		return tf("%s on %s", browser, system)
	case browser != "":
		return browser
	}
	word, _, _ := strings.Cut(agent, " ")
	return cmp.Or(word, t("Unknown browser"))
}

func scopeText(s api.Scope) string {
	switch s {
	case api.ScopeRead:
		return t("may look")
	case api.ScopeWrite:
		return t("may look and change objects")
	}
	return t("may do everything")
}

func (p *securityPage) revoke(l api.Login) {
	p.s.ask(question{Title: t("Revoke it?"), Text: t("Whoever uses it is let in no longer, within a few seconds."), Action: t("Revoke"), do: func() {
		p.act(func() error {
			return securityRequest(p.s.ctx, "DELETE", api.SecurityPath+"/logins/"+l.ID)
		})
	}})
}

// act does something that changes the list, and shows that.
func (p *securityPage) act(do func() error) {
	go func() {
		err := do()
		p.s.ctx.Dispatch(func(app.Context) {
			if err != nil {
				p.s.complain(failure(err))
				return
			}
			p.load()
		})
	}()
}

// make asks for a token or a link, and shows its secret.
func (p *securityPage) make(path string, body any, shown func(secret string)) {
	p.act(func() error {
		made := new(api.Secret)
		err := post(p.s.ctx, api.SecurityPath+path, body, made)
		if err == nil {
			p.s.ctx.Dispatch(func(app.Context) { shown(made.Secret) })
		}
		return err
	})
}

func (p *securityPage) tokenForm() app.UI {
	return app.Form().Class("login-form").Attr("novalidate", "").OnSubmit(func(_ app.Context, e app.Event) {
		e.PreventDefault()
		p.make("/tokens", api.NewToken{Name: byID("token-name").Get("value").String(), Scope: p.tokenScope}, func(s string) { p.secret = s })
	}).Body(
		app.Div().Class("field").Body(app.Label().For("token-name").Text(t("What the token is for")), app.Input().ID("token-name").Type("text").AutoComplete(false)),
		p.scopes("token-scope", &p.tokenScope),
		app.Button().ID("token-make").Class("button").Type("submit").Text(t("Make a token")),
	)
}

func (p *securityPage) accountForm() app.UI {
	if !p.list.Who.Scope.Allows(api.ScopeAdmin) {
		return nil
	}
	return app.Form().Class("login-form").Attr("novalidate", "").OnSubmit(func(_ app.Context, e app.Event) {
		e.PreventDefault()
		p.make("/links", api.NewLink{Account: byID("link-account").Get("value").String(), Scope: p.linkScope}, func(s string) { p.secret = origin() + s })
	}).Body(
		app.Div().Class("field").Body(app.Label().For("link-account").Text(t("Account to invite, or to give a new password")), app.Input().ID("link-account").Type("text").AutoComplete(false)),
		p.scopes("link-scope", &p.linkScope),
		app.Button().ID("link-make").Class("button").Type("submit").Text(t("Make a one-time link")),
	)
}

func (p *securityPage) scopes(id string, chosen *api.Scope) app.UI {
	var options []language
	for _, scope := range api.Scopes {
		if p.list.Who.Scope.Allows(scope) {
			options = append(options, language{string(scope), scopeText(scope)})
		}
	}
	return choose(id, t("Rights"), options, string(*chosen), func(code string) { *chosen = api.Scope(code) })
}

// onNewPassword goes by a link, too, which ends this session.
func (p *securityPage) onNewPassword(app.Context, app.Event) {
	p.make("/links", api.NewLink{Account: p.list.Who.Account}, func(path string) {
		app.Window().Get("location").Set("href", path)
	})
}
