package httpapi

import (
	"io"
	"net/http"
	"strconv"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

func (s *server) insight(w http.ResponseWriter, r *http.Request) error {
	insight, err := s.Stats.Insight(r.Context())
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, insight)
}

func (s *server) insights(w http.ResponseWriter, r *http.Request) error {
	hours := 24
	if text := r.URL.Query().Get("hours"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return api.Errorf(api.Invalid, "%q is not a number of hours: use 1 to %d", text, api.MaxInsightHours)
		}
		hours = n
	}
	all, err := s.Stats.Insights(r.Context(), hours)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, all)
}

func (s *server) getRecording(w http.ResponseWriter, r *http.Request) error {
	recording, err := s.Stats.Recording(r.Context())
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, recording)
}

func (s *server) startRecording(w http.ResponseWriter, r *http.Request) error {
	var start api.RecordingStart
	if err := readJSON(w, r, &start, `{"maxBytes": whole MB in bytes, "seconds": how long}, either or both or none`); err != nil {
		return err
	}
	recording, err := s.Stats.StartRecording(r.Context(), start)
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "seconds", start.Seconds, "max_bytes", start.MaxBytes)
	return reply(w, r, http.StatusCreated, recording)
}

func (s *server) stopRecording(w http.ResponseWriter, r *http.Request) error {
	recording, err := s.Stats.StopRecording(r.Context())
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "events", recording.Events)
	return reply(w, r, http.StatusOK, recording)
}

// getRecordingFile sends the file of the last recording as it is read from the cache.
func (s *server) getRecordingFile(w http.ResponseWriter, r *http.Request) error {
	recording, err := s.Stats.Recording(r.Context())
	switch {
	case err != nil:
		return err
	case recording.State == api.RecordingRunning:
		return api.Errorf(api.Conflict, "the recording is under way: stop it first")
	case recording.State == api.RecordingNone:
		return api.Errorf(api.NotFound, "there is no recording: start one first")
	}
	h := w.Header()
	h.Set("Content-Type", "application/gzip")
	h.Set("Content-Disposition", `attachment; filename="memcache-recording.csv.gz"`)
	h.Set("Content-Length", strconv.FormatInt(recording.Bytes, 10))
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	sent := counting{w: w}
	err = s.Stats.ReadRecording(r.Context(), &sent)
	if err != nil && sent.n > 0 {
		s.log.Warn("a recording was not sent whole", "error", err)
		panic(http.ErrAbortHandler) // too late to say so: the length shows it
	}
	if err != nil {
		h.Del("Content-Length")
		h.Del("Content-Disposition")
	}
	return err
}

// counting counts what is sent.
type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
