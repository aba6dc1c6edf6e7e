package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

type objectPage struct {
	app.Compo
	s *session
}

func (p *objectPage) Render() app.UI { return app.Div() }
