//go:build js && wasm

// Command frontend-wasm is the user interface of MemCache as a WebAssembly
// program. It runs in the browser only; the same pages are registered by the
// backend too, which draws their empty shell for the first paint.
package main

import (
	"runtime/debug"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/frontend-wasm/ui"
)

// garbage is by how much the memory in use may grow before it is collected, in
// percent. There is one thread: drawing waits for the collection.
const garbage = 400

func main() {
	debug.SetGCPercent(garbage)
	ui.Register()
	app.RunWhenOnBrowser()
}
