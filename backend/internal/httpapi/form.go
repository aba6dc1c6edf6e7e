package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"memcache/shared/api"
)

// A form of files is read as it comes, one part after the other: however large
// it is, nothing of it is held in memory or in a temporary file of its own.

const formShape = "send multipart/form-data with a file in each part; a field \"key\" before a file names it, else its file name does"

// postObjects stores the files of a form. Each is a change of its own: what
// fails with one does not keep the others.
func (s *server) postObjects(w http.ResponseWriter, r *http.Request) error {
	stored := api.Stored{Objects: []api.Object{}, Failed: []api.KeyFailed{}}
	cond := conditions(r)
	err := walkForm(r, func(key string, file io.Reader) {
		object, err := s.Objects.Put(r.Context(), key, file, cond)
		if err != nil {
			e, _ := s.explain(w, r, err)
			stored.Failed = append(stored.Failed, api.KeyFailed{Key: key, Error: e})
			return
		}
		stored.Objects = append(stored.Objects, object)
	})
	switch {
	case err != nil && len(stored.Objects) > 0:
		return api.Errorf(api.AsError(err).Code, "%d files are stored, but then: %w", len(stored.Objects), err)
	case err != nil:
		return err
	case len(stored.Objects)+len(stored.Failed) == 0:
		return api.Errorf(api.Invalid, "the form has no file: %s", formShape)
	}
	return reply(w, r, http.StatusOK, stored)
}

// isForm tells whether the body is a form of files.
func isForm(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return r.Method == http.MethodPost && strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data")
}

// walkForm calls each for every file of the form with its key, which may be a
// bad one, and its bytes. It fails when the form itself is broken or has more
// than api.MaxListLimit parts.
func walkForm(r *http.Request, each func(key string, file io.Reader)) error {
	body := &tailReader{ReadCloser: r.Body}
	r.Body = body
	form, err := r.MultipartReader()
	if err != nil {
		return api.Errorf(api.Invalid, "the body is no form of files (%v): %s", err, formShape)
	}
	w := formWalk{each: each, sum: fingerprintOf(r)}
	for range api.MaxListLimit {
		part, err := form.NextRawPart()
		if err == io.EOF && body.ended(r) {
			return nil
		}
		if err == nil {
			err = w.take(part)
		}
		if err != nil {
			return badParts(err)
		}
	}
	return api.Errorf(api.Invalid, "the form has more than %d parts: send several forms", api.MaxListLimit)
}

// tailReader keeps the last bytes that were read. Package multipart takes a form
// for whole, too, that is cut off in the head of a part.
type tailReader struct {
	io.ReadCloser
	// Twice as much as package multipart reads ahead.
	tail [8 << 10]byte
}

func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	last := p[max(0, n-len(t.tail)):n]
	copy(t.tail[:], t.tail[len(last):])
	copy(t.tail[len(t.tail)-len(last):], last)
	return n, err
}

// ended tells whether the form's last boundary has been read.
func (t *tailReader) ended(r *http.Request) bool {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && bytes.Contains(t.tail[:], []byte("--"+params["boundary"]+"--"))
}

// badParts explains why a form could not be read any further.
func badParts(err error) error {
	if _, known := errors.AsType[*api.Error](err); known {
		return err
	}
	return api.Errorf(api.Invalid, "the form breaks off (%v): %s", err, formShape)
}

// formWalk is a form on the way from one part to the next.
type formWalk struct {
	each func(key string, file io.Reader)
	sum  io.Writer // the form's fingerprint
	key  string    // what the field before said
}

// take reads one part to its end. It fails when the part is cut off or unknown.
func (w *formWalk) take(part *multipart.Part) error {
	name, isFile := fileName(part)
	if !isFile {
		if part.FormName() != "key" {
			return api.Errorf(api.Invalid, "the form has a field %.100q, which is not known here: %s", part.FormName(), formShape)
		}
		key, err := io.ReadAll(io.LimitReader(part, api.MaxKeyBytes+1)) // one byte more tells that it is too long
		w.key = string(key)
		return err
	}
	if w.key != "" {
		name, w.key = w.key, ""
	}
	_, _ = fmt.Fprintf(w.sum, "%q\n", name)
	file := &partReader{r: io.TeeReader(part, w.sum)}
	w.each(name, file)
	_, _ = io.Copy(io.Discard, file) // what a refused file still has
	_, _ = fmt.Fprintf(w.sum, "\n%d\n", file.n)
	return file.err
}

// fileName is the name of the part's file as it was sent; Part.FileName would
// cut it at its slashes.
func fileName(part *multipart.Part) (name string, isFile bool) {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return "", false
	}
	name, isFile = params["filename"]
	return name, isFile
}

// partReader counts what is read of a part, and keeps the error with which the
// form itself broke off.
type partReader struct {
	r   io.Reader
	n   int64
	err error
}

func (p *partReader) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.r.Read(b)
	p.n += int64(n)
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}
