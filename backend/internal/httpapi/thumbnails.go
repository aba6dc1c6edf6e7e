package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"memcache/backend/internal/storage"
	"memcache/backend/internal/thumbnail"
	"memcache/shared/api"
)

// thumbnailSizes are the lengths of the longer side that can be asked for, in
// pixels: few, so that each is made and kept but once.
var thumbnailSizes = []int{128, 256, thumbnail.MaxSize}

const thumbnailSize = 256

// forever is for a thumbnail whose address names the content it was made of.
var forever = []string{"private, max-age=31536000, immutable"}

func (s *server) getThumbnail(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.ThumbnailsPath+"/")
	if err != nil {
		return err
	}
	size, err := askedSize(r)
	if err != nil {
		return err
	}
	made, err := s.Objects.Derive(r.Context(), key, fmt.Sprintf("thumbnail %d", size),
		func(ctx context.Context, o api.Object, body io.ReadSeeker) (string, []byte, error) {
			return s.makeThumbnail(ctx, o, body, size)
		})
	if err != nil {
		return err
	}
	if len(made.Bytes) == 0 {
		return api.Errorf(api.NoPreview, "there is no preview of %q: it is %s, damaged, or too large a picture to be made small here", key, made.Object.Type)
	}
	o := made.Object
	thumbnailHeader(w.Header(), r, made, size)
	o.ETag, o.Size = w.Header().Get("Etag"), int64(len(made.Bytes))
	s.sendPart(w, r, o, strings.NewReader(string(made.Bytes)))
	return nil
}

// makeThumbnail makes no bytes where there is no preview, so that this is kept.
func (s *server) makeThumbnail(ctx context.Context, o api.Object, body io.ReadSeeker, size int) (string, []byte, error) {
	if !thumbnail.Possible(o.Type, o.Size) {
		return "", nil, nil
	}
	made, err := s.thumbnails.Make(ctx, body, size)
	if errors.Is(err, thumbnail.ErrNoPreview) {
		s.log.Debug("no preview", "key", o.Key, "why", err)
		return "", nil, nil
	}
	return made.Type, made.Body, err
}

func askedSize(r *http.Request) (int, error) {
	text := r.URL.Query().Get("size")
	if text == "" {
		return thumbnailSize, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil || !slices.Contains(thumbnailSizes, size) {
		return 0, api.Errorf(api.Invalid, "thumbnails of size %.20q are not made: ask for one of %v (pixels of the longer side)", text, thumbnailSizes)
	}
	return size, nil
}

func thumbnailHeader(h http.Header, r *http.Request, made storage.Derived, size int) {
	h["Content-Type"] = []string{made.Type}
	h["Etag"] = []string{fmt.Sprintf(`"%s-%d"`, strings.Trim(made.Object.ETag, `"`), size)}
	h["Cache-Control"] = revalidate
	if r.URL.Query().Get("v") == strings.Trim(made.Object.ETag, `"`) {
		h["Cache-Control"] = forever
	}
	h["Cross-Origin-Resource-Policy"] = sameSite
	h["Cache-Status"] = []string{map[bool]string{true: "MemCache; hit", false: "MemCache; fwd=uri-miss; stored"}[made.Source == storage.Hit]}
}
