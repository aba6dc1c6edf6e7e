package pages

import (
	"html"
	"strings"
	"text/template"
)

// document is the whole of a page, ready but for its title and body. It lets
// the reader zoom and loads nothing from elsewhere. The loader waits for nothing,
// not even the styles: it fetches and compiles the program.
var document = template.Must(template.New("document").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{.Title}}</title>
<meta name="description" content="Put files under a key, get them back from memory, and watch the cache work.">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f7f8fa" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#14161a" media="(prefers-color-scheme: dark)">
<meta name="application-name" content="MemCache">
<link rel="icon" href="/web/icons/favicon-32.png" type="image/png" sizes="32x32">
<link rel="icon" href="/web/icons/icon.svg" type="image/svg+xml" sizes="any">
<link rel="apple-touch-icon" href="/web/icons/apple-touch-180.png">
<link rel="manifest" href="/manifest.webmanifest">
<link rel="stylesheet" href="/web/css/app.css">
<link rel="stylesheet" href="/app.css">
{{- if .Program}}
<script async src="/app.js"></script>
<script defer src="/wasm_exec.js"></script>
{{- end}}
</head>
<body>
{{.Body}}
{{- if .Program}}
<div id="boot" class="boot" role="status" hidden></div>
<noscript><div class="boot">MemCache runs in the browser: switch JavaScript on for this address and reload.</div></noscript>
{{- end}}
</body>
</html>
`))

// content is what goes into the document, as markup.
type content struct {
	Title   string
	Body    string
	Program bool // start the program
}

func (c content) asset() *asset {
	var b strings.Builder
	// It cannot fail: the builder takes everything and the fields are strings.
	_ = document.Execute(&b, c)
	return newText("text/html; charset=utf-8", []byte(b.String()))
}

// plainPage is a page without the program, that says one thing.
func plainPage(title, paragraphs string) *asset {
	body := `<main class="plain"><h1>` + html.EscapeString(title) + `</h1>` + paragraphs + `</main>`
	return content{Title: html.EscapeString(title) + " · MemCache", Body: body}.asset()
}

func notFoundPage() *asset {
	return plainPage("There is no such page",
		`<p>MemCache has nothing at this address. <a href="/">Go to the objects</a></p>`)
}

func notBuiltPage(missing []string) *asset {
	return plainPage("The user interface is not built yet",
		`<p>Run <code>./build.sh</code> in the folder of the sources, then start MemCache again.</p>`+
			`<p>Missing: <code>`+html.EscapeString(strings.Join(missing, ", "))+`</code></p>`)
}
