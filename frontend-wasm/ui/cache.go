package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

type cachePage struct {
	app.Compo
	s *session
}

func (p *cachePage) Render() app.UI { return app.Div() }
