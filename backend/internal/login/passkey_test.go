package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"memcache/shared/api"
)

func TestAPasskeyLetsItsAccountIn(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeWrite)
	d := newDevice(t)
	added := w.add(d, ann)
	for i := range 3 {
		d.key.Counter++
		w.clock = w.clock.Add(time.Hour)
		who, r, err := w.try(t, d.signs(w.ask()))
		if err != nil || who.Account != "ann" || who.Scope != api.ScopeWrite || who.Kind != api.LoginSession {
			t.Fatalf("login %d is let in as %+v, %v", i, who, err)
		}
		if got, err := w.Who(r); err != nil || got != who {
			t.Errorf("its session is that of %+v, %v", got, err)
		}
	}
	list, err := w.Logins(t.Context(), ann)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range list.Logins {
		switch l.Kind {
		case api.LoginPasskey:
			n++
			want := added
			want.Seen, want.Address = w.clock.UnixMilli(), "192.0.2.1"
			if l != want || l.Name != "phone" || l.Host != "localhost" || l.Created == 0 {
				t.Errorf("it is listed as %+v, want %+v", l, want)
			}
		case api.LoginAccount, api.LoginSession:
		default:
			t.Errorf("what is none of a person's logins is listed: %+v", l)
		}
	}
	if n != 1 {
		t.Errorf("%d passkeys are listed", n)
	}
}

