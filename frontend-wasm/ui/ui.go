// Package ui is the user interface: one page a file, and the parts they share.
//
// It is compiled twice. In the browser it runs as WebAssembly: one [shell] is
// mounted for good and draws the page that the address names. In the backend it
// is compiled natively, because go-app answers only the addresses that were
// registered in its own process and draws them once before the program arrives.
// That first drawing never holds anything a user has stored or typed, since
// go-app does not escape attributes there: it is the empty shell.
//
// How data flows: a [session] owns the connection to the backend and what is
// known of it. Whatever arrives on other goroutines goes through its inbox, is
// merged there, and is handed to the pages on the UI goroutine. Pages change
// state only there. What was seen last is kept in the browser (see seen.go), so
// that a page opened without a server still shows something.
//
// The files: shell.go and session.go hold the frame; objects.go (with list.go,
// loading.go, rows.go, rowspanel.go and row.go), object.go (with objectview.go and
// objectdo.go), cache.go and stats.go are the pages; uploads.go draws
// the files that queue.go counts; chart.go draws what chartpath.go computes, and
// curvechart.go what curvepath.go does: hit rates by capacity, which curves.go takes
// from the server for the page of the cache (curveview.go, curvetext.go);
// labpage.go (with labview.go, labtable.go and labrecord.go) is the page of the lab:
// lab.go is the experiment, labcrew.go shares the work among workers, labform.go and
// labfile.go say what an experiment depends on, and plotview.go draws what plot.go
// computes;
// palette.go, shortcuts.go and prefs.go are the dialogs that belong to no page;
// dom.go is all there is of JavaScript; text.go says how texts are written, in
// two languages. Files without app.UI in them are pure
// and tested natively.
//
// Tests in the browser find elements by these ids and attributes, which are
// kept stable: see README.md one folder up.
package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

// The addresses of the pages.
const (
	pathObjects = "/"
	pathObject  = "/object"
	pathCache   = "/cache"
	pathStats   = "/stats"
	pathLab     = "/lab"
	pathLogin   = "/login"

	pathSecurity = "/security"
)

// Paths are the addresses that [Register] answers.
func Paths() []string {
	return []string{pathObjects, pathObject, pathCache, pathStats, pathLab, pathLogin, pathSecurity}
}

// Register makes go-app answer the addresses of the pages. It is called once
// by the program in the browser and once by the backend.
func Register() {
	if app.IsClient {
		useLanguage()
	}
	for _, path := range Paths() {
		app.RouteFunc(path, func() app.Composer { return newShell(path) })
	}
}
