package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"memcache/shared/api"
)

// partTimeout is how long readiness waits for one part.
const partTimeout = 2 * time.Second

type readiness struct {
	Status string            `json:"status"` // "ready", "degraded" or "not ready"
	Parts  map[string]string `json:"parts"`  // "ok", or what is wrong with it
}

// healthy touches nothing: it says only that the process answers.
func (s *server) healthy(w http.ResponseWriter, r *http.Request) error {
	return reply(w, r, http.StatusOK, map[string]string{"status": "alive"})
}

// ready asks every part. Without the cache the backend serves on, degraded.
func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	answer, status := readiness{Status: "ready", Parts: map[string]string{}}, http.StatusOK
	for _, part := range s.Parts {
		answer.Parts[part.Name] = "ok"
		err := part.ask(r.Context())
		if err == nil {
			continue
		}
		s.log.Warn("part is not ready", "part", part.Name, "error", err)
		answer.Parts[part.Name] = "not answering; the server's log has the details"
		if e, ok := errors.AsType[*api.Error](err); ok {
			answer.Parts[part.Name] = e.Message // it is made for people
		}
		if part.Required {
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		} else if status == http.StatusOK {
			answer.Status = "degraded"
		}
	}
	return reply(w, r, status, answer)
}

func (p Part) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	return p.Check(ctx)
}

func (s *server) metrics(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	s.Metrics.Handler().ServeHTTP(w, r)
	return nil
}
