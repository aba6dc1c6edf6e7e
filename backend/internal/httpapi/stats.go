package httpapi

import (
	"net/http"
	"time"

	"memcache/shared/api"
)

func (s *server) stats(w http.ResponseWriter, r *http.Request) error {
	seconds := api.DefaultWindow
	if text := r.URL.Query().Get("window"); text != "" {
		window, err := time.ParseDuration(text)
		if err != nil || window < time.Second {
			return api.Errorf(api.Invalid, "the window %q is not a length of time of at least a second: write it like 10m or 24h", text)
		}
		seconds = int(window.Seconds())
	}
	stats, err := s.Stats.Window(r.Context(), seconds, r.URL.Query().Get("node"))
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, stats)
}
