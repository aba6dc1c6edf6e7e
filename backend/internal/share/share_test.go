package share

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"testing"
	"time"

	"memcache/backend/internal/login"
	"memcache/shared/api"
)

// memory is a store in memory, with accounts by their id.
type memory struct {
	key      [32]byte
	accounts map[[32]byte]login.Login
	down     bool
}

var errDown = errors.New("the database is down")

func (m *memory) ShareKey(context.Context) ([32]byte, error) {
	if m.down {
		return [32]byte{}, errDown
	}
	return m.key, nil
}

func (m *memory) RenewShareKey(context.Context) error {
	_, _ = rand.Read(m.key[:])
	return nil
}

func (m *memory) Login(_ context.Context, id [32]byte) (login.Login, error) {
	l, found := m.accounts[id]
	if !found {
		return l, fs.ErrNotExist
	}
	return l, nil
}

// world is links whose clock stands still.
type world struct {
	*Links
	t     *testing.T
	store *memory
	clock time.Time
}

func newWorld(t *testing.T, open bool) *world {
	w := &world{t: t, store: &memory{accounts: map[[32]byte]login.Login{}}, clock: time.UnixMilli(1_700_000_000_000)}
	_ = w.store.RenewShareKey(t.Context())
	w.Links = New(w.store, open, func() time.Time { return w.clock })
	return w
}

// account makes an account, as a one-time link does.
func (w *world) account(name string, scope api.Scope) api.Who {
	w.t.Helper()
	id := login.AccountID(name)
	w.store.accounts[id] = login.Login{ID: id, Kind: api.LoginAccount, Account: name, Scope: scope, Created: w.clock.UnixMilli()}
	return api.Who{Account: name, Scope: scope, Kind: api.LoginSession}
}

func (w *world) make(who api.Who, key string) url.Values {
	w.t.Helper()
	made, err := w.Make(w.t.Context(), who, api.NewShare{Key: key, Seconds: 3600})
	if err != nil {
		w.t.Fatal(err)
	}
	path, raw, _ := strings.Cut(made.Path, "?")
	query, err := url.ParseQuery(raw)
	if err != nil || path != api.SharedPath || made.Expires != w.clock.Add(time.Hour).UnixMilli() {
		w.t.Fatalf("made is %+v, %v", made, err)
	}
	return query
}

// good tells whether the link leads to its key. Every other one gets the same answer.
func (w *world) good(query url.Values) bool {
	w.t.Helper()
	key, err := w.Check(w.t.Context(), query)
	if err == nil && key != query.Get("key") {
		w.t.Errorf("%v leads to %q", query, key)
	}
	if err != nil && err != error(errWrong) {
		w.t.Errorf("%v is answered with %v", query, err)
	}
	return err == nil
}

func TestALinkLeadsToItsKeyUntilItExpires(t *testing.T) {
	w := newWorld(t, false)
	ann := w.account("ann", api.ScopeWrite)
	for _, key := range []string{"photo", "a/../b?c#d%20e&by=bob", "  ", "émoji 🦊", strings.Repeat("k", 1024)} {
		query := w.make(ann, key)
		if !w.good(query) {
			t.Errorf("the link to %.20q is not good", key)
		}
		w.clock = w.clock.Add(time.Hour - time.Millisecond)
		if !w.good(query) {
			t.Errorf("the link to %.20q has expired too early", key)
		}
		w.clock = w.clock.Add(time.Millisecond)
		if w.good(query) {
			t.Errorf("the link to %.20q has not expired", key)
		}
	}
}

