package ui

import (
	"strings"
	"testing"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/cache/policy"
	"memcache/shared/api"
)

// as is a session of somebody who may do so much; "" is nobody yet.
func as(scope api.Scope) *session {
	s := newSession()
	s.guarded, s.who = true, api.Who{Account: "ann", Scope: scope}
	s.conn = connState{Online: true}
	s.cache = &api.Cache{Capacity: 64 * api.MB, Policy: policy.Default, MinCapacity: api.MB, MaxCapacity: 1024 * api.MB}
	s.pilot = &api.Autopilot{Changes: []api.AutopilotChange{{ID: 7, From: api.MB, To: 2 * api.MB}}}
	return s
}

// TestOnlyWhatMayBeDoneIsOffered: every button that changes something, to each scope.
func TestOnlyWhatMayBeDoneIsOffered(t *testing.T) {
	objects := func(s *session, view string) *objectsPage {
		p := &objectsPage{s: s, q: listQuery{View: view}, run: newRun(listPage{List: api.List{Objects: []api.Object{object("a")}, Total: 1, Exact: true}}, 0), to: 1}
		p.picks.add([]api.Object{object("a")})
		return p
	}
	pages := map[string]func(s *session) app.Composer{
		"objects":  func(s *session) app.Composer { return objects(s, viewList) },
		"pictures": func(s *session) app.Composer { return objects(s, viewGrid) },
		"object":   func(s *session) app.Composer { o := object("a"); return &objectPage{s: s, key: "a", object: &o} },
		"uploads": func(s *session) app.Composer {
			s.uploads.add("name", "key", 1, nil)
			return &uploadsPanel{s: s}
		},
		"cache": func(s *session) app.Composer { return &cachePage{s: s} },
		"nodes": func(s *session) app.Composer {
			s.cache = &api.Cache{MaxPool: 8, Pool: 2, Nodes: []api.Node{{Name: "a", Up: true}, {Name: "b", Up: true}}}
			return &nodesPanel{s: s}
		},
		"autopilot": func(s *session) app.Composer { return &autopilotCard{s: s} },
		"keys": func(s *session) app.Composer {
			return &keysPanels{s: s, keys: &api.CacheKeys{Top: api.TopKeys{Largest: []api.TopKey{{Key: "a"}}}}}
		},
		"shell": func(s *session) app.Composer { return &shell{s: s, Path: pathLab} },
	}
	for _, c := range []struct {
		page, markup string
		needs        api.Scope
	}{
		{"nodes", `remove-node`, api.ScopeAdmin},
		{"nodes", `id="node-add"`, api.ScopeAdmin},
		{"nodes", `id="pool"`, api.ScopeAdmin},
		{"objects", `id="files"`, api.ScopeWrite},
		{"objects", `id="folder"`, api.ScopeWrite},
		{"objects", `class="button-icon delete"`, api.ScopeWrite},
		{"objects", `id="picked-delete"`, api.ScopeWrite},
		{"objects", `id="picked-invalidate"`, api.ScopeWrite},
		{"objects", `id="picked-zip"`, api.ScopeRead},
		{"pictures", `class="button-icon delete"`, api.ScopeWrite},
		{"object", `id="download"`, api.ScopeRead},
		{"object", `id="copy-curl"`, api.ScopeRead},
		{"object", `id="open-share"`, api.ScopeWrite},
		{"object", `id="share-make"`, api.ScopeWrite},
		{"object", `id="replace"`, api.ScopeWrite},
		{"object", `id="rename"`, api.ScopeWrite},
		{"object", `id="invalidate"`, api.ScopeWrite},
		{"object", `id="delete"`, api.ScopeWrite},
		{"uploads", `id="upload-all"`, api.ScopeWrite},
		{"uploads", `id="upload-key-1"`, api.ScopeWrite},
		{"uploads", `data-act="send"`, api.ScopeWrite},
		{"uploads", `data-act="remove"`, api.ScopeRead},
		{"cache", `id="capacity-slider"`, api.ScopeRead}, // to see what would be
		{"cache", `id="apply"`, api.ScopeAdmin},
		{"cache", `id="clear"`, api.ScopeAdmin},
		{"cache", `id="invalidate-one"`, api.ScopeWrite},
		{"autopilot", `id="pilot-save"`, api.ScopeAdmin},
		{"autopilot", `id="pilot-undo-7"`, api.ScopeAdmin},
		{"keys", `class="button-icon invalidate"`, api.ScopeWrite},
		{"shell", `Ctrl+Z`, api.ScopeWrite},
		{"shell", `Ctrl+K`, api.ScopeRead},
	} {
		for _, scope := range append([]api.Scope{""}, api.Scopes...) {
			is := strings.Contains(app.HTMLString(pages[c.page](as(scope)).Render()), c.markup)
			if want := scope.Allows(c.needs) || c.needs == api.ScopeRead; is != want {
				t.Errorf("%s to the scope %q on the page %s: %v, want %v", c.markup, scope, c.page, is, want)
			}
		}
		if open := app.HTMLString(pages[c.page](notGuarded()).Render()); !strings.Contains(open, c.markup) {
			t.Errorf("where nobody has to log in, %s is not on the page %s: %s", c.markup, c.page, open)
		}
	}
	// What is not offered has a reason in its place.
	for _, page := range []string{"objects", "uploads", "cache", "autopilot"} {
		if markup := app.HTMLString(pages[page](as(api.ScopeRead)).Render()); !strings.Contains(markup, "rights-note") {
			t.Errorf("a reader is not told why on the page %s: %s", page, markup)
		}
		if markup := app.HTMLString(pages[page](as(api.ScopeAdmin)).Render()); strings.Contains(markup, "rights-note") {
			t.Errorf("an admin is told of rights on the page %s", page)
		}
	}
}

