package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// sendPart answers a request with conditions or ranges: 200, 206, 304, or a
// problem document for 412 and 416. The bytes are those of o.
func (s *server) sendPart(w http.ResponseWriter, r *http.Request, o api.Object, body io.ReadSeeker) {
	http.ServeContent(&partWriter{ResponseWriter: w, s: s, r: r, object: o}, r, "", time.UnixMilli(o.Modified), body)
}

// partWriter puts a problem document in the place of the bare line with which
// http.ServeContent refuses. A range without bytes, as any of an empty object
// and bytes=-0 are, cannot be sent either, which ServeContent overlooks.
type partWriter struct {
	http.ResponseWriter
	s       *server
	r       *http.Request
	object  api.Object
	refused bool
}

func (w *partWriter) WriteHeader(status int) {
	asked := w.r.Header
	nothing := status == http.StatusPartialContent && w.Header().Get("Content-Length") == "0" ||
		status == http.StatusOK && w.object.Size == 0 && asked.Get("Range") != "" && asked.Get("If-Range") == ""
	if nothing {
		status = http.StatusRequestedRangeNotSatisfiable
	}
	switch status {
	case http.StatusPreconditionFailed:
		w.refuse(api.Errorf(api.PreconditionFailed, "the object %q has the ETag %s by now and was stored at %s: the request's condition rules that out",
			w.object.Key, w.object.ETag, time.UnixMilli(w.object.Modified).UTC().Format(http.TimeFormat)))
	case http.StatusRequestedRangeNotSatisfiable:
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", w.object.Size))
		w.refuse(api.Errorf(api.BadRange, "the object %q has %d bytes: the range %.100q is not one of them", w.object.Key, w.object.Size, asked.Get("Range")))
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *partWriter) refuse(err error) {
	w.refused = true
	w.Header().Del("Content-Disposition")
	w.Header().Del("Content-Length")
	w.s.fail(w.ResponseWriter, w.r, err)
}

func (w *partWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps the way open for sendfile.
func (w *partWriter) ReadFrom(r io.Reader) (int64, error) {
	if w.refused {
		return 0, nil
	}
	return io.Copy(w.ResponseWriter, r)
}

// conditions are those of a write. What is no date is no condition, as RFC 9110
// has it; the other conditions by date are for reads alone.
func conditions(r *http.Request) storage.Cond {
	since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since"))
	if err != nil {
		since = time.Time{}
	}
	return storage.Cond{
		IfMatch: etags(r.Header.Values("If-Match")), IfNoneMatch: etags(r.Header.Values("If-None-Match")), IfUnmodifiedSince: since,
	}
}

// etags splits the lists of entity tags in a header's values; nil when there is
// no such header. A tag may hold commas between its quotes. What is no tag is
// kept: it matches nothing, so that a condition never silently vanishes.
func etags(values []string) []string {
	var tags []string
	for _, value := range values {
		quoted, start := false, 0
		for i := range len(value) + 1 {
			switch {
			case i == len(value) || value[i] == ',' && !quoted:
				tags = append(tags, strings.TrimSpace(value[start:i]))
				start = i + 1
			case value[i] == '"':
				quoted = !quoted
			}
		}
	}
	return tags
}
