//go:build js && wasm

// Command frontend-wasm is the user interface of MemCache as a WebAssembly
// program. It runs in the browser only; the same pages are registered by the
// backend too, which draws their empty shell for the first paint.
package main

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/ui"
)

func main() {
	ui.Register()
	app.RunWhenOnBrowser()
}
