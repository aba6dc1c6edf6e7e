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

// postNode adds a cache node.
func (s *server) postNode(w http.ResponseWriter, r *http.Request) error {
	var node api.NodeParams
	if err := readJSON(w, r, &node, `{"address": "host:port or unix:/path"}`); err != nil {
		return err
	}
	cache, err := s.Cache.AddNode(r.Context(), node.Address)
	return s.nodesChanged(w, r, node.Address, cache, err)
}

// deleteNode removes the cache node that the query names.
func (s *server) deleteNode(w http.ResponseWriter, r *http.Request) error {
	address := r.URL.Query().Get("address")
	cache, err := s.Cache.RemoveNode(r.Context(), address)
	return s.nodesChanged(w, r, address, cache, err)
}

// putNodes sets how many cache processes run beside the server.
func (s *server) putNodes(w http.ResponseWriter, r *http.Request) error {
	var size api.PoolSize
	if err := readJSON(w, r, &size, `{"nodes": number}`); err != nil {
		return err
	}
	cache, err := s.Cache.ResizePool(r.Context(), size.Nodes)
	return s.nodesChanged(w, r, size.Nodes, cache, err)
}

func (s *server) nodesChanged(w http.ResponseWriter, r *http.Request, what any, cache api.Cache, err error) error {
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "nodes", what)
	return reply(w, r, http.StatusOK, cache)
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
