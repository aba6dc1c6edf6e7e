package login

import (
	"fmt"
	"strings"
	"testing"

	"memcache/shared/api"
)

// TestWhatEndsAPasskey: its removal, a new password, the end of its account.
func TestWhatEndsAPasskey(t *testing.T) {
	for name, end := range map[string]func(w *world, ann, admin api.Who, id string) error{
		"removed":          func(w *world, ann, _ api.Who, id string) error { return w.Revoke(t.Context(), ann, id) },
		"removed by admin": func(w *world, _, admin api.Who, id string) error { return w.Revoke(t.Context(), admin, id) },
		"a new password":   func(w *world, _, _ api.Who, _ string) error { w.enter("ann", ""); return nil },
		"account deleted": func(w *world, _, admin api.Who, _ string) error {
			id := accountID("ann")
			return w.Revoke(t.Context(), admin, fmt.Sprintf("%x", id[:]))
		},
		"deleted, made anew": func(w *world, _, admin api.Who, _ string) error {
			id := accountID("ann")
			err := w.Revoke(t.Context(), admin, fmt.Sprintf("%x", id[:]))
			w.enter("ann", api.ScopeAdmin)
			return err
		},
	} {
		w := newWorld(t)
		_, admin := w.enter("admin", api.ScopeAdmin)
		_, bob := w.enter("bob", api.ScopeWrite)
		byPassword, ann := w.enter("ann", api.ScopeRead)
		d, bobs := newDevice(t), newDevice(t)
		added := w.add(d, ann)
		w.add(bobs, bob)
		if err := w.Revoke(t.Context(), bob, added.ID); codeOf(err) != api.NotFound {
			t.Errorf("another removes it: %v", err)
		}
		_, byPasskey, err := w.try(t, d.signs(w.ask()))
		if err != nil {
			t.Fatal(err)
		}
		if err := end(w, ann, admin, added.ID); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, err := w.try(t, d.signs(w.ask())); codeOf(err) != api.Unauthorized {
			t.Errorf("%s: it still lets in: %v", name, err)
		}
		if _, err := w.Who(byPasskey); codeOf(err) != api.Unauthorized {
			t.Errorf("%s: the session that began with it goes on: %v", name, err)
		}
		if _, err := w.Who(byPassword); (err == nil) != strings.HasPrefix(name, "removed") {
			t.Errorf("%s: the session that began with the password: %v", name, err)
		}
		if _, _, err := w.try(t, bobs.signs(w.ask())); err != nil {
			t.Errorf("%s: somebody else's: %v", name, err)
		}
	}

	// Who removes the passkey that he came with stays.
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	d := newDevice(t)
	added := w.add(d, ann)
	who, r, err := w.try(t, d.signs(w.ask()))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Revoke(t.Context(), who, added.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Who(r); err != nil {
		t.Errorf("the session that removed it: %v", err)
	}
}

// TestNoSessionBeginsWithWhatHasEnded: a passkey is removed, or a password replaced,
// after it was found right, and before the session is there.
func TestNoSessionBeginsWithWhatHasEnded(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(w *world, who api.Who, passkey string) error
		enter func(w *world, d *device) error
	}{
		"passkey removed": {
			end:   func(w *world, who api.Who, passkey string) error { return w.Revoke(t.Context(), who, passkey) },
			enter: func(w *world, d *device) error { _, _, err := w.try(t, d.signs(w.ask())); return err },
		},
		"password replaced, by passkey": {
			end:   func(w *world, _ api.Who, _ string) error { w.enter("ann", ""); return nil },
			enter: func(w *world, d *device) error { _, _, err := w.try(t, d.signs(w.ask())); return err },
		},
		"password replaced, by password": {
			end: func(w *world, _ api.Who, _ string) error { w.enter("ann", ""); return nil },
			enter: func(w *world, _ *device) error {
				_, _, err := w.Enter(t.Context(), at(host), api.Credentials{Account: "ann", Password: password})
				return err
			},
		},
	} {
		w := newWorld(t)
		_, ann := w.enter("ann", api.ScopeAdmin)
		d := newDevice(t)
		added := w.add(d, ann)
		w.store.save = func(l Login) {
			if l.Kind == api.LoginSession {
				w.store.save = nil
				if err := c.end(w, ann, added.ID); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		before := w.count(api.LoginSession)
		if err := c.enter(w, d); codeOf(err) != api.Unauthorized {
			t.Errorf("%s: it lets in: %v", name, err)
		}
		if n := w.count(api.LoginSession); n > before {
			t.Errorf("%s: there are %d sessions, and were %d", name, n, before)
		}
	}
}
