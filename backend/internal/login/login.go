// Package login knows who asks: people with an account and a session, and programs
// with a token.
//
// A [Login] is anything by which one is let in. Its secret is random and is kept by
// the client alone; here its hash stands for it. An account is a login, too, whose
// secret is a password, which is hashed slowly. A one-time link is how an account
// gets its password, the first one as well as a new one for somebody who lost his;
// there is no other way. A passkey is a login for which the client has a private key,
// of which the public one is kept here; it lasts as long as the password with which it
// was added, at the most.
package login

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"memcache/shared/api"
)

// Login is what is kept of something by which one is let in.
type Login struct {
	ID       [32]byte // the hash of its secret; of an account, that of its name
	Kind     string   // one of api.Login…, or of those below
	Account  string
	Scope    api.Scope
	Name     string // of a token or a passkey, or the browser of a session
	Password string // the hash of an account's password
	Data     string // of a passkey, what it is checked by (JSON); of a session, the ID of the passkey that it began with, in hexadecimal digits; of the seal, its key
	Address  string // from where it was used last
	Created  int64  // Unix milliseconds, as all times
	Seen     int64
	Expires  int64 // 0: never
}

// Store keeps logins.
type Store interface {
	// Login returns the login with that id; fs.ErrNotExist when there is none.
	Login(ctx context.Context, id [32]byte) (Login, error)
	// Logins returns all of them, the oldest first.
	Logins(ctx context.Context) ([]Login, error)
	// SaveLogin adds a login, in the place of one with the same id.
	SaveLogin(ctx context.Context, l Login) error
	// AddLogin adds a login. It reports false when there is one with the same id, which
	// then stays as it is.
	AddLogin(ctx context.Context, l Login) (bool, error)
	// UseLogin keeps when, and from where, a login was used, and its data. It reports
	// false, and keeps nothing, when the data were not those before any more.
	UseLogin(ctx context.Context, l Login, before string) (bool, error)
	// SeeLogin keeps when, and from where, a login was used, and when it expires.
	SeeLogin(ctx context.Context, l Login) error
	// DeleteLogin reports false when the login was gone already.
	DeleteLogin(ctx context.Context, id [32]byte) (bool, error)
}

const (
	// sessionTime is after how long without use a session ends.
	sessionTime = 14 * 24 * time.Hour
	// linkTime is for how long a one-time link can be used.
	linkTime = 24 * time.Hour
	// trustTime is how long a login may be taken for good without a look at the
	// database, which another backend may have told that it is not.
	trustTime = 2 * time.Second
	// lookTime is how long that look may take: longer, and what was known before counts.
	lookTime = time.Second
	// seeEvery is how exact it is kept when a login was used last.
	seeEvery = time.Minute
	// maxKnown bounds how many logins are remembered.
	maxKnown = 10_000
	// maxLogins bounds how many there are.
	maxLogins = 1000
)

// cookie is the name of a session's cookie; the prefix has browsers take it over TLS
// from this very host alone.
const cookie = "__Host-memcache"

// Keeper lets people and programs in.
type Keeper struct {
	store  Store
	client func(*http.Request) string // the address of who asks
	now    func() time.Time
	guard  *guard
	hasher hasher

	mu    sync.Mutex
	known map[[32]byte]known
}

type known struct {
	login   Login
	checked time.Time
}

// New returns a keeper of the logins in the store. client names the address that a
// request comes from.
func New(store Store, client func(*http.Request) string) *Keeper {
	return &Keeper{store: store, client: client, now: time.Now, guard: newGuard(), hasher: newHasher(), known: make(map[[32]byte]known)}
}

var errNobody = api.Errorf(api.Unauthorized, "log in first: this server does not know who you are")

