package ui

import (
	"context"
	"net/url"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// loginPage asks for an account and its password, or, when a one-time link led
// here, for a new password. It stands alone: there is no connection to the server
// before, and everything begins anew after it.
type loginPage struct {
	app.Compo

	s      *session
	link   string // the secret of a one-time link
	ready  bool   // the program runs: what is typed before is lost
	busy   bool
	failed string
}

// unauthorized is the status with which the server says so. The package net/http is
// too large to be here.
const unauthorized = 401

// askedForLogin tells whether the server asks for a login.
func askedForLogin() bool { return app.IsClient && app.Getenv("MEMCACHE_LOGIN") != "" }

// checkLogin leads to the login page if that is why there is no connection.
func (s *session) checkLogin() {
	if !askedForLogin() {
		return
	}
	go func() {
		r, err := fetch(s.ctx, api.LoginPath, "")
		if err == nil && r.Status == unauthorized && r.Kept == "" {
			s.ctx.Dispatch(func(app.Context) {
				location := app.Window().Get("location")
				here := location.Get("pathname").String() + location.Get("search").String()
				s.leave(pathLogin + "?next=" + url.QueryEscape(here))
			})
		}
	}()
}

// OnMount takes the link out of the address, where it would stay in the history.
func (p *loginPage) OnMount(app.Context) {
	location := app.Window().Get("location")
	if _, link, ok := strings.Cut(location.Get("hash").String(), "#link="); ok {
		p.link = link
		app.Window().Get("history").Call("replaceState", nil, "", pathLogin)
	}
	p.ready = true
	p.Update()
}

// Render draws the form.
func (p *loginPage) Render() app.UI {
	title, action, kind := t("Log in"), t("Log in"), "current-password"
	fields := []app.UI{}
	if p.link != "" {
		title, action, kind = t("Set a password"), t("Set it and log in"), "new-password"
	} else {
		fields = append(fields, app.Div().Class("field").Body(
			app.Label().For("login-account").Text(t("Account")),
			p.whenReady(app.Input().ID("login-account").Type("text").Attr("autocomplete", "username").Attr("autocapitalize", "none").Attr("placeholder", "admin")),
		))
	}
	fields = append(fields, app.Div().Class("field").Body(
		app.Label().For("login-password").Text(t("Password")),
		p.whenReady(app.Input().ID("login-password").Type("password").Attr("autocomplete", kind).Aria("describedby", "login-hint login-problem")),
		app.P().ID("login-hint").Class("muted").Text(p.hint()),
		app.P().ID("login-problem").Class("bad").Role("alert").Text(p.failed),
	))
	do := app.Button().ID("login-do").Class("button button-primary").Type("submit").Text(action)
	if p.busy || !p.ready {
		do = do.Disabled(true)
	}
	return app.Div().ID("page-login").Class("page").Body(
		app.Div().Class("page-head").Body(app.H1().Text(title)),
		app.Form().Class("panel").Attr("novalidate", "").OnSubmit(p.onSubmit).Body(append(fields,
			app.Div().Class("buttons").Body(do, p.passkeyButton()), p.noPasskeyHint())...),
	)
}

func (p *loginPage) whenReady(input app.HTMLInput) app.UI {
	if !p.ready {
		input = input.Disabled(true)
	}
	return input
}

func (p *loginPage) hint() string {
	if p.link != "" {
		return t("At least 10 characters. The link works once. A new password ends the sessions and passkeys of the old.")
	}
	return t("A lost password is replaced with \"memcache-backend login\" on the machine of the server, or by an admin.")
}

func (p *loginPage) onSubmit(ctx app.Context, e app.Event) {
	e.PreventDefault()
	c := api.Credentials{Link: p.link, Password: byID("login-password").Get("value").String()}
	if p.link == "" {
		if c.Account = strings.TrimSpace(byID("login-account").Get("value").String()); c.Account == "" {
			c.Account = "admin"
		}
	}
	p.enter(ctx, func() (api.Credentials, error) { return c, nil })
}

// enter logs in, and goes where that leads.
func (p *loginPage) enter(ctx app.Context, credentials func() (api.Credentials, error)) {
	p.busy, p.failed = true, ""
	ctx.Async(func() {
		who := new(api.Who)
		c, err := credentials()
		if err == nil {
			err = post(ctx, api.LoginPath, c, who)
		}
		ctx.Dispatch(func(app.Context) {
			if err != nil {
				p.busy, p.failed = false, failure(err)
				return
			}
			_ = keep(p.s.seen, seenWho, wallNow(), who)
			if p.link != "" {
				_ = keep(p.s.seen, seenNewPassword, wallNow(), true)
			}
			app.Window().Get("location").Call("replace", nextPath(app.Window().URL().Query().Get("next")))
		})
	})
}

// nextPath is where a login leads: to an address of ours.
func nextPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.HasPrefix(next, `/\`) || strings.HasPrefix(next, pathLogin) {
		return pathObjects
	}
	return next
}

// logOut ends the session with the server, and leaves.
func (s *session) logOut() {
	go func() {
		status, answer, err := send(s.ctx, "DELETE", api.LoginPath, map[string]any{}, "")
		s.ctx.Dispatch(func(app.Context) {
			if err != nil || status >= 300 && status != unauthorized {
				s.complain(tf("You are still logged in: %s", lastWord(err, status, answer)))
				return
			}
			s.leave(pathLogin)
		})
	}()
}

// leave forgets what the browser keeps of what was seen, and goes to the login. What
// arrives until the page has gone is not kept any more.
func (s *session) leave(path string) {
	s.seen.forgetAll()
	s.seen = seen{}
	if worker := app.Window().Get("navigator").Get("serviceWorker"); worker.Truthy() && worker.Get("controller").Truthy() {
		worker.Get("controller").Call("postMessage", map[string]any{"type": "forget-all"})
	}
	app.Window().Get("location").Call("replace", path)
}

func lastWord(err error, status int, answer []byte) string {
	if err != nil {
		return t("the server cannot be reached: try again when it can")
	}
	return problemText(status, answer)
}

// securityRequest asks for what changes who is let in.
func securityRequest(ctx context.Context, method, path string) error {
	status, answer, err := send(ctx, method, path, map[string]any{}, "")
	switch {
	case err != nil:
		return api.Errorf(api.Unavailable, "the server cannot be reached: try again when it can").Because(err)
	case status >= 300:
		return refused(status, answer)
	}
	return nil
}
