package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"memcache/shared/api"
)

const maxJSONBody = 64 << 10

func (s *server) getCache(w http.ResponseWriter, r *http.Request) error {
	cache, err := s.Cache.Cache(r.Context())
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, cache)
}

func (s *server) putCache(w http.ResponseWriter, r *http.Request) error {
	change, err := s.readChange(w, r)
	if err != nil {
		return err
	}
	cache, err := s.Cache.Configure(r.Context(), change)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, cache)
}

// readChange decodes the body strictly: a setting that is misspelt or of the
// wrong kind must not look as if it had been applied.
func (s *server) readChange(w http.ResponseWriter, r *http.Request) (api.CacheChange, error) {
	var change api.CacheChange
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSONBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&change)
	if err == nil && decoder.More() {
		err = errors.New("there is more after the object")
	}
	if err == nil || isTooBig(err) {
		return change, err
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the body is empty")
	}
	cache, failed := s.Cache.Cache(r.Context())
	if failed != nil {
		return change, failed
	}
	return change, api.Errorf(api.Invalid,
		`the settings cannot be read (%v): send {"capacity": bytes, "policy": "name"}, either or both; the capacity is a whole number of MB from %d to %d bytes`,
		err, cache.MinCapacity, cache.MaxCapacity)
}

func isTooBig(err error) bool {
	_, tooBig := errors.AsType[*http.MaxBytesError](err)
	return tooBig
}

// deleteItems clears the cache, or drops the one key that the query names.
func (s *server) deleteItems(w http.ResponseWriter, r *http.Request) error {
	if strings.Contains(r.URL.RawQuery, "key=") {
		return s.deleteItem(w, r)
	}
	if err := s.Objects.Clear(r.Context()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) deleteItem(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.Base+"/cache/items/")
	if err != nil {
		return err
	}
	if err := s.Objects.Invalidate(r.Context(), key); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
