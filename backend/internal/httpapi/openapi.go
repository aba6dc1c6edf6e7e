package httpapi

import (
	_ "embed"
	"net/http"
)

// description is the OpenAPI 3.1 description of everything that is served but the
// app's pages and files. A test holds it against the routes, and all replies of
// all tests against it.
//
//go:embed openapi.json
var description []byte

func (s *server) describe(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(description)
	return nil
}
