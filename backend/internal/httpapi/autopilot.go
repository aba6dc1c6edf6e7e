package httpapi

import (
	"net/http"

	"memcache/shared/api"
)

func (s *server) getAutopilot(w http.ResponseWriter, r *http.Request) error {
	a, err := s.Cache.Autopilot(r.Context())
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, a)
}

func (s *server) putAutopilot(w http.ResponseWriter, r *http.Request) error {
	var set api.AutopilotSet
	if err := readJSON(w, r, &set, `{"on": bool, "goal": "rate" or "knee", "target": a hit rate from 0.01 to 0.999, "least": bytes, "most": bytes}, those that are to change`); err != nil {
		return err
	}
	a, err := s.Cache.SetAutopilot(r.Context(), set)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, a)
}

func (s *server) undoAutopilot(w http.ResponseWriter, r *http.Request) error {
	var undo api.AutopilotUndo
	if err := readJSON(w, r, &undo, `{"id": the number of the change}`); err != nil {
		return err
	}
	a, err := s.Cache.UndoAutopilot(r.Context(), undo)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, a)
}
