package sqlindex

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"memcache/backend/internal/login"
	"memcache/shared/api"
)

func TestLoginsAreKept(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		db := mustOpen(t, c)
		now := time.Now()
		first := login.Login{
			ID: [32]byte{1, 0, 255}, Kind: api.LoginSession, Account: "Ann", Scope: api.ScopeRead, Name: "Browser ü 🦊", Password: "$argon2id$", Address: "2001:db8::1",
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
