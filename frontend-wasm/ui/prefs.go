package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

// prefQuiet is where the browser keeps whether shortcuts of single keys are
// off. The loader keeps the language and the colours, which it needs first.
const prefQuiet = "memcache.quiet"

// language is one that the app speaks.
type language struct{ Code, Name string }

// spoken are the languages, each by its own name.
var spoken = []language{{"en", "English"}, {"de", "Deutsch"}}

// setTheme changes the colours at once and for good; "" follows the system.
func (s *session) setTheme(name string) {
	app.Window().Call("memcacheTheme", name)
	s.notify(changeFrame, nil)
}

// theme is the chosen one, "" for the system's. The loader has set it.
func theme() string {
	if app.IsServer {
		return ""
	}
	if v := app.Window().Get("document").Get("documentElement").Get("dataset").Get("theme"); v.Truthy() {
		return v.String()
	}
	return ""
}

// setLanguage fetches the texts and draws everything anew in them.
func (s *session) setLanguage(code string) {
	go func() {
		texts, err := await(s.ctx, app.Window().Call("memcacheSpeak", code))
		s.ctx.Dispatch(func(app.Context) {
			if err == nil && code != "en" && texts.String() == "" {
				s.complain(t("The texts of this language could not be fetched: try again when the server answers."))
				return
			}
			if err == nil {
				err = setCatalogue(texts.String())
			}
			if err != nil {
				s.complain(tf("The language stays as it is: %s", err))
				return
			}
			useLocale()
			s.notify(changeTexts, nil)
		})
	}()
}

// quiet tells whether shortcuts of single keys are switched off.
func (s *session) quiet() bool { return recall[bool](s.seen, prefQuiet).Value }

func (s *session) openPrefs() { openDialog("prefs") }

// prefs is the dialog of what a reader can choose.
func (sh *shell) prefs() app.UI {
	themes := []language{{"", t("As the system")}, {"light", t("Light")}, {"dark", t("Dark")}}
	return app.Dialog().ID("prefs").Class("dialog").Aria("labelledby", "prefs-title").Body(
		app.H2().ID("prefs-title").Text(t("Language and appearance")),
		choose("pref-language", t("Language"), spoken, shownLanguage(), sh.s.setLanguage),
		choose("pref-theme", t("Colours"), themes, theme(), sh.s.setTheme),
		app.Label().Class("check").Body(
			app.Input().ID("pref-keys").Type("checkbox").Checked(!sh.s.quiet()).OnChange(sh.onKeysPref),
			app.Span().Text(t("Shortcuts of single keys, such as ? and g o")),
		),
		app.Div().Class("dialog-buttons").Body(
			securityButton(),
			app.Button().ID("prefs-close").Class("button button-primary").Type("button").Text(t("Close")).
				OnClick(func(app.Context, app.Event) { closeDialog("prefs") })),
	)
}

// securityButton leads to the page of logins where there are any.
func securityButton() app.UI {
	if !askedForLogin() {
		return nil
	}
	return app.Button().ID("open-security").Class("button").Type("button").Text(t("Security")).OnClick(func(ctx app.Context, _ app.Event) {
		closeDialog("prefs")
		ctx.Navigate(pathSecurity)
	})
}

func (sh *shell) onKeysPref(ctx app.Context, _ app.Event) {
	if err := keep(sh.s.seen, prefQuiet, wallNow(), !ctx.JSSrc().Get("checked").Bool()); err != nil {
		sh.s.complain(tf("The browser does not keep this choice: %s", err))
	}
}

// choose is a labelled list of which one is chosen.
func choose(id, label string, from []language, chosen string, set func(code string)) app.UI {
	options := make([]app.UI, 0, len(from))
	for _, x := range from {
		option := app.Option().Attr("value", x.Code).Text(x.Name)
		if x.Code == chosen {
			option = option.Selected(true)
		}
		options = append(options, option)
	}
	return app.Div().Class("field").Body(
		app.Label().For(id).Text(label),
		app.Select().ID(id).OnChange(func(ctx app.Context, _ app.Event) { set(fieldValue(ctx)) }, id).Body(options...),
	)
}

// shownLanguage is the code of the language that is shown.
func shownLanguage() string {
	if app.IsServer {
		return "en"
	}
	return app.Window().Get("document").Get("documentElement").Get("lang").String()
}