// notGuarded is a session with a server where nobody has to log in.
func notGuarded() *session {
	s := as("")
	s.guarded = false
	return s
}

// TestWhatWaitsIsSentForNobodyWhoMayNot: a reader's browser may hold what somebody else
// left in it.
func TestWhatWaitsIsSentForNobodyWhoMayNot(t *testing.T) {
	s := as(api.ScopeRead)
	u := s.uploads.add("name", "key", 1, nil)
	u.State = uploadWaiting
	s.pump()
	if u.State != uploadWaiting {
		t.Errorf("what waits is in the state %s", stateNames[u.State])
	}
}

func TestFilesAreTakenFromThoseWhoMayStoreThem(t *testing.T) {
	for scope, want := range map[api.Scope]bool{"": false, api.ScopeRead: false, api.ScopeWrite: true, api.ScopeAdmin: true} {
		if got := as(scope).takesFiles(); got != want {
			t.Errorf("the scope %q: %v", scope, got)
		}
	}
	s := as(api.ScopeRead)
	s.openTrace = func(app.Value) {}
	if !s.takesFiles() {
		t.Error("a reader cannot drop a trace on the lab")
	}
}

// TestWhoIsKeptWithWhatWasSeen, so that the rights are known without a server.
func TestWhoIsKeptWithWhatWasSeen(t *testing.T) {
	s := as("")
	s.seen = seen{storage: app.NewClientTester(&toasty{}).Context().LocalStorage()}
	s.setWho(api.Who{Account: "ann", Scope: api.ScopeWrite})
	again := newSession()
	again.guarded, again.seen = true, s.seen
	again.recallAll()
	if !again.may(api.ScopeWrite) || again.may(api.ScopeAdmin) {
		t.Errorf("kept is %+v", again.who)
	}
	s.seen.forgetAll()
	forgotten := newSession()
	forgotten.guarded, forgotten.seen = true, s.seen
	forgotten.recallAll()
	if forgotten.may(api.ScopeWrite) {
		t.Errorf("after logging out, %+v is kept", forgotten.who)
	}
}
