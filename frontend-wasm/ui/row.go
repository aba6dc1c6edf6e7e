package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// row draws a row of the list, or a picture of the grid, when its State is another:
// of those on the screen, few change at a time.
type row struct {
	app.Compo

	State rowState
}

// rowState is all that how a row is drawn depends on.
type rowState struct {
	Number    int
	Here      bool // false while the object is not
	Object    api.Object
	View      string
	Picked    bool
	MayDelete bool
	Age       string // of the object
	Language  string
}

// rowState returns how the row with a number is to be drawn, in a language.
func (p *objectsPage) rowState(i int, language string) rowState {
	s := rowState{Number: i, View: p.q.View, MayDelete: p.s.may(api.ScopeWrite), Language: language}
	if s.Object, s.Here = p.run.at(i); s.Here {
		s.Picked = p.picks.has(s.Object.Key)
		s.Age = ago(p.now, s.Object.Modified)
	}
	return s
}

func (r *row) Render() app.UI {
	switch s := &r.State; {
	case s.View == viewGrid && s.Here:
		return s.tile()
	case s.View == viewGrid:
		return ghostTile(s.Number)
	default:
		return s.row()
	}
}

// row is of the same elements while the object is not here, so that it is quick to
// come. The style sheet shows none of them then.
func (s *rowState) row() app.UI {
	o, bytes, kind := &s.Object, "", ""
	tr := app.Tr().Role("row").Class(s.class()).DataSet("i", strconv.Itoa(s.Number)).Aria("rowindex", strconv.Itoa(s.Number+2))
	if s.Here {
		bytes, kind = size(o.Size), typeName(o.Type)
		tr = tr.DataSet("key", o.Key)
	}
	return tr.Body(
		app.Td().Role("cell").Class("c-pick").Body(s.pickBox()),
		app.Td().Role("cell").Class("c-key").Body(
			app.A().Class("key-link").Attr("href", api.ViewPath(o.Key)).Body(
				icon(string(kindOf(o.Type))), app.Span().Class("key").Dir("auto").Text(o.Key)),
		),
		app.Td().Role("cell").Class("c-size").Text(bytes),
		app.Td().Role("cell").Class("c-type").Text(kind),
		app.Td().Role("cell").Class("c-time").Body(s.time()),
		app.Td().Role("cell").Class("c-act").Body(s.deleteButton()),
	)
}

// tile draws an object of the grid: its picture, over the icon of its kind.
func (s *rowState) tile() app.UI {
	o := &s.Object
	picture := []app.UI{icon(string(kindOf(o.Type)))}
	if hasPicture(o.Type) {
		picture = append(picture, app.Img().Class("thumb").Attr("alt", "").DataSet("src", api.ThumbnailPath(*o, pictureSize)).Attr("loading", "lazy").Attr("decoding", "async"))
	}
	return app.Li().Class("tile-object", s.class()).DataSet("i", strconv.Itoa(s.Number)).DataSet("key", o.Key).Body(
		app.A().Class("key-link").Attr("href", api.ViewPath(o.Key)).Body(
			app.Div().Class("tile-picture").Body(picture...),
			app.Span().Class("key").Dir("auto").Text(o.Key),
		),
		app.Span().Class("tile-note").Text(size(o.Size)),
		s.pickBox(),
		s.deleteButton(),
	)
}

func ghostTile(i int) app.UI {
	return app.Li().Class("tile-object ghost").DataSet("i", strconv.Itoa(i)).Body(app.Div().Class("tile-picture"), app.Span().Class("bone bone-long"))
}

func (s *rowState) deleteButton() app.UI {
	if !s.MayDelete {
		return nil
	}
	return app.Button().Class("button-icon delete").Type("button").Aria("label", tf("Delete %s", s.Object.Key)).Title(t("Delete")).Body(icon("trash"))
}

func (s *rowState) class() string {
	switch {
	case !s.Here:
		return "ghost"
	case s.Picked:
		return "picked"
	}
	return "free"
}

// pickBox selects an object. It is no checkbox of the browser's, which would have
// a state of its own beside ours.
func (s *rowState) pickBox() app.UI {
	return app.Button().Class("pick").Type("button").Role("checkbox").Aria("checked", strconv.FormatBool(s.Picked)).
		Aria("label", tf("Select %s", s.Object.Key)).Body(icon("check"))
}

func (s *rowState) time() app.UI {
	at := s.Object.Modified
	return app.Time().DateTime(time.UnixMilli(at).UTC().Format(time.RFC3339)).Title(exactTime(at)).Text(s.Age)
}

// pictureSize is the longer side of a thumbnail, in pixels.
const pictureSize = 256

// hasPicture tells whether the server makes thumbnails of the type.
func hasPicture(mediaType string) bool {
	switch base, _, _ := strings.Cut(mediaType, ";"); base {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp":
		return true
	}
	return false
}
