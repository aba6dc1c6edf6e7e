package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// asset is one reply, in each encoding that makes it smaller.
type asset struct {
	contentType string
	hash        string // of the plain content
	forms       []form // best first; the plain one is last
	rawLength   bool   // tell the plain length in X-Raw-Length
}

// form is the content in one encoding.
type form struct {
	encoding string // as in Content-Encoding; "" for the plain one
	etag     string
	body     []byte
}

// newAsset returns the asset of content, whose compressed forms are given by
// their encoding, best first.
func newAsset(contentType string, content []byte, compressed ...form) *asset {
	sum := sha256.Sum256(content)
	a := &asset{contentType: contentType, hash: hex.EncodeToString(sum[:12])}
	for _, f := range compressed {
		if len(f.body) < len(content) {
			f.etag = `"` + a.hash + "-" + f.encoding + `"`
			a.forms = append(a.forms, f)
		}
	}
	a.forms = append(a.forms, form{etag: `"` + a.hash + `"`, body: content})
	return a
}

// newText returns the asset of a text, which is compressed here.
func newText(contentType string, content []byte) *asset {
	var packed bytes.Buffer
	// Neither fails: the level exists and the buffer takes everything.
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close()
	return newAsset(contentType, content, form{encoding: "gzip", body: packed.Bytes()})
}

// serve answers with the asset, or with 304 when the client has it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	f := a.choose(r.Header.Get("Accept-Encoding"))
	h := w.Header()
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	if len(a.forms) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if matches(r.Header.Values("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if a.rawLength {
		h.Set("X-Raw-Length", strconv.Itoa(len(a.plain())))
	}
	a.write(w, r, f, http.StatusOK)
}

// serveAs answers with the asset under an error status. There is no ETag: an
// error is never "not modified".
func (a *asset) serveAs(w http.ResponseWriter, r *http.Request, status int) {
	w.Header().Set("Cache-Control", "no-store")
	a.write(w, r, a.forms[len(a.forms)-1], status)
}

func (a *asset) write(w http.ResponseWriter, r *http.Request, f form, status int) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	if f.encoding != "" {
		h.Set("Content-Encoding", f.encoding)
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.body) // an error means that the client has gone
	}
}

func (a *asset) plain() []byte { return a.forms[len(a.forms)-1].body }

// choose returns the best form that the Accept-Encoding header allows.
func (a *asset) choose(accept string) form {
	for _, f := range a.forms {
		if f.encoding == "" || accepts(accept, f.encoding) {
			return f
		}
	}
	return a.forms[len(a.forms)-1]
}

// accepts tells whether an Accept-Encoding header names encoding without ruling
// it out.
func accepts(header, encoding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		q, given := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !given || err == nil && weight > 0
	}
	return false
}

// matches tells whether If-None-Match names etag. The comparison is weak, as
// RFC 9110 wants it.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
			if item == etag || item == "*" {
				return true
			}
		}
	}
	return false
}