func TestEveryWrongShapeIsRefusedAlike(t *testing.T) {
	w := newWorld(t, false)
	right := w.make(w.account("ann", api.ScopeWrite), "photo")
	other := w.make(w.account("bob", api.ScopeAdmin), "photo")
	long := w.make(api.Who{Account: "ann"}, "photo2")
	signature := right.Get("signature")
	for name, change := range map[string]map[string]string{
		"another key":             {"key": "photo2"},
		"no key":                  {"key": ""},
		"a key that cannot be":    {"key": "a\x00b"},
		"a key of invalid UTF-8":  {"key": "\xff"},
		"a longer time":           {"until": "9999999999999"},
		"the time in other words": {"until": right.Get("until") + ".0"},
		"no time":                 {"until": ""},
		"a negative time":         {"until": "-1"},
		"a time beyond numbers":   {"until": strings.Repeat("9", 30)},
		"another account":         {"by": "bob"},
		"no account":              {"by": ""},
		"an unknown account":      {"by": "eve"},
		"an account with quotes":  {"by": `ann" 0`},
		"no signature":            {"signature": ""},
		"cut":                     {"signature": signature[:42]},
		"longer":                  {"signature": signature + "A"},
		"padded":                  {"signature": signature + "="},
		"in other letters":        {"signature": strings.ToLower(signature)},
		"of another account":      {"signature": other.Get("signature")},
		"of another key":          {"signature": long.Get("signature")},
		"zeros":                   {"signature": strings.Repeat("A", 43)},
	} {
		query := url.Values{}
		for field, values := range right {
			query[field] = values
		}
		for field, value := range change {
			query.Set(field, value)
		}
		if w.good(query) {
			t.Errorf("%s: %v is good", name, query)
		}
	}
	// Each character counts, also the bits of the last one that say nothing.
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range signature {
		for _, c := range letters {
			if byte(c) == signature[i] {
				continue
			}
			right.Set("signature", signature[:i]+string(c)+signature[i+1:])
			if w.good(right) {
				t.Fatalf("with %c at %d the signature is good", c, i)
			}
		}
	}
	right.Set("signature", signature)
	if !w.good(right) {
		t.Error("the link as it was made is not good: this tests nothing")
	}
	if w.good(url.Values{}) || w.good(nil) {
		t.Error("nothing is a good link")
	}
}

func TestALinkEndsWithItsKeyAndItsAccount(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"the key is renewed":  func(w *world) { _ = w.Renew(w.t.Context()) },
		"the account is gone": func(w *world) { clear(w.store.accounts) },
		"it may only look":    func(w *world) { w.demote("ann") },
		"a new password": func(w *world) {
			w.clock = w.clock.Add(time.Second)
			w.account("ann", api.ScopeWrite)
		},
	} {
		w := newWorld(t, false)
		query := w.make(w.account("ann", api.ScopeWrite), "photo")
		if !w.good(query) {
			t.Fatal("the link is not good before")
		}
		if end(w); w.good(query) {
			t.Errorf("%s: the link is still good", name)
		}
	}
}

// demote leaves an account as it is, but for its scope.
func (w *world) demote(name string) {
	l := w.store.accounts[login.AccountID(name)]
	l.Scope = api.ScopeRead
	w.store.accounts[l.ID] = l
}

func TestWhoMayMakeLinks(t *testing.T) {
	w, open := newWorld(t, false), newWorld(t, true)
	nobody := api.Who{Scope: api.ScopeAdmin}
	n := api.NewShare{Key: "photo", Seconds: 60}
	for name, c := range map[string]struct {
		w    *world
		who  api.Who
		n    api.NewShare
		want api.Code
	}{
		"a writer":                            {w, w.account("ann", api.ScopeWrite), n, ""},
		"a reader":                            {w, w.account("eve", api.ScopeRead), n, api.Forbidden},
		"somebody who is gone":                {w, api.Who{Account: "gone", Scope: api.ScopeAdmin}, n, api.Forbidden},
		"nobody, where one has to log in":     {w, nobody, n, api.Forbidden},
		"nobody, where one has not to log in": {open, nobody, n, ""},
		"for too short a time":                {open, nobody, api.NewShare{Key: "k", Seconds: api.MinShare - 1}, api.Invalid},
		"for too long a time":                 {open, nobody, api.NewShare{Key: "k", Seconds: api.MaxShare + 1}, api.Invalid},
		"to no key":                           {open, nobody, api.NewShare{Seconds: 60}, api.Invalid},
	} {
		made, err := c.w.Make(t.Context(), c.who, c.n)
		if e := api.AsError(err); e == nil && c.want != "" || e != nil && e.Code != c.want {
			t.Errorf("%s gets %+v, %v; want %q", name, made, err, c.want)
		}
	}
	// A link of nobody is worth nothing as soon as one has to log in.
	query := open.make(nobody, "photo")
	closed := New(open.store, false, open.now)
	if _, err := closed.Check(t.Context(), query); err != error(errWrong) || !open.good(query) {
		t.Errorf("where one has to log in, it is answered with %v", err)
	}
}

func TestWithoutTheDatabaseNoLinkIsRefusedForGood(t *testing.T) {
	w := newWorld(t, true)
	query := w.make(api.Who{}, "photo")
	w.store.down = true
	if _, err := w.Check(t.Context(), query); !errors.Is(err, errDown) {
		t.Errorf("the answer is %v", err)
	}
}
