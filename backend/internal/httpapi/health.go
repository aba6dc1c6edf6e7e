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

// The states of readiness.
const (
	Ready    = "ready"
	Degraded = "degraded" // a part is missing that one can do without
	NotReady = "not ready"
)

type readiness struct {
	Status string            `json:"status"`          // one of the states
	Parts  map[string]string `json:"parts,omitempty"` // "ok", or what is wrong with it; not told where one has to log in
}

// healthy touches nothing: it says only that the process answers.
func (s *server) healthy(w http.ResponseWriter, r *http.Request) error {
	return reply(w, r, http.StatusOK, map[string]string{"status": "alive"})
}

// ready asks every part. Without the cache the backend serves on, degraded.
func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	state, failed := Ask(r.Context(), s.Parts)
	answer := readiness{Status: state, Parts: map[string]string{}}
	for _, part := range s.Parts {
		answer.Parts[part.Name] = "ok"
	}
	for name, err := range failed {
		s.log.Warn("part is not ready", "part", name, "error", err)
		answer.Parts[name] = "not answering; the server's log has the details"
		if e, ok := errors.AsType[*api.Error](err); ok {
			answer.Parts[name] = e.Message // it is made for people
		}
	}
	if s.Login != nil { // who may not be known looks into the log
		answer.Parts = nil
	}
	status := http.StatusOK
	if state == NotReady {
		status = http.StatusServiceUnavailable
	}
	return reply(w, r, status, answer)
}

// Ask asks every part, and tells what state that is and what failed, by its name.
func Ask(ctx context.Context, parts []Part) (state string, failed map[string]error) {
	state, failed = Ready, make(map[string]error)
	for _, part := range parts {
		err := part.ask(ctx)
		if err == nil {
			continue
		}
		failed[part.Name] = err
		if part.Required {
			state = NotReady
		} else if state == Ready {
			state = Degraded
		}
	}
	return state, failed
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
