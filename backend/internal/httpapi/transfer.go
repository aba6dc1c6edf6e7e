package httpapi

import (
	"context"
	"net/http"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/storage"
	"memcache/shared/api"
)

func (s *server) copyObject(w http.ResponseWriter, r *http.Request) error {
	return s.transfer(w, r, s.Objects.Copy)
}

func (s *server) renameObject(w http.ResponseWriter, r *http.Request) error {
	return s.transfer(w, r, s.Objects.Rename)
}

// transfer copies or renames. What is at the new key is only replaced when the
// request says so.
func (s *server) transfer(w http.ResponseWriter, r *http.Request,
	do func(ctx context.Context, from, to string, cond storage.Cond) (api.Object, error),
) error {
	var ask api.Transfer
	if err := readJSON(w, r, &ask, `{"from": "key", "to": "key", "replace": false, "ifMatch": "ETag"}`); err != nil {
		return err
	}
	cond := conditions(r)
	cond.Source = ask.IfMatch
	if !ask.Replace && cond.IfMatch == nil {
		cond.IfNoneMatch = []string{"*"}
	}
	object, err := do(r.Context(), ask.From, ask.To, cond)
	if err != nil {
		return err
	}
	return replyObject(w, r, object)
}

// deleteObjects deletes those that the request lists. Each is a change of its
// own: what fails with one does not keep the others.
func (s *server) deleteObjects(w http.ResponseWriter, r *http.Request) error {
	ask, err := readKeys(w, r)
	if err != nil {
		return err
	}
	answer := api.Deleted{Failed: []api.KeyFailed{}}
	for _, key := range ask.Keys {
		if err := r.Context().Err(); err != nil {
			return err
		}
		if err := s.Objects.Delete(r.Context(), key, storage.Cond{}); err != nil {
			e, _ := s.explain(w, r, err)
			answer.Failed = append(answer.Failed, api.KeyFailed{Key: key, Error: e})
			continue
		}
		answer.Deleted++
	}
	audit.Remark(r.Context(), "keys", len(ask.Keys), "deleted", answer.Deleted)
	return reply(w, r, http.StatusOK, answer)
}

// restoreObjects undoes the deletion of those that the request lists.
func (s *server) restoreObjects(w http.ResponseWriter, r *http.Request) error {
	ask, err := readKeys(w, r)
	if err != nil {
		return err
	}
	answer := api.Stored{Objects: []api.Object{}, Failed: []api.KeyFailed{}}
	for _, key := range ask.Keys {
		if err := r.Context().Err(); err != nil {
			return err
		}
		object, err := s.Objects.Restore(r.Context(), key)
		if err != nil {
			e, _ := s.explain(w, r, err)
			answer.Failed = append(answer.Failed, api.KeyFailed{Key: key, Error: e})
			continue
		}
		answer.Objects = append(answer.Objects, object)
	}
	return reply(w, r, http.StatusOK, answer)
}

func readKeys(w http.ResponseWriter, r *http.Request) (api.Keys, error) {
	var ask api.Keys
	if err := readJSON(w, r, &ask, `{"keys": ["key", ...]}`); err != nil {
		return ask, err
	}
	return ask, ask.Check()
}
