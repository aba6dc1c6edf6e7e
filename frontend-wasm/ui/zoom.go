package ui

import (
	"math"
	"strconv"

	"github.com/maxence-charriere/go-app/v9/pkg/app"
)

// The bounds of the zoom of an image.
const (
	minZoom = 1.0 / 16
	maxZoom = 16
)

// zoomTools enlarge the image; 0 is as large as there is room.
func (p *objectPage) zoomTools() app.UI {
	button := func(id, image, text string, on app.EventHandler) app.UI {
		return app.Button().ID(id).Class("button-icon").Type("button").Aria("label", text).Title(text).Body(icon(image)).OnClick(on)
	}
	state := t("fitted")
	if p.zoom > 0 {
		state = strconv.FormatFloat(p.zoom*100, 'f', 0, 64) + " %"
	}
	return app.Div().Class("preview-tools").Role("group").Aria("label", t("Zoom")).Body(
		button("zoom-out", "minus", t("Smaller"), func(app.Context, app.Event) { p.zoomBy(1 / math.Sqrt2) }),
		app.Span().ID("zoom-state").Class("muted").Aria("live", "polite").Text(state),
		button("zoom-in", "plus", t("Larger"), func(app.Context, app.Event) { p.zoomBy(math.Sqrt2) }),
		app.Button().ID("zoom-full").Class("button button-small").Type("button").Text("100 %").OnClick(func(app.Context, app.Event) { p.zoomTo(1) }),
		app.Button().ID("zoom-fit").Class("button button-small").Type("button").Text(t("Fit")).OnClick(func(app.Context, app.Event) { p.zoomTo(0) }),
	)
}

func (p *objectPage) zoomBy(factor float64) {
	if p.zoom == 0 {
		e := byID("preview-image")
		if !e.Truthy() || e.Get("naturalWidth").Float() <= 0 {
			return
		}
		p.zoom = e.Get("clientWidth").Float() / e.Get("naturalWidth").Float()
	}
	p.zoomTo(p.zoom * factor)
}

// zoomTo sets the size through the CSSOM: style attributes are forbidden here.
func (p *objectPage) zoomTo(zoom float64) {
	if zoom != 0 {
		zoom = min(max(zoom, minZoom), maxZoom)
	}
	p.zoom = zoom
	e := byID("preview-image")
	if !e.Truthy() {
		return
	}
	width, limit := "", ""
	if zoom > 0 {
		width, limit = strconv.FormatFloat(e.Get("naturalWidth").Float()*zoom, 'f', 0, 64)+"px", "none"
	}
	style := e.Get("style")
	style.Set("width", width)
	style.Set("maxWidth", limit)
	style.Set("maxHeight", limit)
}

// onImageClick turns between the whole image and its own size.
func (p *objectPage) onImageClick(app.Context, app.Event) {
	if p.zoom == 0 {
		p.zoomTo(1)
		return
	}
	p.zoomTo(0)
}
