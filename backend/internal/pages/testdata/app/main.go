//go:build js && wasm

// Command app is the program that the tests of package pages run in Chromium.
package main

import (
	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/backend/internal/pages/testdata/ui"
)

func main() {
	ui.Register()
	app.RunWhenOnBrowser()
}
