package ui

import (
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// Render draws the page.
func (p *objectPage) Render() app.UI {
	if p.missing {
		return p.notFound()
	}
	return app.Div().ID("page-object").Class("page").Body(
		app.A().Class("back").Href("/").Body(icon("back"), app.Text(t("All objects"))),
		app.Div().Class("page-head").Body(app.H1().ID("object-key").Class("key").Dir("auto").Text(p.title()), asOf(p.s, p.asOf)),
		p.actions(),
		p.renameForm(),
		&uploadsPanel{s: p.s, Key: p.key},
		app.Div().Class("object").Body(
			app.Section().ID("preview").Class("panel", "preview").Aria("label", t("The object")).Body(p.preview()),
			app.Div().Class("side").Body(p.source(), p.facts()),
		),
		p.sharing(),
	)
}

// title is the key, or room for it.
func (p *objectPage) title() string {
	if p.key == "" {
		return "\u00a0"
	}
	return p.key
}

func (p *objectPage) notFound() app.UI {
	return app.Div().ID("not-found").Class("page").Body(
		app.Div().Class("panel empty").Body(
			icon("objects"),
			app.H1().Text(t("There is no such object")),
			app.P().Class("key").Dir("auto").Text(p.title()),
			app.P().Text(t("It may have been deleted, or its key is spelt differently: capital letters, spaces and slashes count.")),
			app.A().Class("button button-primary").Href("/").Text(t("All objects")),
		),
	)
}

func (p *objectPage) actions() app.UI {
	name := p.key[strings.LastIndex(p.key, "/")+1:]
	// Before the program runs there is no key to link to.
	download := app.A().ID("download").Class("button").Body(icon("download"), app.Text(t("Download")))
	if p.key != "" {
		download = download.Attr("href", api.ObjectPath(p.key)).Attr("download", name)
	}
	copies := []app.UI{
		app.Button().ID("copy").Class("button").Type("button").Body(icon("copy"), app.Text(t("Copy link"))).OnClick(p.onCopy),
		app.Button().ID("copy-curl").Class("button").Type("button").Body(icon("terminal"), app.Text(t("Copy curl command"))).OnClick(p.onCurl),
	}
	if !p.s.may(api.ScopeWrite) {
		return app.Div().Class("actions").Body(append([]app.UI{download}, copies...)...)
	}
	return app.Div().Class("actions").Body(
		download,
		app.Button().ID("open-share").Class("button").Type("button").Aria("haspopup", "dialog").Body(icon("share"), app.Text(t("Share"))).OnClick(p.onShare),
		app.Input().ID("replace").Class("unseen").Type("file").OnChange(p.onReplace),
		app.Label().Class("button").For("replace").Body(icon("replace"), app.Text(t("Replace"))),
		app.Button().ID("invalidate").Class("button").Type("button").Title(t("Drop the copy in memory; the object stays")).
			Body(icon("broom"), app.Text(t("Invalidate"))).OnClick(p.onInvalidate),
		app.Button().ID("rename").Class("button").Type("button").Aria("expanded", strconv.FormatBool(p.renaming)).Body(icon("rename"), app.Text(t("Rename"))).OnClick(p.onRename),
		copies[0], copies[1],
		app.Button().ID("delete").Class("button button-quiet-danger").Type("button").Body(icon("trash"), app.Text(t("Delete"))).OnClick(p.onDelete),
	)
}

// preview shows the object in the manner of its kind.
func (p *objectPage) preview() app.UI {
	switch {
	case p.object == nil && p.err != "":
		return p.card("warn", t("This object could not be read"), p.err)
	case p.object == nil && p.offline():
		return p.card("objects", t("Not here while offline"), t("This browser has not seen the object yet. It is shown when the server answers."))
	case p.object == nil:
		return app.Div().Class("preview-wait").Aria("busy", "true")
	case p.view.err != "" && p.offline():
		return p.card("objects", t("Not here while offline"), t("This browser has not kept the bytes. They are shown again when the server answers."))
	case p.view.err != "":
		return p.card("warn", t("The bytes could not be shown"), p.view.err)
	case p.view.broken:
		return p.card(string(kindOf(p.object.Type)), t("No preview"), tf("The browser cannot show this %s. Download it to open it elsewhere.", kindName(kindOf(p.object.Type))))
	}
	return p.content(*p.object)
}

func (p *objectPage) content(o api.Object) app.UI {
	path := api.ObjectPath(o.Key)
	switch kindOf(o.Type) {
	case kindImage:
		src := p.view.imageSource(o)
		if src == "" {
			return p.waiting()
		}
		return app.Div().Class("preview-zoom").Body(
			app.Div().Class("preview-image").TabIndex(0).Aria("label", t("The image")).Role("region").Body(
				app.Img().ID("preview-image").Attr("src", src).Attr("alt", o.Key).On("error", p.onBroken).OnClick(p.onImageClick)),
			p.zoomTools())
	case kindVideo:
		return app.Video().ID("preview-video").Attr("src", path).Controls(true).Attr("preload", "metadata").
			Attr("playsinline", "").Attr("aria-label", o.Key).On("error", p.onBroken)
	case kindAudio:
		return app.Div().Class("preview-audio").Body(icon("audio"),
			app.Audio().ID("preview-audio").Attr("src", path).Controls(true).Attr("preload", "metadata").
				Attr("aria-label", o.Key).On("error", p.onBroken))
	case kindText:
		return p.textPreview(o)
	case kindPDF:
		return app.Div().Class("empty").Body(icon("pdf"), app.H2().Text(t("PDF document")), app.P().Text(size(o.Size)),
			app.A().ID("open-pdf").Class("button button-primary").Attr("href", path).Attr("target", "_blank").Attr("rel", "noopener").
				OnClick(newTab).Body(icon("open"), app.Text(t("Open in a new tab"))))
	}
	return p.hexPreview(o)
}

// hexPreview shows the first bytes of what no viewer is for.
func (p *objectPage) hexPreview(o api.Object) app.UI {
	if !p.view.came {
		return p.waiting()
	}
	if o.Size == 0 {
		return p.card("file", t("Empty"), t("This object has no bytes."))
	}
	text := tf("%s has no preview; these are its bytes.", typeName(o.Type))
	if o.Size > maxHexBytes {
		text = tf("%s has no preview; these are the first %s of %s.", typeName(o.Type), size(maxHexBytes), size(o.Size))
	}
	return app.Div().Class("preview-text").Body(
		app.Pre().ID("preview-hex").Class("nowrap").TabIndex(0).Role("region").Aria("label", t("The bytes in hexadecimal")).Text(p.view.text),
		app.P().Class("muted preview-cut").Text(text))
}

// offline tells whether the page says that there is no server.
func (p *objectPage) offline() bool { return !p.s.live() && p.s.notice().Kind == "offline" }

// waiting keeps the place of what is about to come.
func (p *objectPage) waiting() app.UI {
	return app.Div().Class("preview-wait").Aria("busy", "true")
}

func (p *objectPage) textPreview(o api.Object) app.UI {
	if !p.view.came {
		return p.waiting()
	}
	var cut app.UI
	if o.Size > maxTextBytes {
		cut = app.P().Class("muted").Text(tf("The first %s of %s. Download the object for the rest.", size(maxTextBytes), size(o.Size)))
	}
	if o.Size == 0 {
		return p.card("text", t("Empty"), t("This object has no bytes."))
	}
	class := "wrap"
	if p.noWrap {
		class = "nowrap"
	}
	return app.Div().Class("preview-text").Body(
		app.Pre().ID("preview-text").Class(class).TabIndex(0).Role("region").Aria("label", t("The text")).Text(p.view.text),
		app.Div().Class("preview-cut").Body(
			app.Button().ID("wrap").Class("button button-small").Type("button").Aria("pressed", strconv.FormatBool(!p.noWrap)).
				Text(t("Wrap lines")).OnClick(func(app.Context, app.Event) { p.noWrap = !p.noWrap }),
			cut))
}

func (p *objectPage) card(image, title, text string) app.UI {
	return app.Div().Class("empty").Body(icon(image), app.H2().Text(title), app.P().Text(text))
}

// source tells where the bytes came from, and how long each step took.
func (p *objectPage) source() app.UI {
	v := &p.view
	var again app.UI
	button := app.Button().ID("view-again").Class("button button-small").Type("button").Body(icon("again"), app.Text(t("View again"))).OnClick(p.onAgain)
	if p.object == nil || !p.s.live() {
		button = button.Disabled(true)
	}
	again = button
	image, class, data, headline, why := "memory", "source", "", "\u00a0", "\u00a0"
	switch {
	case v.came && v.err != "":
		image, headline, why = "warn", t("not read"), v.err
		if p.offline() {
			why = t("The server is not answering.")
		}
	case v.came && v.from.Kept != 0:
		data, headline, why = "kept", v.from.headline(), v.from.why()
	case v.came:
		headline, why = v.from.headline(), v.from.why()
		if data = v.from.source(); !v.from.Hit {
			image = "disk"
		}
		class += " source-" + data
	}
	return app.Section().Class("panel", "source-panel").Aria("label", t("Where it came from")).Body(
		app.Div().Class("panel-head").Body(app.H2().Text(t("Source")), again),
		app.Div().ID("provenance").Class(class).DataSet("source", data).DataSet("run", v.runs).Role("status").Aria("busy", strconv.FormatBool(v.fetching)).Body(
			icon(image), app.Div().Body(app.P().Class("source-headline").Text(headline), app.P().Class("muted").Text(why))),
		p.steps(),
		p.cacheState(),
	)
}

func (p *objectPage) steps() app.UI {
	if !p.view.came || p.view.err != "" || p.view.from.Kept != 0 {
		return nil
	}
	var rows []app.UI
	for _, s := range p.view.from.Steps {
		if !strings.EqualFold(s.Name, "total") {
			rows = append(rows, fact(stepName(s.Name), app.Text(millis(s.Ms))))
		}
	}
	if total, ok := p.view.from.total(); ok {
		rows = append(rows, fact(t("On the server"), app.Text(millis(total))))
	}
	rows = append(rows, fact(t("Until the browser had it"), app.Text(millis(p.view.from.Trip))))
	return app.Dl().ID("steps").Class("facts").Body(rows...)
}

func (p *objectPage) facts() app.UI {
	o := p.object
	if o == nil {
		o = &api.Object{}
	}
	known := func(text string) app.UI {
		if p.object == nil {
			return app.Span().Class("bone")
		}
		return app.Text(text)
	}
	return app.Section().Class("panel").Aria("label", t("Metadata")).Body(
		app.Div().Class("panel-head").Body(app.H2().Text(t("About it"))),
		app.Dl().ID("facts").Class("facts").Body(
			fact(t("Size"), known(size(o.Size)+exactSize(o.Size))),
			fact(t("Type"), known(typeName(o.Type))),
			fact(t("Stored"), known(ago(p.now, o.Modified)+" · "+exactTime(o.Modified))),
			fact(t("First stored"), known(exactTime(o.Created))),
			fact(t("Version"), known(count(o.Version))),
			fact("ETag", app.Code().Class("etag").Body(known(o.ETag))),
		),
	)
}

func exactSize(n int64) string {
	if n < 1024 {
		return ""
	}
	return " · " + tn(n, "%s byte", "%s bytes")
}

func fact(name string, value app.UI) app.UI {
	return app.Div().Class("fact").Body(app.Dt().Text(name), app.Dd().Body(value))
}

// capital writes the first letter large.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
