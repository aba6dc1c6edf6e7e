package httpapi

import (
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// Users' files are data and never run in our origin: whatever could hold
// script is a download, and should a browser show it all the same, it does so
// in a sandbox without script, network or our origin. The browser's own viewers
// of video, sound and PDFs fetch the file again, which a sandbox would forbid;
// what they show cannot hold script that runs in a page.
var (
	fileCSP   = []string{"default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"}
	viewerCSP = []string{"default-src 'none'; img-src 'self'; media-src 'self'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

	sameSite    = []string{"same-origin"}
	revalidate  = []string{"no-cache"}
	bytesRanges = []string{"bytes"}
)

func (s *server) getObject(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.ObjectsPath+"/")
	if err != nil {
		return err
	}
	return s.sendObject(w, r, key, nil)
}

// sendObject answers with an object, and with the header more on top of the usual one.
func (s *server) sendObject(w http.ResponseWriter, r *http.Request, key string, more http.Header) error {
	start := time.Now()
	content, err := s.open(r, key)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	contentHeader(w.Header(), content, downloads(r), start)
	maps.Copy(w.Header(), more)
	s.send(w, r, content)
	if rec, ok := w.(*recorder); ok {
		s.Metrics.Sent(content.Source, rec.bytes)
	}
	if err := content.Err(); err != nil {
		s.cut(r, err)
	}
	return nil
}

// open opens an object and counts where it came from, and how long that took.
func (s *server) open(r *http.Request, key string) (*storage.Content, error) {
	content, err := s.openOrGoOn(r, key)
	if err == nil {
		s.Metrics.Read(content.Source, content.Steps.Total())
	}
	return content, err
}

func (s *server) openOrGoOn(r *http.Request, key string) (*storage.Content, error) {
	if a := askedOf(r); a != nil && a.question.Key == key {
		if a.past {
			return s.Objects.OpenPast(r.Context(), a.question)
		}
		return s.Objects.OpenAsked(r.Context(), a.question, a.found)
	}
	return s.Objects.Open(r.Context(), key)
}

// contentHeader sets the header for a content that was asked for at start.
func contentHeader(h http.Header, c *storage.Content, download bool, start time.Time) {
	objectHeader(h, c.Object, download)
	h["Cache-Status"] = []string{cacheStatus(c)}
	h["Server-Timing"] = []string{serverTiming(c.Steps, time.Since(start))}
}

func (s *server) headObject(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.ObjectsPath+"/")
	if err != nil {
		return err
	}
	return s.sendHead(w, r, key, nil)
}

// sendHead answers as sendObject, without the bytes.
func (s *server) sendHead(w http.ResponseWriter, r *http.Request, key string, more http.Header) error {
	start := time.Now()
	object, err := s.Objects.Stat(r.Context(), key)
	if err != nil {
		return err
	}
	took := time.Since(start)
	objectHeader(w.Header(), object, downloads(r))
	maps.Copy(w.Header(), more)
	w.Header().Set("Cache-Status", `MemCache; fwd=bypass; detail="the database has what HEAD asks for"`)
	w.Header().Set("Server-Timing", serverTiming(storage.Steps{Database: took}, took))
	r.Header.Del("Range") // it is for GET alone
	s.sendPart(w, r, object, emptyOf(object.Size))
	return nil
}

// emptyOf is a reader of n bytes for HEAD, of which none is ever read.
func emptyOf(n int64) io.ReadSeeker { return io.NewSectionReader(nil, 0, n) }

// send answers with the bytes, or with the part of them that was asked for.
func (s *server) send(w http.ResponseWriter, r *http.Request, content *storage.Content) {
	if content.Bytes() != nil && plain(r.Header) {
		wholeLength(w.Header(), content)
		_, _ = w.Write(content.Bytes())
		return
	}
	body := content.Body()
	if r.Header.Get("Range") == "" {
		body = content // which checks it
	}
	s.sendPart(w, r, content.Object, body)
}

func wholeLength(h http.Header, c *storage.Content) {
	h["Content-Length"] = []string{strconv.Itoa(len(c.Bytes()))}
}

// plain tells whether a GET has neither conditions nor ranges.
func plain(h http.Header) bool {
	for _, name := range [...]string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if len(h[name]) > 0 {
			return false
		}
	}
	return true
}

