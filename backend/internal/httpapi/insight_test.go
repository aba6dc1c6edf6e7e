package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestInsight(t *testing.T) {
	w := start(t)
	if a := w.want(w.do("GET", "/api/v1/insight", nil), http.StatusOK); !strings.Contains(a.body, `"policy":"lru"`) {
		t.Errorf("no curve of LRU in %s", a.body)
	}
	w.want(w.do("GET", "/api/v1/insight/history", nil), http.StatusOK)
	w.want(w.do("GET", "/api/v1/insight/history?hours=720", nil), http.StatusOK)
	for _, hours := range []string{"0", "-1", "721", "x", "99999999999999999999"} {
		w.want(w.do("GET", "/api/v1/insight/history?hours="+hours, nil), http.StatusBadRequest)
	}
}

func TestRecording(t *testing.T) {
	w := start(t)
	w.want(w.do("GET", "/api/v1/recording", nil), http.StatusOK)
	w.want(w.do("POST", "/api/v1/recording", strings.NewReader(`{"maxBytes": 1048576, "seconds": 60}`)), http.StatusCreated)
	w.want(w.do("POST", "/api/v1/recording", strings.NewReader(`{}`)), http.StatusCreated)
	for _, body := range []string{"", "[]", `{"maxBytes": 1}`, `{"seconds": -1}`, `{"bytes": 1}`} {
		w.want(w.do("POST", "/api/v1/recording", strings.NewReader(body)), http.StatusBadRequest)
	}
	w.want(w.do("DELETE", "/api/v1/recording", nil), http.StatusOK)
	a := w.want(w.do("GET", "/api/v1/recording/file", nil), http.StatusOK)
	if a.body != "the file" || a.Header.Get("Content-Type") != "application/gzip" || !strings.Contains(a.Header.Get("Content-Disposition"), ".csv.gz") {
		t.Errorf("got %q with the header %v", a.body, a.Header)
	}
}

// What cannot be read is not sent as if it were a file.
func TestARecordingThatIsNotThere(t *testing.T) {
	for state, status := range map[string]int{api.RecordingNone: http.StatusNotFound, api.RecordingRunning: http.StatusConflict} {
		w := start(t, func(c *Config) { c.Stats = recordingIn{c.Stats, state} })
		w.want(w.do("GET", "/api/v1/recording/file", nil), status)
	}
}

type recordingIn struct {
	Stats
	state string
}

func (r recordingIn) Recording(_ context.Context) (api.Recording, error) {
	return api.Recording{State: r.state}, nil
}
