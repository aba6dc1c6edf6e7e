package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// shareDialog makes a link to the object of a page, which needs no login.
type shareDialog struct {
	app.Compo

	Key string

	s       *session
	seconds int // for how long the link is to hold
	busy    bool
	made    *api.Share // the link to Key, once it is made
	madeFor string
	failed  string
}

// shareTimes are for how long a link can be made to hold, in seconds.
func shareTimes() []language {
	const hour = 60 * 60
	after := func(seconds int, name string) language { return language{strconv.Itoa(seconds), name} }
	return []language{
		after(hour, t("An hour")), after(24*hour, t("A day")), after(7*24*hour, t("A week")), after(api.MaxShare, t("30 days")),
	}
}

// OnMount begins with a day.
func (d *shareDialog) OnMount(app.Context) {
	if d.seconds == 0 {
		d.seconds = 24 * 60 * 60
	}
}

// Render draws the dialog.
func (d *shareDialog) Render() app.UI {
	make := app.Button().ID("share-make").Class("button button-primary").Type("button").Text(t("Make a link")).OnClick(d.onMake)
	if d.busy || !d.s.live() {
		make = make.Disabled(true)
	}
	return app.Dialog().ID("share").Class("dialog").Aria("labelledby", "share-title").Aria("describedby", "share-text").Body(
		app.H2().ID("share-title").Text(t("Share this object")),
		app.P().ID("share-text").Text(t("Whoever has the link can see the object without a login, until the link ends: always as it is stored under this key at the time. Once it is deleted or renamed, the link shows nothing.")),
		app.P().Text(d.caution()),
		choose("share-time", t("How long the link works"), shareTimes(), strconv.Itoa(d.seconds), d.setTime),
		d.link(),
		app.P().ID("share-problem").Class("bad").Role("alert").Text(d.failed),
		app.Div().Class("dialog-buttons").Body(
			app.Button().ID("share-close").Class("button").Type("button").Text(t("Close")).OnClick(func(app.Context, app.Event) { closeDialog("share") }),
			make),
	)
}

// caution is what to know besides.
func (d *shareDialog) caution() string {
	if d.s.guarded {
		return t("It ends sooner with your account, with a new password of it, or when an admin ends all links on the page Security.")
	}
	return t("Nobody has to log in at this server as it is: everybody who reaches it can see the object by its own address, too.")
}

func (d *shareDialog) setTime(seconds string) {
	d.seconds, _ = strconv.Atoi(seconds) // one of shareTimes
	d.made, d.failed = nil, ""
}

// link is the link that was made, to be copied.
func (d *shareDialog) link() app.UI {
	if d.made == nil || d.madeFor != d.Key {
		return nil
	}
	address := origin() + d.made.Path
	return app.Div().ID("shared").Class("field").Role("status").Body(
		app.Label().For("share-link").Text(tf("The link, until %s", exactTime(d.made.Expires))),
		app.Div().Class("with-button").Body(
			app.Input().ID("share-link").Type("text").ReadOnly(true).Spellcheck(false).Value(address).OnFocus(onSelectAll),
			app.Button().ID("share-copy").Class("button").Type("button").Body(icon("copy"), app.Text(t("Copy"))).
				OnClick(func(app.Context, app.Event) { d.s.copyText(address, t("The link is copied.")) }, address)),
	)
}

// sharing is the dialog of an object's page.
func (p *objectPage) sharing() app.UI {
	if !p.s.may(api.ScopeWrite) {
		return nil
	}
	return &shareDialog{s: p.s, Key: p.key}
}

func (p *objectPage) onShare(app.Context, app.Event) { openDialog("share") }

// shares is where an admin ends all links to objects. Which there are nobody knows.
func (p *securityPage) shares() app.UI {
	if !p.list.Who.Scope.Allows(api.ScopeAdmin) {
		return nil
	}
	return app.Section().ID("shares").Class("panel").Aria("labelledby", "shares-title").Body(
		app.Div().Class("panel-head").Body(app.H2().ID("shares-title").Text(t("Links to objects")),
			app.Button().ID("end-shares").Class("button button-quiet-danger").Type("button").Text(t("End all links")).OnClick(p.onEndShares)),
		app.P().Class("muted").Text(t("Links that were made on the pages of objects work without a login until they expire. They are not listed: they can only be ended all at once, or with the account that made them.")),
	)
}

func (p *securityPage) onEndShares(app.Context, app.Event) {
	p.s.ask(question{Title: t("End all links to objects?"), Text: t("Every link that was given away until now leads nowhere any more, for good. New ones can be made."), Action: t("End all links"), do: func() {
		p.act(func() error {
			err := securityRequest(p.s.ctx, "DELETE", api.SharesPath+"/all")
			if err == nil {
				p.s.dispatch(func() { p.s.tell(t("All links to objects are ended.")) })
			}
			return err
		})
	}})
}

func onSelectAll(ctx app.Context, _ app.Event) { ctx.JSSrc().Call("select") }

func (d *shareDialog) onMake(app.Context, app.Event) {
	d.busy, d.failed = true, ""
	n, made := api.NewShare{Key: d.Key, Seconds: d.seconds}, new(api.Share)
	go func() {
		err := post(d.s.ctx, api.SharesPath, n, made)
		d.s.ctx.Dispatch(func(app.Context) {
			d.busy, d.made, d.madeFor = false, made, n.Key
			if err != nil {
				d.made, d.failed = nil, failure(err)
			}
			d.Update()
		})
	}()
}
