package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

type whoKey struct{}

// whoOf is who was let in; nobody where that was not asked.
func whoOf(r *http.Request) api.Who {
	who, _ := r.Context().Value(whoKey{}).(api.Who)
	return who
}

// letIn makes sure that who asks may do so, and notes who that is.
func (s *server) letIn(to route, w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if s.Login == nil || to.opens(r.Method) || to.course && s.CourseOpen {
		return r, nil
	}
	who, err := s.Login.Who(r)
	if err != nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return r, err
	}
	if needed := to.needs(r.Method); !who.Scope.Allows(needed) {
		return r, api.Errorf(api.Forbidden, "you may only %s here, and this needs %s: ask an admin for it", who.Scope, needed)
	}
	return r.WithContext(context.WithValue(r.Context(), whoKey{}, who)), nil
}

func (to route) opens(method string) bool {
	return to.open != "" && (method == to.open || method == http.MethodHead && to.open == http.MethodGet)
}

func (to route) needs(method string) api.Scope {
	switch {
	case method == http.MethodGet || method == http.MethodHead:
		return api.ScopeRead
	case to.change == "":
		return api.ScopeWrite
	}
	return to.change
}

func (s *server) audit(r *http.Request, who api.Who, what string, details ...any) {
	if s.Audit != nil {
		s.Audit(r, who)(what, details...)
	}
}

func (s *server) getWho(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return reply(w, r, http.StatusOK, api.Who{Scope: api.ScopeAdmin})
	}
	return reply(w, r, http.StatusOK, whoOf(r))
}

// maxNoted is how much is noted of what somebody says who is not let in.
const maxNoted = 100

var errNoLogin = api.Errorf(api.NotFound, "nobody has to log in here: start the server with -login to change that")

func (s *server) logIn(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return errNoLogin
	}
	var c api.Credentials
	if err := readJSON(w, r, &c, `{"account": "NAME", "password": "…"}, {"link": "…", "password": "a new one"}, or {"passkey": {…}}`); err != nil {
		return err
	}
	who, cookie, err := s.Login.Enter(r.Context(), r, c)
	if err != nil {
		who.Account = who.Account[:min(len(who.Account), maxNoted)]
		s.audit(r, who, refusal(err))
		return err
	}
	s.audit(r, who, entry(c))
	http.SetCookie(w, cookie)
	return reply(w, r, http.StatusOK, who)
}

// logOut ends the session, and has the browser forget what it keeps for us but what
// still waits to be sent.
func (s *server) logOut(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return errNoLogin
	}
	cookie, err := s.Login.Leave(r.Context(), whoOf(r))
	if err != nil {
		return err
	}
	s.audit(r, whoOf(r), "logged out")
	http.SetCookie(w, cookie)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	return reply(w, r, http.StatusOK, api.Empty{})
}

// manager is who may see and change by what one is let in.
func (s *server) manager(r *http.Request) (api.Who, error) {
	who := whoOf(r)
	switch {
	case s.Login == nil:
		return who, errNoLogin
	case !who.Manages():
		return who, api.Errorf(api.Forbidden, "a token of the scope %q cannot see or change who is let in: log in, or use an admin's", string(who.Scope))
	}
	return who, nil
}

func (s *server) getLogins(w http.ResponseWriter, r *http.Request) error {
	who, err := s.manager(r)
	if err != nil {
		return err
	}
	list, err := s.Login.Logins(r.Context(), who)
	if err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, list)
}

func (s *server) postToken(w http.ResponseWriter, r *http.Request) error {
	who, err := s.manager(r)
	if err != nil {
		return err
	}
	var n api.NewToken
	if err := readJSON(w, r, &n, `{"name": "what it is for", "scope": "read"}`); err != nil {
		return err
	}
	secret, err := s.Login.Token(r.Context(), who, n)
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "name", n.Name, "scope", n.Scope, "days", n.Days)
	return reply(w, r, http.StatusCreated, api.Secret{Secret: secret})
}

func (s *server) postLink(w http.ResponseWriter, r *http.Request) error {
	who, err := s.manager(r)
	if err != nil {
		return err
	}
	var n api.NewLink
	if err := readJSON(w, r, &n, `{"account": "NAME", "scope": "read"}`); err != nil {
		return err
	}
	if n.Account != who.Account && !who.Scope.Allows(api.ScopeAdmin) {
		return api.Errorf(api.Forbidden, "only an admin may make a link for the account %q", n.Account)
	}
	if n.Account == who.Account {
		n.Scope = "" // as it is
	}
	path, err := s.Login.Link(r.Context(), n.Account, n.Scope)
	if err != nil {
		return err
	}
	audit.Remark(r.Context(), "account", n.Account, "scope", cmp.Or(n.Scope, "as it was"))
	return reply(w, r, http.StatusCreated, api.Secret{Secret: path})
}

func (s *server) deleteLogin(w http.ResponseWriter, r *http.Request) error {
	who, err := s.manager(r)
	if err != nil {
		return err
	}
	if err := s.Login.Revoke(r.Context(), who, strings.TrimPrefix(r.URL.Path, api.SecurityPath+"/logins/")); err != nil {
		return err
	}
	return reply(w, r, http.StatusOK, api.Empty{})
}
