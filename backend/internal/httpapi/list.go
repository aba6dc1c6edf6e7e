package httpapi

import (
	"net/http"
	"net/url"
	"strconv"

	"memcache/shared/api"
)

func (s *server) list(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return api.Errorf(api.Invalid, "the query is not percent-encoded properly: %v", err)
	}
	q := api.ListQuery{
		Prefix: query.Get("prefix"), Search: query.Get("search"),
		Sort: query.Get("sort"), After: query.Get("after"), Before: query.Get("before"), From: query.Get("from"),
	}
	if text := query.Get("limit"); text != "" {
		q.Limit, err = strconv.Atoi(text)
		if err != nil || q.Limit < 1 {
			return api.Errorf(api.Invalid, "the limit %q is not a number from 1 to %d", text, api.MaxListLimit)
		}
	}
	page, err := s.Objects.List(r.Context(), q)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, page)
}

func (s *server) starts(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return api.Errorf(api.Invalid, "the query is not percent-encoded properly: %v", err)
	}
	found, err := s.Objects.Starts(r.Context(), query.Get("prefix"))
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, found)
}
