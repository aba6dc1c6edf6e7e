package ui

import (
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// What can be done with an object, besides looking at it.

func (p *objectPage) onCopy(app.Context, app.Event) {
	p.s.copyText(app.Window().Get("location").Get("href").String(), t("The link is copied."))
}

func (p *objectPage) onCurl(app.Context, app.Event) {
	p.s.copyText(curlCommand(p.key), t("The command is copied."))
}

// curlCommand is how a program gets the object.
func curlCommand(key string) string {
	name := key[strings.LastIndex(key, "/")+1:]
	switch {
	case strings.Trim(name, ".") == "":
		name = "object"
	case strings.HasPrefix(name, "-"):
		name = "./" + name
	}
	address := strings.ReplaceAll(origin()+api.ObjectPath(key), "'", "%27")
	return "curl -o " + shellWord(name) + " '" + address + "'"
}

// shellWord quotes s for a POSIX shell, if that needs it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (strings.ContainsRune("._-/", r) || 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9')
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (p *objectPage) onDelete(app.Context, app.Event) {
	p.s.delete([]string{p.key}, func(gone []string) {
		if len(gone) > 0 {
			p.s.ctx.Navigate(pathObjects)
		}
	})
}

func (p *objectPage) onInvalidate(app.Context, app.Event) {
	p.s.invalidate(p.key, func(error) { p.loadCached() })
}

// onRename opens the form of a new key, or closes it.
func (p *objectPage) onRename(app.Context, app.Event) {
	if p.renaming = !p.renaming; p.renaming {
		p.ctx.Defer(func(app.Context) {
			setValue("rename-to", p.key)
			focus("rename-to")
		})
	}
}

func (p *objectPage) renameForm() app.UI {
	if !p.renaming {
		return nil
	}
	return app.Form().ID("rename-form").Class("panel with-button").OnSubmit(p.onRenameTo).OnKeyDown(p.onRenameKey).Body(
		app.Div().Class("field").Body(
			app.Label().For("rename-to").Text(t("New key")),
			app.Input().ID("rename-to").Type("text").AutoComplete(false).Spellcheck(false).Dir("auto")),
		app.Button().ID("rename-do").Class("button button-primary").Type("submit").Text(t("Rename")),
		app.Button().ID("rename-no").Class("button").Type("button").Text(t("Cancel")).OnClick(p.onRename),
	)
}

func (p *objectPage) onRenameKey(ctx app.Context, e app.Event) {
	if e.Get("key").String() == "Escape" {
		p.onRename(ctx, e)
		focus("rename")
	}
}

func (p *objectPage) onRenameTo(_ app.Context, e app.Event) {
	e.PreventDefault()
	to := byID("rename-to").Get("value").String()
	if err := api.CheckKey(to); err != nil {
		p.s.complain(failure(err))
		return
	}
	if to != p.key {
		p.rename(to, false)
	}
}

// rename gives the object another key; what has that one is replaced only after a
// question.
func (p *objectPage) rename(to string, replace bool) {
	from := p.key
	if p.s.away() && p.s.renameLater(from, to, p.s.seen.object(from).Value.ETag) {
		p.renaming = false
		p.s.tell(tf("Queued: %s is renamed when the server answers", quoted(from)))
		return
	}
	p.s.call(api.MethodRename, api.Transfer{From: from, To: to, Replace: replace}, new(api.Object), func(err error) {
		e := api.AsError(err)
		switch {
		case e == nil:
			_ = p.s.seen.forgetObject(wallNow(), from)
			p.s.tell(tf("Renamed to %s", quoted(to)))
			p.renaming = false
			p.s.ctx.Navigate(api.ViewPath(to))
		case e.Code == api.PreconditionFailed && !replace:
			p.s.ask(question{
				Title: t("Replace the other object?"), Text: tf("%s exists already and would be gone for good.", quoted(to)), Action: t("Replace"),
				do: func() { p.rename(to, true) },
			})
		default:
			p.s.complain(tf("Not renamed: %s", failure(e)))
		}
	})
}

// loadCached asks whether the object is in the cache.
func (p *objectPage) loadCached() {
	if !p.s.live() || p.key == "" || api.CheckKey(p.key) != nil {
		return
	}
	key, known := p.key, new(api.Cached)
	p.s.call(api.MethodCached, api.KeyParams{Key: key}, known, func(err error) {
		if key != p.key || p.ctx.Err() != nil {
			return
		}
		p.cached = known
		if err != nil {
			p.cached = nil
		}
		p.Update()
	})
}

// cacheState is what is known of the object in the cache.
func (p *objectPage) cacheState() app.UI {
	c := p.cached
	if c == nil {
		return nil
	}
	state, rows := t("no"), []app.UI{}
	if c.Cached {
		state = t("yes")
		if c.Since != 0 {
			rows = append(rows, fact(t("Since"), app.Text(ago(p.now, c.Since)+" · "+clock(c.Since))))
		}
		read := t("not since it came in")
		if c.Read {
			read = ago(c.Idle*1000, 0)
		}
		rows = append(rows, fact(t("Read"), app.Text(read)), fact(t("In memory"), app.Text(size(c.Bytes))))
	}
	rows = append([]app.UI{fact(t("In the cache"), app.Text(state))}, rows...)
	return app.Dl().ID("cached").Class("facts").DataSet("cached", c.Cached).Body(rows...)
}
