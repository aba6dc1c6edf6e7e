package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// problem is an RFC 9457 problem document.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Code      api.Code `json:"code"`
	RequestID string   `json:"requestId"`
}

// statuses is the one place where codes become statuses; 500 is for every other.
var statuses = map[api.Code]int{
	api.Invalid:            http.StatusBadRequest,
	api.Unauthorized:       http.StatusUnauthorized,
	api.Forbidden:          http.StatusForbidden,
	api.NotFound:           http.StatusNotFound,
	api.MethodNotAllowed:   http.StatusMethodNotAllowed,
	api.TooSlow:            http.StatusRequestTimeout,
	api.Conflict:           http.StatusConflict,
	api.PreconditionFailed: http.StatusPreconditionFailed,
	api.TooLarge:           http.StatusRequestEntityTooLarge,
	api.NoPreview:          http.StatusUnsupportedMediaType,
	api.BadRange:           http.StatusRequestedRangeNotSatisfiable,
	api.Misdirected:        http.StatusMisdirectedRequest,
	api.KeyReused:          http.StatusUnprocessableEntity,
	api.TooMany:            http.StatusTooManyRequests,
	api.Unavailable:        http.StatusServiceUnavailable,
	api.Full:               http.StatusInsufficientStorage,
}

// fail answers with err as a problem document and returns what to log of it.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e, status := s.explain(w, r, err)
	w.Header().Set("Content-Type", "application/problem+json")
	writeBody(w, r, status, problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: e.Message, Code: e.Code, RequestID: RequestID(r),
	})
}

// Refuse returns the answer to what net/http finds to be no request, with the
// status and the reason that it has for that.
func (s *server) Refuse(remote string, status int, why string) (http.Header, []byte) {
	r := withRequestID(&http.Request{RemoteAddr: remote})
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: api.Invalid, RequestID: RequestID(r)}
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		p.Code, p.Detail = api.TooLarge, "the request's header is longer than this server takes: send fewer or shorter fields, or a shorter address"
	case why != "":
		p.Detail = "the request is not HTTP as this server speaks it: " + why
	default:
		p.Detail = "the request is not HTTP as this server speaks it: check its first line and its header"
	}
	header := http.Header{"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}, "Server-Timing": {serverTiming(storage.Steps{}, 0)}}
	protect(header)
	body, _ := json.Marshal(p) // it always encodes
	s.Metrics.Request("refused", "", status, int64(len(body)), 0)
	s.logRequest(r, answered{route: "refused", status: status, bytes: int64(len(body))})
	return header, append(body, '\n')
}

// retryAfter is when to try again what fails for the moment, in seconds: a
// part that was restarted is back by then.
const retryAfter = "2"

// explain finds what to tell the client of err and logs what only we may know.
func (s *server) explain(w http.ResponseWriter, r *http.Request, err error) (*api.Error, int) {
	if _, known := errors.AsType[*api.Error](err); !known {
		err = inputError(err)
	}
	e := api.AsError(err)
	status := cmp.Or(statuses[e.Code], http.StatusInternalServerError)
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", retryAfter)
	}
	if status >= http.StatusInternalServerError {
		s.log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("id", RequestID(r)), slog.Int("status", status), slog.Any("error", cause(err)))
	}
	return e, status
}

// inputError turns the errors of reading a request's body into the client's.
func inputError(err error) error {
	if tooBig, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return api.Errorf(api.TooLarge, "the request's body is over its limit of %d bytes", tooBig.Limit).Because(err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return api.Errorf(api.Unavailable, "the request was given up before it was done: try again").Because(err)
	}
	return err
}

// cause is what an error hides from the client, or the error itself.
func cause(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok && e.Unwrap() != nil {
		return e.Unwrap()
	}
	return err
}

func reply(w http.ResponseWriter, r *http.Request, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	writeBody(w, r, status, body)
	return nil
}

// writeBody sends body as JSON. The types that come here always encode; what
// fails is the connection, which then has nobody to tell.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(body)
	}
}
