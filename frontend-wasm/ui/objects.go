package ui

import "github.com/maxence-charriere/go-app/v9/pkg/app"

type objectsPage struct {
	app.Compo
	s *session
}

func (p *objectsPage) Render() app.UI { return app.Div() }
