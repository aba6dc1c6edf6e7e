package ui

import (
	"encoding/json"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// seenWho is where the browser keeps who is logged in, so that without a server, too,
// the pages offer what that one may do and nothing else.
const seenWho = "memcache.who"

// may tells whether whoever uses the app may do what needs a scope. What may not be
// done is not offered; the server refuses it all the same. Until it is known who it is,
// that is to look.
func (s *session) may(needed api.Scope) bool {
	return !s.guarded || s.who.Scope.Allows(needed) || needed == api.ScopeRead
}

// whyNot says why something that needs a scope is not offered; "" where it is.
func (s *session) whyNot(needed api.Scope) string {
	switch {
	case s.may(needed):
		return ""
	case needed == api.ScopeAdmin:
		return t("Only an admin may change this.")
	}
	return t("You may look at the objects here, but not change them. An admin can let you.")
}

// rightsNote stands where something that needs a scope would be; nil where it is.
func (s *session) rightsNote(needed api.Scope) app.UI {
	why := s.whyNot(needed)
	if why == "" {
		return nil
	}
	return app.P().Class("muted rights-note").DataSet("needs", string(needed)).Text(why)
}

// forbidden tells whether what needs a scope may not be done, and says so then: for
// keys, and for files that are dropped or pasted.
func (s *session) forbidden(needed api.Scope) bool {
	why := s.whyNot(needed)
	if why != "" {
		s.complain(why)
	}
	return why != ""
}

// loadWho asks the server who it is, where that matters, and draws everything anew if
// something else may be done than before.
func (s *session) loadWho() {
	if !s.guarded {
		return
	}
	go func() {
		r, err := fetch(s.ctx, api.LoginPath, "")
		if err != nil || r.Status != 200 || r.Kept != "" {
			return
		}
		const most = 4 << 10
		text, err := r.bytes(s.ctx, most)
		var who api.Who
		if err != nil || json.Unmarshal(text, &who) != nil {
			return
		}
		s.dispatch(func() { s.setWho(who) })
	}()
}

func (s *session) setWho(who api.Who) {
	was := s.who.Scope
	s.who = who
	_ = keep(s.seen, seenWho, wallNow(), who)
	app.Window().Get("document").Get("documentElement").Get("dataset").Set("scope", string(who.Scope)) // as the loader does
	if was != who.Scope {
		s.notify(changeTexts, nil)
	}
}
