package httpapi

import (
	"archive/zip"
	"compress/flate"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

// An archive is asked for in two steps, because a browser downloads only what has
// an address, and an address has no room for the keys: POST keeps them in the
// database, where every backend finds them, and GET makes the ZIP file of them
// while it is sent.

// keepArchives is how long an archive can be fetched, again after a broken
// connection.
const keepArchives = 10 * time.Minute

func (s *server) postArchive(w http.ResponseWriter, r *http.Request) error {
	ask, err := readKeys(w, r)
	if err != nil {
		return err
	}
	for _, key := range ask.Keys {
		if err := api.CheckKey(key); err != nil {
			return err
		}
	}
	keys, err := json.Marshal(ask.Keys)
	if err != nil {
		return err
	}
	token := rand.Text()
	if err := s.Answers.KeepAnswer(r.Context(), archiveID(token), keys, keepArchives); err != nil {
		return err
	}
	archive := api.Archive{Path: api.Base + "/archives?id=" + token, Expires: time.Now().Add(keepArchives).UnixMilli()}
	w.Header().Set("Location", archive.Path)
	return reply(w, r, http.StatusCreated, archive)
}

// archiveID is under which the keys of an archive are kept: no Idempotency-Key has
// the same, for none has a line end.
func archiveID(token string) [32]byte { return sha256.Sum256([]byte("archive\n" + token)) }

func (s *server) getArchive(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return api.Errorf(api.Invalid, "the query is not percent-encoded properly: %v", err)
	}
	raw, err := s.Answers.Answer(r.Context(), archiveID(query.Get("id")))
	if errors.Is(err, fs.ErrNotExist) {
		return api.Errorf(api.NotFound, "there is no such archive: one can be fetched for %v, then ask for it again", keepArchives)
	}
	var keys []string
	if err == nil {
		err = json.Unmarshal(raw, &keys)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", "attachment; filename=objects.zip")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return nil
	}
	if err := s.sendArchive(w, r, keys); err != nil {
		s.cut(r, err) // or what came would look whole
	}
	return nil
}

// sendArchive writes the ZIP file. What cannot be read any more is named in a file
// of its own.
func (s *server) sendArchive(w io.Writer, r *http.Request, keys []string) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	names := newNames(keys)
	var missing strings.Builder
	for _, key := range keys {
		content, err := s.open(r, key)
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
		if err != nil {
			e, _ := s.explain(discarded{}, r, err)
			fmt.Fprintf(&missing, "%s: %s\n", key, e.Message)
			continue
		}
		if err := addEntry(z, names.of(key), content); err != nil {
			return err
		}
		s.Metrics.Sent(content.Source, content.Object.Size)
	}
	if missing.Len() > 0 {
		f, err := z.Create(names.of("NOT INCLUDED.txt"))
		if err == nil {
			_, err = io.WriteString(f, missing.String())
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// discarded is for an answer that has been begun: it takes no headers any more.
type discarded struct{ http.ResponseWriter }

func (discarded) Header() http.Header { return http.Header{} }

func addEntry(z *zip.Writer, name string, content *storage.Content) error {
	defer func() { _ = content.Close() }()
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.UnixMilli(content.Object.Modified).UTC()}
	if compressed(content.Object.Type) {
		header.Method = zip.Store
	}
	f, err := z.CreateHeader(header)
	if err == nil {
		_, err = io.Copy(f, content)
	}
	return err
}

// compressed tells whether the bytes of such a type are compressed already.
func compressed(mediaType string) bool {
	base, _, _ := strings.Cut(mediaType, ";")
	switch base {
	case "image/svg+xml", "image/bmp", "image/tiff", "audio/wav", "audio/aiff":
		return false
	case "application/zip", "application/gzip", "application/x-7z-compressed", "application/x-rar-compressed", "application/zstd",
		"application/x-xz", "application/x-bzip2", "application/pdf", "application/ogg":
		return true
	}
	kind, _, _ := strings.Cut(base, "/")
	return kind == "image" || kind == "video" || kind == "audio"
}

// names gives the files of an archive names that are harmless wherever it is
// unpacked: below the folder, and each different, also where capital letters do
// not count or a folder has the name of a file.
type names map[string]bool // in lower case, what is taken

func newNames(keys []string) names {
	taken := names{}
	for _, key := range keys {
		for dir := path.Dir(safeName(key)); dir != "."; dir = path.Dir(dir) {
			taken[strings.ToLower(dir)] = true
		}
	}
	return taken
}

func (n names) of(key string) string {
	name := safeName(key)
	ext := path.Ext(name)
	for i, stem := 2, strings.TrimSuffix(name, ext); n[strings.ToLower(name)]; i++ {
		name = fmt.Sprintf("%s (%d)%s", stem, i, ext)
	}
	n[strings.ToLower(name)] = true
	return name
}

// safeName replaces what leads out of a folder or means something to a system.
func safeName(key string) string {
	segments := strings.Split(strings.NewReplacer(`\`, "_", ":", "_").Replace(key), "/")
	for i, s := range segments {
		if strings.Trim(s, ". ") == "" {
			segments[i] = "_"
		}
	}
	return strings.Join(segments, "/")
}