// Who tells who asks: the owner of the session in the cookie, or of the token that
// the request bears. It fails with Unauthorized for everybody else.
func (k *Keeper) Who(r *http.Request) (api.Who, error) {
	kind, secret := secretOf(r)
	if secret == "" {
		return api.Who{}, errNobody
	}
	l, err := k.find(r.Context(), sha256.Sum256([]byte(secret)), k.client(r))
	if errors.Is(err, fs.ErrNotExist) || err == nil && l.Kind != kind {
		return api.Who{}, errNobody
	}
	return l.who(), err
}

func (l Login) who() api.Who {
	return api.Who{Account: l.Account, Scope: l.Scope, Kind: l.Kind, ID: hex.EncodeToString(l.ID[:])}
}

// secretOf returns what a request is to be let in by. A token goes before a cookie,
// which the browser sends by itself.
func secretOf(r *http.Request) (kind, secret string) {
	if header := r.Header.Get("Authorization"); header != "" {
		if scheme, token, _ := strings.Cut(header, " "); strings.EqualFold(scheme, "Bearer") {
			return api.LoginToken, strings.TrimSpace(token)
		}
		return "", ""
	}
	if c, err := r.Cookie(cookie); err == nil {
		return api.LoginSession, c.Value
	}
	return "", ""
}

// Still tells whether somebody who was let in still is, and uses that.
func (k *Keeper) Still(ctx context.Context, who api.Who) bool {
	raw, err := hex.DecodeString(who.ID)
	if err != nil || len(raw) != 32 {
		return false
	}
	_, err = k.find(ctx, [32]byte(raw), "")
	return !errors.Is(err, fs.ErrNotExist) // what the database cannot tell now is not held against anybody
}

// recall returns what is known of a login, and whether it is to be looked up anew. Of
// many who ask at once, one is told so.
func (k *Keeper) recall(id [32]byte, now time.Time) (kept known, found, look bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept, found = k.known[id]
	if found && now.Sub(kept.checked) < trustTime {
		return kept, true, false
	}
	if found && !kept.login.expired(now) {
		k.known[id] = known{kept.login, now}
	}
	return kept, found, true
}

// find returns a session or a token that has not expired, and notes that it is used,
// from this address; "" is from where it was before.
func (k *Keeper) find(ctx context.Context, id [32]byte, address string) (Login, error) {
	now := k.now()
	kept, found, look := k.recall(id, now)
	if !look {
		return kept.login, nil
	}
	if found {
		short, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		ctx = short
	}
	l, err := k.store.Login(ctx, id)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		if found && !kept.login.expired(now) {
			return kept.login, nil // the database is down, or hangs: the next look is a trustTime later
		}
		return l, err
	case err != nil || l.expired(now) || l.Kind != api.LoginSession && l.Kind != api.LoginToken:
		k.forget(id)
		return l, fs.ErrNotExist
	}
	if now.Sub(time.UnixMilli(l.Seen)) >= seeEvery {
		l.Seen, l.Address = now.UnixMilli(), cmp.Or(address, l.Address)
		if l.Kind == api.LoginSession {
			l.Expires = now.Add(sessionTime).UnixMilli()
		}
		_ = k.store.SeeLogin(ctx, l) // the next use notes it
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKnown {
		clear(k.known)
	}
	k.known[id] = known{l, now}
	return l, nil
}

func (l Login) expired(now time.Time) bool { return l.Expires > 0 && l.Expires <= now.UnixMilli() }

func (k *Keeper) forget(id [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, id)
}

// issue adds a login with a new secret, which it returns.
func (k *Keeper) issue(ctx context.Context, l Login) (secret string, err error) {
	all, err := k.store.Logins(ctx)
	if err != nil {
		return "", err
	}
	if len(all) >= maxLogins {
		return "", errMany(len(all))
	}
	secret = rand.Text() + rand.Text()
	l.ID, l.Created = sha256.Sum256([]byte(secret)), k.now().UnixMilli()
	return secret, k.store.SaveLogin(ctx, l)
}

func errMany(n int) error {
	return api.Errorf(api.Conflict, "there are %d sessions, tokens and accounts, which is as many as can be: revoke some on the security page", n)
}
