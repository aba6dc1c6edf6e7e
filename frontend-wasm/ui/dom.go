package ui

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// byID returns the element with that id; not Truthy when there is none.
func byID(id string) app.Value { return app.Window().GetElementByID(id) }

// setValue puts text into a field. Fields are set so, and not by an attribute,
// because go-app trims attributes and would fight with what is being typed.
func setValue(id, text string) {
	if e := byID(id); e.Truthy() && e.Get("value").String() != text {
		e.Set("value", text)
	}
}

// fieldValue is what stands in the field that the event came from.
func fieldValue(ctx app.Context) string { return ctx.JSSrc().Get("value").String() }

// setText puts text into the element with that id.
func setText(id, text string) {
	if e := byID(id); e.Truthy() {
		e.Set("textContent", text)
	}
}

// setAttr sets an attribute of the element with that id.
func setAttr(id, name, value string) {
	if e := byID(id); e.Truthy() {
		e.Call("setAttribute", name, value)
	}
}

// focus moves the focus to the element with that id.
func focus(id string) {
	if e := byID(id); e.Truthy() {
		e.Call("focus")
	}
}

// openDialog opens the dialog with that id, unless it is open.
func openDialog(id string) {
	if d := byID(id); d.Truthy() && !d.Get("open").Truthy() {
		d.Call("showModal")
	}
}

// closeDialog closes the dialog with that id.
func closeDialog(id string) {
	if d := byID(id); d.Truthy() {
		d.Call("close")
	}
}

// dialogOpen tells whether any dialog is open.
func dialogOpen() bool {
	return app.Window().Get("document").Call("querySelector", "dialog[open]").Truthy()
}

// listen calls fn for every such event of target, for as long as the page lives.
func listen(target app.Value, event string, fn func(e app.Value)) {
	target.Call("addEventListener", event, app.FuncOf(func(_ app.Value, args []app.Value) any {
		if len(args) > 0 {
			fn(args[0])
		}
		return nil
	}))
}

// atRest tells whether the content of the element with that id can change
// without moving what a person looks at or is about to use.
func atRest(id string) bool {
	const scrolled = 160
	if app.Window().Get("scrollY").Float() > scrolled {
		return false
	}
	e, active := byID(id), app.Window().Get("document").Get("activeElement")
	return !e.Truthy() || !active.Truthy() || !e.Call("contains", active).Bool()
}

// await waits for a promise, or until ctx is done.
func await(ctx context.Context, promise app.Value) (app.Value, error) {
	type outcome struct {
		value app.Value
		err   error
	}
	settled := make(chan outcome, 1)
	var then, catch app.Func
	release := func() { then.Release(); catch.Release() }
	then = app.FuncOf(func(_ app.Value, args []app.Value) any {
		settled <- outcome{value: args[0]}
		release()
		return nil
	})
	catch = app.FuncOf(func(_ app.Value, args []app.Value) any {
		settled <- outcome{err: errors.New(args[0].Call("toString").String())}
		release()
		return nil
	})
	promise.Call("then", then, catch)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case o := <-settled:
		return o.value, o.err
	}
}

// reply is what a fetch brought.
type reply struct {
	Status       int
	CacheStatus  string
	ServerTiming string
	Trip         float64 // milliseconds until the head of the reply
	Kept         string  // when the browser kept this copy, in Unix milliseconds; "" for the server's own answer
	blob         app.Value
}

// fetch asks the server for path without the browser's own cache. rangeHeader
// may be "". The bytes stay in the browser, as a Blob.
func fetch(ctx context.Context, path, rangeHeader string) (reply, error) {
	headers := map[string]any{}
	if rangeHeader != "" {
		headers["Range"] = rangeHeader
	}
	abort := app.Window().Get("AbortController").New()
	defer context.AfterFunc(ctx, func() { abort.Call("abort") })()
	begin := now()
	res, err := await(ctx, app.Window().Call("fetch", path, map[string]any{
		"headers": headers,
		"cache":   "no-store",
		"signal":  abort.Get("signal"),
	}))
	if err != nil {
		return reply{}, err
	}
	r := reply{Status: res.Get("status").Int(), Trip: now() - begin}
	get := func(name string) string {
		if v := res.Get("headers").Call("get", name); v.Truthy() {
			return v.String()
		}
		return ""
	}
	r.CacheStatus, r.ServerTiming = get("Cache-Status"), get("Server-Timing")
	r.Kept = get("X-Kept-At") // set by the service worker
	r.blob, err = await(ctx, res.Call("blob"))
	return r, err
}

// send asks the server for a change. body may be "".
func send(ctx context.Context, method, path string, headers map[string]any, body string) (status int, answer []byte, err error) {
	abort := app.Window().Get("AbortController").New()
	defer context.AfterFunc(ctx, func() { abort.Call("abort") })()
	init := map[string]any{"method": method, "headers": headers, "signal": abort.Get("signal")}
	if body != "" {
		headers["Content-Type"], init["body"] = "application/json", body
	}
	res, err := await(ctx, app.Window().Call("fetch", path, init))
	if err != nil {
		return 0, nil, err
	}
	r := reply{Status: res.Get("status").Int()}
	if r.blob, err = await(ctx, res.Call("blob")); err != nil {
		return 0, nil, err
	}
	const most = 64 << 10
	answer, err = r.bytes(ctx, most)
	return r.Status, answer, err
}

