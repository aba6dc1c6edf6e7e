package httpapi

import "net/http"

func (s *server) topKeys(w http.ResponseWriter, r *http.Request) error {
	return reply(w, r, http.StatusOK, s.Stats.Top(r.Context()))
}

func (s *server) evictions(w http.ResponseWriter, r *http.Request) error {
	return reply(w, r, http.StatusOK, s.Stats.Evictions(r.Context()))
}