func objectHeader(h http.Header, o api.Object, download bool) {
	own := []string{o.Type, o.ETag, time.UnixMilli(o.Modified).UTC().Format(http.TimeFormat), disposition(o, download)}
	h["Content-Type"], h["Etag"], h["Last-Modified"], h["Content-Disposition"] = own[0:1:1], own[1:2:2], own[2:3:3], own[3:4:4]
	h["Cache-Control"] = revalidate
	h["Accept-Ranges"] = bytesRanges
	h["Cross-Origin-Resource-Policy"] = sameSite
	h["Content-Security-Policy"] = fileCSP
	if hasViewer(o.Type) {
		h["Content-Security-Policy"] = viewerCSP
	}
}

// downloads tells whether the browser is to save the file whatever it is:
// ?download asks for that.
func downloads(r *http.Request) bool {
	return r.URL.RawQuery != "" && r.URL.Query().Has("download")
}

// disposition names the file by the last part of its key. Only types that
// cannot hold script are shown in the browser.
func disposition(o api.Object, download bool) string {
	how := "attachment"
	if showable(o.Type) && !download {
		how = "inline"
	}
	name := path.Base(o.Key)
	if name == "." || name == "/" {
		return how
	}
	if plainName(name) {
		return how + "; filename=" + name
	}
	return mime.FormatMediaType(how, map[string]string{"filename": name})
}

// plainName tells whether name may stand in a header as it is.
func plainName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case '0' <= c && c <= '9', 'a' <= c|0x20 && c|0x20 <= 'z', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

func showable(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	switch base {
	case "image/svg+xml":
		return false
	case "text/plain", "application/pdf", "application/ogg":
		return true
	}
	kind, _, _ := strings.Cut(base, "/")
	return kind == "image" || kind == "video" || kind == "audio"
}

// hasViewer tells whether browsers show the type with a viewer of their own.
func hasViewer(mediaType string) bool {
	return mediaType == "application/pdf" || strings.HasPrefix(mediaType, "video/") || strings.HasPrefix(mediaType, "audio/")
}

// cacheStatus is the Cache-Status of RFC 9211.
func cacheStatus(c *storage.Content) string {
	status := [...]string{
		storage.Hit:       "MemCache; hit",
		storage.Collapsed: "MemCache; hit; collapsed",
		storage.Miss:      "MemCache; fwd=uri-miss; stored",
		storage.Bypass:    "MemCache; fwd=bypass",
	}[c.Source]
	if c.Detail != "" {
		status += fmt.Sprintf("; detail=%q", c.Detail)
	}
	return status
}

// serverTiming lists the steps that were taken, in milliseconds.
func serverTiming(steps storage.Steps, total time.Duration) string {
	b := make([]byte, 0, 64)
	for _, step := range [...]struct {
		name string
		took time.Duration
	}{{"cache", steps.Cache}, {"database", steps.Database}, {"blob", steps.Blob}, {"total", total}} {
		if step.took <= 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, step.name...), ";dur="...)
		micros := step.took.Microseconds()
		b = append(strconv.AppendInt(b, micros/1000, 10), '.', digit(micros/100), digit(micros/10), digit(micros))
	}
	return string(b)
}

// digit is the last one of n.
func digit(n int64) byte { return byte('0' + n%10) }

func (s *server) putObject(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.ObjectsPath+"/")
	if err != nil {
		return err
	}
	if r.ContentLength > s.MaxObject {
		return api.Errorf(api.TooLarge, "the object is %d bytes long: the largest allowed is %d bytes", r.ContentLength, s.MaxObject)
	}
	object, err := s.Objects.Put(r.Context(), key, r.Body, conditions(r))
	if err != nil {
		return err
	}
	return replyObject(w, r, object)
}

// replyObject answers with an object that was stored: 201 when its key is new.
func replyObject(w http.ResponseWriter, r *http.Request, object api.Object) error {
	w.Header().Set("Etag", object.ETag)
	w.Header().Set("Location", api.ObjectPath(object.Key))
	status := http.StatusOK
	if object.Version == 1 {
		status = http.StatusCreated
	}
	return reply(w, r, status, object)
}

func (s *server) deleteObject(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.ObjectsPath+"/")
	if err != nil {
		return err
	}
	if err := s.Objects.Delete(r.Context(), key, conditions(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
