package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	if err := checkBegin(q); err != nil {
		return api.List{}, err
	}
	page, err := s.index.List(ctx, q)
	if err != nil {
		return api.List{}, indexError(err, "")
	}
	list := api.List{Objects: make([]api.Object, len(page.Objects)), Next: page.Next, Prev: page.Prev, Total: page.Total, Exact: page.Exact}
	for i, o := range page.Objects {
		list.Objects[i] = export(o)
	}
	return list, nil
}

// checkBegin checks where the page is to begin.
func checkBegin(q api.ListQuery) error {
	given := 0
	for _, s := range []string{q.After, q.Before, q.From} {
		if s != "" {
			given++
		}
	}
	if given > 1 {
		return api.Errorf(api.Invalid, "a page begins at one place: give one of after, before and from")
	}
	if q.From != "" && q.Sort != api.SortKey && q.Sort != api.SortKeyDown {
		return api.Errorf(api.Invalid, "the order %q does not go by key, so a list in it cannot begin from %.100q: use %s or %s", q.Sort, q.From, api.SortKey, api.SortKeyDown)
	}
	return nil
}

// Starts returns what the keys with a prefix begin with, for a jump to each: as
// few seeks as there are of them, however many keys there are.
func (s *Store) Starts(ctx context.Context, prefix string) (api.Starts, error) {
	found := api.Starts{Starts: []string{}}
	if len(prefix) > api.MaxKeyBytes {
		return found, api.Errorf(api.Invalid, "the prefix has %d bytes: the longest key has %d", len(prefix), api.MaxKeyBytes)
	}
	key, err := s.keyAt(ctx, api.SortKey, prefix)
	if err != nil || !strings.HasPrefix(key, prefix) {
		return found, err
	}
	last, err := s.keyAt(ctx, api.SortKeyDown, prefix)
	if err != nil {
		return found, err
	}
	common := commonPrefix(key, last)
	for strings.HasPrefix(key, prefix) && key != "" {
		if found.More = len(found.Starts) == api.MaxStarts; found.More {
			break
		}
		char, size := utf8.DecodeRuneInString(key[min(len(common), len(key)):])
		found.Starts = append(found.Starts, key[:len(common)+size])
		next, ok := following(common, char, size)
		if !ok {
			break
		}
		if key, err = s.keyAt(ctx, api.SortKey, next); err != nil {
			return found, err
		}
	}
	return found, nil
}

// keyAt returns the first key from there on in the order, "" if there is none.
func (s *Store) keyAt(ctx context.Context, sort, from string) (string, error) {
	page, err := s.index.List(ctx, api.ListQuery{Sort: sort, From: from, Limit: 1})
	if err != nil {
		return "", indexError(err, "")
	}
	if len(page.Objects) == 0 {
		return "", nil
	}
	return page.Objects[0].Key, nil
}

// commonPrefix returns the whole characters with which both begin.
func commonPrefix(a, b string) string {
	for i, r := range a {
		if s, size := utf8.DecodeRuneInString(b[min(i, len(b)):]); s != r || size == 0 {
			return a[:i]
		}
	}
	return a
}

// following is what comes next to all keys that begin with common and char, or to
// common itself where size is 0: the bytes of UTF-8 are in the order of characters.
func following(common string, char rune, size int) (next string, ok bool) {
	switch {
	case size == 0:
		return common + " ", true // the first character that a key can have
	case char == utf8.MaxRune:
		return "", false
	case !utf8.ValidRune(char + 1):
		return common + "\ue000", true // what follows the surrogates
	}
	return common + string(char+1), true
}

// Invalidate drops the object from the cache; the object itself stays.
func (s *Store) Invalidate(ctx context.Context, key string) error {
	if err := api.CheckKey(key); err != nil {
		return err
	}
	at, why, ok := s.readable(ctx, hashOf(key))
	if !ok {
		return api.Errorf(api.Unavailable, "the cache is not in use just now (%s), so %q was not dropped from it: try again", why, key)
	}
	s.flights.forget(at.name)
	if err := at.node.Drop(ctx, at.name); err != nil { // a writer's hold stays, also that of another backend
		return api.Errorf(api.Unavailable, "the cache does not answer, so %q was not dropped from it: try again", key).Because(err)
	}
	return nil
}

// Cached tells whether the object is in the cache. Asking is no access. Errors:
// Invalid, Unavailable when the cache is not in use.
func (s *Store) Cached(ctx context.Context, key string) (api.Cached, error) {
	if err := api.CheckKey(key); err != nil {
		return api.Cached{}, err
	}
	at, why, ok := s.readable(ctx, hashOf(key))
	if !ok {
		return api.Cached{}, api.Errorf(api.Unavailable, "the cache is not in use just now (%s): try again", why)
	}
	d, err := at.node.Describe(ctx, at.name)
	if err != nil {
		return api.Cached{}, api.Errorf(api.Unavailable, "the cache does not answer, so it is not known whether %q is in it: try again", key).Because(err)
	}
	known := api.Cached{Cached: d.Found, Read: d.Read, Idle: int64(d.Idle / time.Second), Bytes: d.Bytes}
	if !d.Since.IsZero() {
		known.Since = d.Since.UnixMilli()
	}
	return known, nil
}

// Clear empties the cache; the objects themselves stay.
func (s *Store) Clear(ctx context.Context) error {
	if err := s.clear(ctx); err != nil {
		return api.Errorf(api.Unavailable, "the cache does not answer, so it was not cleared: try again").Because(err)
	}
	return nil
}

// clear empties the cache, while it is shut where holds of other backends would
// go with the rest.
func (s *Store) clear(ctx context.Context) error {
	if s.gen.lease == 0 {
		return s.cache.Clear(ctx)
	}
	v, err := s.shutAll(ctx)
	if err != nil {
		return err
	}
	failed := s.cache.Clear(ctx)
	_, err = s.reopen(ctx, v)
	return errors.Join(failed, err)
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
