package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

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

func (s *server) readChange(w http.ResponseWriter, r *http.Request) (api.CacheChange, error) {
	cache, err := s.Cache.Cache(r.Context())
	if err != nil {
		return api.CacheChange{}, err
	}
	var change api.CacheChange
	err = readJSON(w, r, &change, fmt.Sprintf(
		`{"capacity": bytes, "policy": "name"}, either or both; the capacity is a whole number of MB from %d to %d bytes`,
		cache.MinCapacity, cache.MaxCapacity))
	return change, err
}

// deleteItems clears the cache, or drops the one key that the query names.
func (s *server) deleteItems(w http.ResponseWriter, r *http.Request) error {
	if strings.Contains(r.URL.RawQuery, "key=") {
		audit.Ordinary(r.Context())
		return s.deleteItem(w, r)
	}
	before, known := s.Cache.Cache(r.Context())
	if err := s.Objects.Clear(r.Context()); err != nil {
		return err
	}
	if known == nil {
		audit.Remark(r.Context(), "items", before.Items())
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// getItem tells whether an object is in the cache.
func (s *server) getItem(w http.ResponseWriter, r *http.Request) error {
	key, err := keyAfter(r, api.Base+"/cache/items/")
	if err != nil {
		return err
	}
	known, err := s.Objects.Cached(r.Context(), key)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, known)
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
