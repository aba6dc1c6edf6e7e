package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"memcache/shared/api"
)

// Stat returns what is known of the object, from the database.
func (s *Store) Stat(ctx context.Context, key string) (api.Object, error) {
	if err := api.CheckKey(key); err != nil {
		return api.Object{}, err
	}
	row, err := s.index.Get(ctx, key)
	if err != nil {
		return api.Object{}, indexError(err, key)
	}
	return export(row), nil
}

// List returns a page of keys. It fails with Invalid for an unknown sort, a
// limit out of range or an After that no page gave.
func (s *Store) List(ctx context.Context, q api.ListQuery) (api.List, error) {
	if q.Sort == "" {
		q.Sort = api.SortNewest
	}
	if q.Limit == 0 {
		q.Limit = api.DefaultListLimit
	}
	if !slices.Contains(api.Sorts, q.Sort) {
		return api.List{}, api.Errorf(api.Invalid, "the sort %q is unknown: use one of %s", q.Sort, strings.Join(api.Sorts, ", "))
	}
	if q.Limit < 1 || q.Limit > api.MaxListLimit {
		return api.List{}, api.Errorf(api.Invalid, "the limit %d is out of range: use 1 to %d", q.Limit, api.MaxListLimit)
	}
	page, err := s.index.List(ctx, q)
	if err != nil {
		return api.List{}, indexError(err, "")
	}
	list := api.List{Objects: make([]api.Object, len(page.Objects)), Next: page.Next, Total: page.Total, Exact: page.Exact}
	for i, o := range page.Objects {
		list.Objects[i] = export(o)
	}
	return list, nil
}

// Invalidate drops the object from the cache; the object itself stays.
func (s *Store) Invalidate(ctx context.Context, key string) error {
	if err := api.CheckKey(key); err != nil {
		return err
	}
	unlock, err := s.locks.lock(ctx, []string{key}) // or a writer's hold would end too early
	if err != nil {
		return err
	}
	defer unlock()
	g, why, ok := s.readable(ctx)
	if !ok {
		return api.Errorf(api.Unavailable, "the cache is not in use just now (%s), so %q was not dropped from it: try again", why, key)
	}
	if err := s.forgetIn(ctx, g, key); err != nil {
		return api.Errorf(api.Unavailable, "the cache does not answer, so %q was not dropped from it: try again", key).Because(err)
	}
	return nil
}

// Clear empties the cache; the objects themselves stay.
func (s *Store) Clear(ctx context.Context) error {
	if err := s.cache.Clear(ctx); err != nil {
		return api.Errorf(api.Unavailable, "the cache does not answer, so it was not cleared: try again").Because(err)
	}
	return nil
}

// Sweep removes the blobs that no row has named for the grace period.
func (s *Store) Sweep(ctx context.Context) error {
	n, err := s.blobs.Sweep(ctx, s.cfg.Grace, s.index.BlobsInUse)
	if n > 0 {
		s.log.Info("blobs that nothing names were removed", "blobs", n)
	}
	if err != nil {
		return fmt.Errorf("sweep the blobs: %w", err)
	}
	return nil
}
