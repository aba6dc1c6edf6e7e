package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

type statsPage struct {
	app.Compo
	s *session
}

func (p *statsPage) Render() app.UI { return app.Div() }