// TestPasskeysOfAuthenticatorsThatDoNotCount: as those that several devices share.
func TestPasskeysOfAuthenticatorsThatDoNotCount(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	d := newDevice(t)
	d.device.Options.BackupEligible, d.device.Options.BackupState = true, true
	d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA)
	w.add(d, ann)
	for range 3 {
		if _, _, err := w.try(t, d.signs(w.ask())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPasskeyLoginsThatAreRefused: each differs from a right one in one point.
func TestPasskeyLoginsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	_, bob := w.enter("bob", api.ScopeAdmin)
	d, bobs := newDevice(t), newDevice(t)
	w.add(d, ann)
	w.add(bobs, bob)
	d.key.Counter = 1
	used := d.signs(w.ask())
	if _, _, err := w.try(t, used); err != nil {
		t.Fatal(err)
	}
	elsewhere := newWorld(t)
	signed := func(change func(d *device)) func() json.RawMessage {
		return func() json.RawMessage {
			changed := *d
			changed.key.Counter = 100
			change(&changed)
			return changed.signs(w.ask())
		}
	}
	edited := func(old, now string) func() json.RawMessage {
		return func() json.RawMessage {
			answer := string(signed(func(*device) {})())
			if !strings.Contains(answer, old) {
				t.Fatalf("there is no %s in %s", old, answer)
			}
			return json.RawMessage(strings.Replace(answer, old, now, 1))
		}
	}
	for name, c := range map[string]struct {
		answer func() json.RawMessage
		want   api.Code
	}{
		"a second time":      {func() json.RawMessage { return used }, api.Unauthorized},
		"another origin":     {signed(func(d *device) { d.site.Origin = "http://localhost:5001" }), api.Unauthorized},
		"another site":       {signed(func(d *device) { d.site.Origin = "https://example.org" }), api.Unauthorized},
		"another rp id":      {signed(func(d *device) { d.site.ID = "example.org" }), api.Unauthorized},
		"no verification":    {signed(func(d *device) { d.device.Options.UserNotVerified = true }), api.Unauthorized},
		"nobody there":       {signed(func(d *device) { d.device.Options.UserNotPresent = true }), api.Unauthorized},
		"another key":        {signed(func(d *device) { d.key.Key = newKey().Key }), api.Unauthorized},
		"a foreign account":  {signed(func(d *device) { d.device.Options.UserHandle = bobs.device.Options.UserHandle }), api.Unauthorized},
		"no account":         {signed(func(d *device) { d.device.Options.UserHandle = nil }), api.Unauthorized},
		"a foreign passkey":  {signed(func(d *device) { d.key.ID = bobs.key.ID }), api.Unauthorized},
		"an unknown passkey": {signed(func(d *device) { d.key = newKey() }), api.Unauthorized},
		"another server's":   {func() json.RawMessage { return d.signs(elsewhere.ask()) }, api.Unauthorized},
		"one's own challenge": {func() json.RawMessage {
			return d.signs(`{"publicKey":{"challenge":"` + strings.Repeat("A", 75) + `"}}`)
		}, api.Unauthorized},
		"a short challenge": {func() json.RawMessage { return d.signs(`{"publicKey":{"challenge":"AAAA"}}`) }, api.Unauthorized},
		"one to add with":   {func() json.RawMessage { return d.signs(w.offer(ann)) }, api.Unauthorized},
		"a new passkey":     {func() json.RawMessage { return d.makes(w.offer(ann)) }, api.Invalid},
		"no JSON":           {func() json.RawMessage { return json.RawMessage(`"x"`) }, api.Invalid},
		"null":              {func() json.RawMessage { return json.RawMessage(`null`) }, api.Invalid},
		"nothing in it":     {func() json.RawMessage { return json.RawMessage(`{}`) }, api.Invalid},
		"another type":      {edited(`"public-key"`, `"password"`), api.Invalid},
		"no authenticator":  {edited(`"authenticatorData":"`, `"authenticatorData":"AAAA","x":"`), api.Invalid},
		"too late": {func() json.RawMessage {
			answer := signed(func(*device) {})()
			w.clock = w.clock.Add(challengeTime)
			return answer
		}, api.Unauthorized},
	} {
		w.guard.right("192.0.2.1") // so many failures would be too many
		sessions := len(w.store.all)
		if who, _, err := w.try(t, c.answer()); codeOf(err) != c.want {
			t.Errorf("%s: let in as %+v, %v; want %q", name, who, err, c.want)
		}
		if n := len(w.store.all); n != sessions {
			t.Errorf("%s: there are %d logins, and were %d", name, n, sessions)
		}
	}
	d.key.Counter = 2
	if _, _, err := w.try(t, d.signs(w.ask())); err != nil {
		t.Errorf("the right one then: %v", err)
	}
}

// TestWhereAPasskeyHolds: at the name of the server where it was made, and there over
// TLS or on this machine alone.
func TestWhereAPasskeyHolds(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	for _, name := range []string{"127.0.0.1:5000", "[::1]:5000", "192.0.2.7", "", "a b", "a/b:1"} {
		if _, err := w.AskPasskey(at(name)); codeOf(err) != api.Invalid {
			t.Errorf("asked for at %q: %v", name, err)
		}
		if _, err := w.OfferPasskey(at(name), ann); codeOf(err) != api.Invalid {
			t.Errorf("offered at %q: %v", name, err)
		}
	}
	for _, c := range []struct{ host, rp, origin, add, use string }{
		{"files.example.org", "files.example.org", "https://files.example.org", "", "files.example.org"},
		{"Files.Example.org:8443", "files.example.org", "https://files.example.org:8443", "", "files.example.org:8443"},
		{"files.example.org", "files.example.org", "http://files.example.org", string(api.Unauthorized), ""},
		{"files.example.org", "example.org", "https://files.example.org", string(api.Unauthorized), ""},
		{"files.example.org", "files.example.org", "https://example.org", string(api.Unauthorized), ""},
		{"localhost:5000", "localhost", "http://localhost:5000", "", "localhost:5000"},
		{"localhost:5000", "localhost", "https://localhost:5000", "", "localhost:5000"}, // a proxy adds TLS
	} {
		d := newDevice(t)
		d.site.ID, d.site.Origin = c.rp, c.origin
		options, err := w.OfferPasskey(at(c.host), ann)
		_, err = w.AddPasskey(at(c.host), ann, api.NewPasskey{Name: "x", Credential: d.makes(text(t, options, err))})
		if string(codeOf(err)) != c.add {
			t.Fatalf("%+v: added with %v", c, err)
		}
		if err != nil {
			continue
		}
		d.key.Counter++
		asked, err := w.AskPasskey(at(c.use))
		answer := d.signs(text(t, asked, err))
		for _, wrong := range []string{"b.example.org", "example.org"} {
			if _, _, err := w.Enter(t.Context(), at(wrong), api.Credentials{Passkey: answer}); codeOf(err) != api.Unauthorized {
				t.Errorf("%+v: used at %s: %v", c, wrong, err)
			}
		}
		if _, _, err := w.Enter(t.Context(), at(c.use), api.Credentials{Passkey: answer}); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestPasskeysThatAreNotAdded(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	_, bob := w.enter("bob", api.ScopeRead)
	secret, err := w.Token(t.Context(), ann, api.NewToken{Name: "x", Scope: api.ScopeRead})
	if err != nil {
		t.Fatal(err)
	}
	bears := at(host)
	bears.Header.Set("Authorization", "Bearer "+secret)
	program, err := w.Who(bears)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.OfferPasskey(at(host), program); codeOf(err) != api.Forbidden {
		t.Errorf("offered to a program: %v", err)
	}
	d := newDevice(t)
	made := func(change func(*device)) json.RawMessage {
		fresh := newDevice(t)
		change(fresh)
		return fresh.makes(w.offer(ann))
	}
	same := func(*device) {}
	late := made(same)
	w.clock = w.clock.Add(challengeTime)
	for name, c := range map[string]struct {
		who    api.Who
		name   string
		answer json.RawMessage
		want   api.Code
	}{
		"no name":          {ann, "", made(same), api.Invalid},
		"a long name":      {ann, strings.Repeat("x", 101), made(same), api.Invalid},
		"by a program":     {program, "x", made(same), api.Forbidden},
		"by another":       {bob, "x", made(same), api.Unauthorized},
		"too late":         {ann, "x", late, api.Unauthorized},
		"another origin":   {ann, "x", made(func(d *device) { d.site.Origin = "https://example.org" }), api.Unauthorized},
		"another rp id":    {ann, "x", made(func(d *device) { d.site.ID = "example.org" }), api.Unauthorized},
		"no verification":  {ann, "x", made(func(d *device) { d.device.Options.UserNotVerified = true }), api.Unauthorized},
		"a login's":        {ann, "x", d.makes(strings.Replace(w.ask(), `"publicKey":{`, `"publicKey":{"user":{"id":"AAAA"},`, 1)), api.Unauthorized},
		"a login":          {ann, "x", d.signs(w.ask()), api.Invalid},
		"no JSON":          {ann, "x", json.RawMessage(`7`), api.Invalid},
		"nothing in it":    {ann, "x", json.RawMessage(`{}`), api.Invalid},
		"a huge id":        {ann, "x", made(func(d *device) { d.key.ID = make([]byte, 2000) }), api.Invalid},
		"another one's id": {ann, "x", json.RawMessage(strings.Replace(string(made(same)), `"id":"`, `"id":"AAAA`, 1)), api.Invalid},
	} {
		if _, err := w.AddPasskey(at(host), c.who, api.NewPasskey{Name: c.name, Credential: c.answer}); codeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if n := w.count(api.LoginPasskey); n != 0 {
		t.Fatalf("%d are added", n)
	}

	first := d.makes(w.offer(ann))
	added, err := w.AddPasskey(at(host), ann, api.NewPasskey{Name: "x", Credential: first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddPasskey(at(host), ann, api.NewPasskey{Name: "x", Credential: d.makes(w.offer(ann))}); codeOf(err) != api.Conflict {
		t.Errorf("one that is there: %v", err)
	}
	if _, err := w.AddPasskey(at(host), bob, api.NewPasskey{Name: "x", Credential: d.makes(w.offer(bob))}); codeOf(err) != api.Conflict {
		t.Errorf("one that another has: %v", err)
	}
	if err := w.Revoke(t.Context(), ann, added.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddPasskey(at(host), ann, api.NewPasskey{Name: "x", Credential: first}); codeOf(err) != api.Unauthorized {
		t.Errorf("the same answer after it was removed: %v", err)
	}
	for range maxPasskeys {
		w.add(newDevice(t), ann)
	}
	if _, err := w.OfferPasskey(at(host), ann); codeOf(err) != api.Conflict {
		t.Errorf("one more than can be: %v", err)
	}
	if options := w.offer(bob); strings.Contains(options, "excludeCredentials") {
		t.Errorf("who has none is told of others': %s", options)
	}
}

// TestACopiedPasskeyIsRefused: its counter does not go on.
func TestACopiedPasskeyIsRefused(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	d := newDevice(t)
	d.key.Counter = 5
	w.add(d, ann)
	for _, c := range []struct {
		counter uint32
		copied  bool
	}{{5, true}, {4, true}, {0, true}, {6, false}, {6, true}, {9, false}, {8, true}, {10, false}} {
		d.key.Counter = c.counter
		who, _, err := w.try(t, d.signs(w.ask()))
		if errors.Is(err, ErrCopied) != c.copied || (err != nil) != c.copied || who.Account != "ann" {
			t.Errorf("the counter %d: %+v, %v", c.counter, who, err)
		}
	}
	// The device and its copy at once: one is let in.
	d.key.Counter = 11
	if n, err := w.atOnce(8, func(int) json.RawMessage { return d.signs(w.ask()) }); n != 1 {
		t.Errorf("of 8 at once, %d are let in (%v)", n, err)
	}
}

// TestChallengesAreKnownToEveryBackend, and are used once by all of them.
func TestChallengesAreKnownToEveryBackend(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	d := newDevice(t)
	w.add(d, ann)
	other := New(w.store, func(r *http.Request) string { return r.RemoteAddr })
	answer := d.signs(w.ask()) // this device does not count
	if _, _, err := other.try(t, answer); err != nil {
		t.Fatalf("at the other backend: %v", err)
	}
	if _, _, err := w.try(t, answer); codeOf(err) != api.Unauthorized {
		t.Errorf("a second time at the first: %v", err)
	}
	again := d.signs(w.ask())
	if n, err := w.atOnce(8, func(int) json.RawMessage { return again }); n != 1 {
		t.Errorf("of 8 who answer one challenge at once, %d are let in (%v)", n, err)
	}
}

// TestAskingKeepsNothing, however often strangers do so.
func TestAskingKeepsNothing(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for range 1000 {
		seen[w.ask()] = true
	}
	if len(w.store.all) != 1 || len(w.known) != 0 || len(seen) != 1000 { // the key of the seals
		t.Errorf("%d logins are kept after %d challenges", len(w.store.all), len(seen))
	}
	// Several backends that need the key at once have the same.
	var wg sync.WaitGroup
	clear(w.store.all)
	keys := make([]string, 8)
	for i := range keys {
		wg.Go(func() {
			key, err := w.sealKey(t.Context())
			keys[i] = fmt.Sprint(key, err)
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key != keys[0] {
			t.Errorf("the keys are %q", keys)
		}
	}
}

func TestPasskeysCountAsGuesses(t *testing.T) {
	w := newWorld(t)
	_, ann := w.enter("ann", api.ScopeRead)
	d := newDevice(t)
	w.add(d, ann)
	for range 20 {
		_, _, _ = w.try(t, newDevice(t).signs(w.ask()))
	}
	if len(w.slept) != maxFailures-freeFailures {
		t.Errorf("they are slowed down by %v", w.slept)
	}
	if _, _, err := w.try(t, d.signs(w.ask())); codeOf(err) != api.TooMany {
		t.Errorf("the right one then: %v", err)
	}
	if _, _, err := w.Enter(t.Context(), request("192.0.2.1"), api.Credentials{Account: "ann", Password: password}); codeOf(err) != api.TooMany {
		t.Errorf("the right password then: %v", err)
	}
	w.clock = w.clock.Add(lockTime)
	if _, _, err := w.try(t, d.signs(w.ask())); err != nil {
		t.Errorf("later: %v", err)
	}
}

// TestServersOnOneNameDoNotReplaceEachOthersPasskeys: authenticators keep one for each
// name and handle.
func TestServersOnOneNameDoNotReplaceEachOthersPasskeys(t *testing.T) {
	var handles []string
	for range 2 {
		w := newWorld(t)
		_, admin := w.enter("admin", api.ScopeAdmin)
		d := newDevice(t)
		d.makes(w.offer(admin))
		handles = append(handles, string(d.device.Options.UserHandle))
		d.makes(w.offer(admin))
		handles = append(handles, string(d.device.Options.UserHandle))
	}
	if handles[0] != handles[1] || handles[1] == handles[2] || len(handles[0]) != 32 {
		t.Errorf("the handles are %q", handles)
	}
}