// installed tells whether the page is the installed app, in a window of its own.
func installed() bool {
	is := app.Window().Get("goappIsAppInstalled")
	return is.Truthy() && is.Invoke().Truthy()
}

// post sends body as JSON and reads the answer into result. Its errors are those
// of the server.
func post(ctx context.Context, path string, body, result any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	status, answer, err := send(ctx, "POST", path, map[string]any{}, string(text))
	switch {
	case err != nil:
		return api.Errorf(api.Unavailable, "the server cannot be reached: try again when it can").Because(err)
	case status >= 300:
		return refused(status, answer)
	}
	return json.Unmarshal(answer, result)
}

// download has the browser save what is at path, which the server says is a file.
func download(path string) {
	a := app.Window().Get("document").Call("createElement", "a")
	a.Set("href", path)
	a.Set("download", "")
	a.Call("click")
}

// bytes copies at most limit bytes of the reply.
func (r reply) bytes(ctx context.Context, limit int) ([]byte, error) {
	buffer, err := await(ctx, r.blob.Call("slice", 0, limit).Call("arrayBuffer"))
	if err != nil {
		return nil, err
	}
	array := app.Window().Get("Uint8Array").New(buffer)
	b := make([]byte, array.Get("length").Int())
	app.CopyBytesToGo(b, array)
	return b, nil
}

// now is the time in milliseconds of a clock that never jumps.
func now() float64 { return app.Window().Get("performance").Call("now").Float() }

// wallNow is the time of day in Unix milliseconds.
func wallNow() int64 { return int64(app.Window().Get("Date").Call("now").Float()) }

// pageQuery is the query of the page's address.
func pageQuery(ctx app.Context) url.Values { return ctx.Page().URL().Query() }

// newTab lets the browser follow a link by itself, into a new tab: go-app
// would take it for an address of ours.
func newTab(_ app.Context, e app.Event) { e.StopImmediatePropagation() }

// checkUpdate lets the browser look for a new version of the app: the server
// may have come back as one.
func checkUpdate() {
	if f := app.Window().Get("memcacheCheckUpdate"); f.Truthy() {
		f.Invoke()
	}
}

// useLanguage takes the texts that the loader has fetched, if they are not to be
// English; without them the page works as well.
func useLanguage() {
	useLocale()
	texts := app.Window().Get("memcacheTexts")
	if !texts.Truthy() {
		return
	}
	if err := setCatalogue(texts.String()); err != nil {
		app.Log(err)
	}
}

// useLocale takes the reader's forms of numbers and times: the browser's own,
// if they are of the language that is shown.
func useLocale() {
	l := browserLocale(app.Window().Get("navigator").Get("language").String(), shownLanguage())
	reader.Store(&l)
}

// timeOptions are those of Intl.DateTimeFormat for each style.
var timeOptions = [...]map[string]any{
	styleClock:  {"timeStyle": "medium"},
	styleMinute: {"timeStyle": "short"},
	styleDay:    {"weekday": "short", "day": "numeric", "month": "short"},
	styleDate:   {"dateStyle": "medium"},
	styleExact:  {"dateStyle": "long", "timeStyle": "medium"},
}

// browserLocale asks the browser how numbers and times are written.
func browserLocale(preferred, language string) locale {
	tag := language
	if strings.HasPrefix(preferred, language) {
		tag = preferred
	}
	intl := app.Window().Get("Intl")
	l := plainLocale
	parts := intl.Get("NumberFormat").New(tag).Call("formatToParts", 1234567.5)
	for i := range parts.Get("length").Int() {
		switch part := parts.Index(i); part.Get("type").String() {
		case "group":
			l.group = part.Get("value").String()
		case "decimal":
			l.decimal = part.Get("value").String()
		}
	}
	var forms [len(timeOptions)]app.Value // made when they are needed: they cost some milliseconds
	type moment struct {
		style timeStyle
		at    int64
	}
	written := map[moment]string{} // lately: the rows of a list are drawn often
	l.time = func(style timeStyle, at int64) string {
		text, ok := written[moment{style, at}]
		if ok {
			return text
		}
		if forms[style] == nil {
			forms[style] = intl.Get("DateTimeFormat").New(tag, timeOptions[style])
		}
		if len(written) >= maxDrawn {
			clear(written)
		}
		text = forms[style].Call("format", float64(at)).String()
		written[moment{style, at}] = text
		return text
	}
	return l
}

// saveFile lets the browser save text as a file.
func saveFile(name, mediaType, text string) {
	blob := app.Window().Get("Blob").New([]any{text}, map[string]any{"type": mediaType})
	address := app.Window().Get("URL").Call("createObjectURL", blob)
	a := app.Window().Get("document").Call("createElement", "a")
	a.Set("href", address)
	a.Set("download", name)
	a.Call("click")
	app.Window().Get("URL").Call("revokeObjectURL", address)
}
