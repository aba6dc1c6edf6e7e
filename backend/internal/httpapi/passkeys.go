package httpapi

import (
	"errors"
	"net/http"

	"memcache/backend/internal/audit"
	"memcache/backend/internal/login"
	"memcache/shared/api"
)

// askPasskey answers with the options of a login with a passkey; it changes nothing.
func (s *server) askPasskey(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return errNoLogin
	}
	options, err := s.Login.AskPasskey(r)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, options)
}

// offerPasskey answers with the options of a new passkey; it changes nothing.
func (s *server) offerPasskey(w http.ResponseWriter, r *http.Request) error {
	who, err := s.manager(r)
	if err != nil {
		return err
	}
	options, err := s.Login.OfferPasskey(r, who)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, options)
}

func (s *server) postPasskey(w http.ResponseWriter, r *http.Request) error {
	who, err := s.manager(r)
	if err != nil {
		return err
	}
	var n api.NewPasskey
	if err := readJSON(w, r, &n, `{"name": "which it is", "credential": {…}}`); err != nil {
		return err
	}
	added, err := s.Login.AddPasskey(r, who, n)
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "name", added.Name, "host", added.Host)
	return reply(w, r, http.StatusCreated, added)
}

// entry is what the audit says of a login.
func entry(c api.Credentials) string {
	if len(c.Passkey) > 0 {
		return "logged in with a passkey"
	}
	return "logged in"
}

// refusal is what the audit says of a login that failed.
func refusal(err error) string {
	if errors.Is(err, login.ErrCopied) {
		return "login refused: the passkey may have been copied"
	}
	return "login refused"
}
