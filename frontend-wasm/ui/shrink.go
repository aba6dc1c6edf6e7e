package ui

import (
	"context"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// What a photograph is made smaller to: enough for any screen.
const (
	shrunkSide    = 2048 // pixels of the longer side
	shrunkQuality = 0.85
)

// shrink makes a photograph smaller. The browser does it, outside of the memory of
// this program, and turns it upright on the way. It reports false, with the file
// as it was, where that is no gain or the browser cannot read it.
func shrink(ctx context.Context, file app.Value) (app.Value, bool) {
	w := app.Window()
	if !w.Get("createImageBitmap").Truthy() || !w.Get("OffscreenCanvas").Truthy() {
		return file, false
	}
	bitmap, err := await(ctx, w.Call("createImageBitmap", file))
	if err != nil {
		return file, false
	}
	defer bitmap.Call("close")
	width, height := fitted(bitmap.Get("width").Int(), bitmap.Get("height").Int(), shrunkSide)
	canvas := w.Get("OffscreenCanvas").New(width, height)
	pen := canvas.Call("getContext", "2d")
	pen.Set("imageSmoothingQuality", "high")
	pen.Call("drawImage", bitmap, 0, 0, width, height)
	small, err := await(ctx, canvas.Call("convertToBlob", map[string]any{"type": "image/jpeg", "quality": shrunkQuality}))
	if err != nil || small.Get("size").Float() >= file.Get("size").Float() {
		return file, false
	}
	return small, true
}

// fitted is the size of a picture whose longer side is side at the most.
func fitted(width, height, side int) (int, int) {
	long := max(width, height)
	if long <= side {
		return width, height
	}
	return max(1, width*side/long), max(1, height*side/long)
}
