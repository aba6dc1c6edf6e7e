package sqlindex

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"memcache/backend/internal/login"
	"memcache/shared/api"
)

func TestLoginsAreKept(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		now := time.Now()
		first := login.Login{
			ID: [32]byte{1, 0, 255}, Kind: api.LoginSession, Account: "Ann", Scope: api.ScopeRead, Name: "Browser ü 🦊", Password: "$argon2id$", Address: "2001:db8::1", Data: `{"key":"AA=="}`,
			Created: 5, Seen: 6, Expires: now.Add(time.Hour).UnixMilli(),
		}
		token := login.Login{ID: [32]byte{2}, Kind: api.LoginToken, Account: "ann", Scope: api.ScopeWrite, Created: 4}
		old := login.Login{ID: [32]byte{3}, Kind: api.LoginLink, Created: 9, Expires: now.Add(-time.Second).UnixMilli()}
		for _, l := range []login.Login{first, token, old} {
			if err := db.SaveLogin(t.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := db.Login(t.Context(), first.ID); err != nil || got != first {
			t.Errorf("kept as %+v, %v", got, err)
		}
		if err := db.pruneLogins(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if all, err := db.Logins(t.Context()); err != nil || len(all) != 2 || all[0] != token || all[1] != first {
			t.Errorf("there are %+v, %v; want the token and the session", all, err)
		}
		first.Seen, first.Expires, first.Address = 7, 8, "192.0.2.1"
		if err := db.SeeLogin(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Login(t.Context(), first.ID); err != nil || got != first {
			t.Errorf("after its use it is %+v, %v", got, err)
		}

		// Of those who use a link up, one is first.
		var deleted atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				ok, err := db.DeleteLogin(t.Context(), first.ID)
				if err != nil {
					t.Error(err)
				}
				if ok {
					deleted.Add(1)
				}
			})
		}
		wg.Wait()
		if deleted.Load() != 1 {
			t.Errorf("%d have deleted it", deleted.Load())
		}
		if err := db.SeeLogin(t.Context(), first); err != nil {
			t.Error(err)
		}
		if got, err := db.Login(t.Context(), first.ID); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a use has brought it back: %+v, %v", got, err)
		}
	})
}

// TestLoginsAreAddedAndUsedOnce: of those who do so at once, one is first.
func TestLoginsAreAddedAndUsedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		atOnce := func(do func(i int) (bool, error)) (first int64) {
			var done atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					ok, err := do(i)
					if err != nil {
						t.Error(err)
					}
					if ok {
						done.Add(1)
					}
				})
			}
			wg.Wait()
			return done.Load()
		}
		key := login.Login{ID: [32]byte{7}, Kind: api.LoginPasskey, Account: "ann", Scope: api.ScopeRead, Name: "phone", Data: "0", Created: 1}
		if n := atOnce(func(i int) (bool, error) {
			l := key
			l.Created = int64(i + 1)
			return db.AddLogin(t.Context(), l)
		}); n != 1 {
			t.Fatalf("%d have added it", n)
		}
		if n := atOnce(func(i int) (bool, error) {
			l := key
			l.Data, l.Seen, l.Address = "1", 9, "192.0.2.1"
			return db.UseLogin(t.Context(), l, "0")
		}); n != 1 {
			t.Errorf("%d have used it", n)
		}
		kept, err := db.Login(t.Context(), key.ID)
		key.Data, key.Seen, key.Address, key.Created = "1", 9, "192.0.2.1", kept.Created
		if err != nil || kept != key {
			t.Errorf("kept as %+v, %v; want %+v", kept, err, key)
		}
		if _, err := db.DeleteLogin(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		if used, err := db.UseLogin(t.Context(), key, "1"); used || err != nil {
			t.Errorf("one that is gone is used: %v, %v", used, err)
		}
	})
}

// TestPasskeysOfSeveralBackends: what one has a passkey sign is known to another on the
// same database, and to both of them once.
func TestPasskeysOfSeveralBackends(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		one, other := login.New(db, addressOf), login.New(db, addressOf)
		ask := httptest.NewRequest("POST", "http://localhost:5000/", nil)
		path, err := one.Link(t.Context(), "ann", api.ScopeRead)
		if err != nil {
			t.Fatal(err)
		}
		_, link, _ := strings.Cut(path, "#link=")
		ann, _, err := one.Enter(t.Context(), ask, api.Credentials{Link: link, Password: "correct horse battery"})
		if err != nil {
			t.Fatal(err)
		}
		site := virtualwebauthn.RelyingParty{ID: "localhost", Origin: "http://localhost:5000"}
		device, key := virtualwebauthn.NewAuthenticator(), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA)
		offer, err := one.OfferPasskey(ask, ann)
		made, failed := virtualwebauthn.ParseAttestationOptions(asJSON(t, offer, err))
		if failed != nil {
			t.Fatal(failed)
		}
		device.Options.UserHandle = []byte(made.UserID)
		credential := virtualwebauthn.CreateAttestationResponse(site, device, key, *made)
		if _, err := other.AddPasskey(ask, ann, api.NewPasskey{Name: "phone", Credential: json.RawMessage(credential)}); err != nil {
			t.Fatal(err)
		}
		options, err := one.AskPasskey(ask)
		signs, failed := virtualwebauthn.ParseAssertionOptions(asJSON(t, options, err))
		if failed != nil {
			t.Fatal(failed)
		}
		answer := api.Credentials{Passkey: json.RawMessage(virtualwebauthn.CreateAssertionResponse(site, device, key, *signs))}
		var entered atomic.Int64
		var wg sync.WaitGroup
		for _, keeper := range []*login.Keeper{one, other, one, other} {
			wg.Go(func() {
				if who, _, err := keeper.Enter(t.Context(), ask, answer); err == nil && who.Account == "ann" {
					entered.Add(1)
				}
			})
		}
		wg.Wait()
		if entered.Load() != 1 {
			t.Errorf("one answer lets in %d times", entered.Load())
		}
	})
}

func addressOf(*http.Request) string { return "192.0.2.1" }

func asJSON(t *testing.T, v any, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
