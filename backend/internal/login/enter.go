package login

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"memcache/backend/internal/audit"
	"memcache/shared/api"
)

// First is the account that is there first.
const First = "admin"

// accountID is the id of an account: of its name, so that there is one of a name.
func accountID(name string) [32]byte { return sha256.Sum256([]byte("account " + name)) }

// Enter lets somebody in with a password, with a one-time link and a new password, or
// with a passkey, and returns the cookie of the session that begins. When it fails, the
// account is named that somebody wanted to get in as, if that is known.
func (k *Keeper) Enter(ctx context.Context, r *http.Request, c api.Credentials) (api.Who, *http.Cookie, error) {
	client := k.client(r)
	if err := k.guard.attempt(ctx, network(client)); err != nil {
		return api.Who{Account: c.Account}, nil, err
	}
	account, passkey, err := k.identify(ctx, r, c)
	if err != nil {
		return api.Who{Account: cmp.Or(c.Account, account.Account)}, nil, err
	}
	k.guard.right(network(client))
	now := k.now()
	session := Login{
		Kind: api.LoginSession, Account: account.Account, Scope: account.Scope, Name: shorten(r.UserAgent(), 255), Address: client, Data: passkey,
		Seen: now.UnixMilli(), Expires: now.Add(sessionTime).UnixMilli(),
	}
	secret, err := k.issue(ctx, session)
	if err != nil {
		return api.Who{}, nil, err
	}
	session.ID = sha256.Sum256([]byte(secret))
	if err := k.standsStill(ctx, account, passkey); err != nil {
		_, gone := k.store.DeleteLogin(ctx, session.ID)
		return api.Who{Account: account.Account}, nil, errors.Join(err, gone)
	}
	return session.who(), sessionCookie(secret, cookieTime), nil
}

// standsStill fails when what let somebody in has ended before the session began: who
// ended it could not end the session.
func (k *Keeper) standsStill(ctx context.Context, account Login, passkey string) error {
	now, err := k.store.Login(ctx, account.ID)
	if err == nil && now.Password != account.Password { // a new one is another, even if it is the same
		err = fs.ErrNotExist
	}
	if id, wrong := hex.DecodeString(passkey); err == nil && wrong == nil && len(id) == len(account.ID) {
		_, err = k.store.Login(ctx, [32]byte(id))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return api.Errorf(api.Unauthorized, "what you logged in with was ended at this moment: ask an admin, or try again")
	}
	return err
}

// identify finds the account whose credentials these are, and the passkey among them.
func (k *Keeper) identify(ctx context.Context, r *http.Request, c api.Credentials) (account Login, passkey string, err error) {
	switch {
	case len(c.Passkey) > 0:
		return k.provePasskey(ctx, r, c.Passkey)
	case c.Link != "":
		account, err = k.follow(ctx, c.Link, c.Password)
	default:
		account, err = k.prove(ctx, c.Account, c.Password)
	}
	return account, "", err
}

// cookieTime is how long browsers keep a cookie: as long as they do at all. When
// the session ends is for us to say.
const cookieTime = 400 * 24 * time.Hour

func sessionCookie(secret string, keep time.Duration) *http.Cookie {
	return &http.Cookie{Name: cookie, Value: secret, Path: "/", MaxAge: int(keep.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

// prove checks an account's password. An account that does not exist takes as long.
func (k *Keeper) prove(ctx context.Context, name, password string) (Login, error) {
	account, err := k.store.Login(ctx, accountID(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	hash := account.Password
	if err != nil || hash == "" {
		hash = nobody
	}
	if !k.hasher.fits(hash, password) || err != nil {
		return account, api.Errorf(api.Unauthorized, "the account or the password is wrong")
	}
	return account, nil
}

// follow uses a one-time link up, and gives its account the password.
func (k *Keeper) follow(ctx context.Context, secret, password string) (Login, error) {
	wrong := api.Errorf(api.Unauthorized, "the link was used already, has expired, or is not whole: ask for a new one")
	id := sha256.Sum256([]byte(secret))
	link, err := k.store.Login(ctx, id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (link.Kind != api.LoginLink || link.expired(k.now())) {
		return link, wrong
	}
	if err == nil {
		err = checkPassword(password) // before the link is used up
	}
	if err != nil {
		return link, err
	}
	account := Login{ID: accountID(link.Account), Kind: api.LoginAccount, Account: link.Account, Scope: link.Scope, Password: k.hasher.hash(password), Created: k.now().UnixMilli()}
	first, err := k.store.DeleteLogin(ctx, id)
	if err != nil {
		return account, err
	}
	if !first {
		return account, wrong
	}
	if err := k.store.SaveLogin(ctx, account); err != nil {
		return account, err
	}
	// Whoever has got in with the password before is out, and with what he may have added.
	return account, k.revokeAll(ctx, func(l Login) bool {
		return l.Account == account.Account &&
			(l.Kind == api.LoginSession || l.Kind == api.LoginPasskey || l.Kind == api.LoginLink || l.Kind == api.LoginToken && !account.Scope.Allows(l.Scope))
	})
}

// Leave ends the session of who asks, and returns a cookie that deletes its own.
func (k *Keeper) Leave(ctx context.Context, who api.Who) (*http.Cookie, error) {
	return sessionCookie("", -time.Second), k.revoke(ctx, who.ID)
}

// Link makes a one-time link by which an account gets a (new) password, and returns
// its path. An account that is there keeps its scope unless one is given.
func (k *Keeper) Link(ctx context.Context, name string, scope api.Scope) (path string, err error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	account, err := k.store.Login(ctx, accountID(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if scope == "" {
		scope = account.Scope
	}
	if err := scope.Check(); err != nil {
		return "", err
	}
	secret, err := k.issue(ctx, Login{Kind: api.LoginLink, Account: name, Scope: scope, Expires: k.now().Add(linkTime).UnixMilli()})
	return "/login#link=" + secret, err // what follows # no browser sends, and no server logs
}

// FirstLink is a link for the first account while no account can log in as an
// admin, in the place of any before it; "" once one can.
func (k *Keeper) FirstLink(ctx context.Context) (path string, err error) {
	all, err := k.store.Logins(ctx)
	if err != nil {
		return "", err
	}
	for _, l := range all {
		if l.Kind == api.LoginAccount && l.Scope == api.ScopeAdmin {
			return "", nil
		}
	}
	if err := k.revokeAll(ctx, func(l Login) bool { return l.Kind == api.LoginLink && l.Account == First }); err != nil {
		return "", err
	}
	return k.Link(ctx, First, api.ScopeAdmin)
}

func checkName(name string) error {
	if n := len(name); n == 0 || n > 64 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return api.Errorf(api.Invalid, "the account name %.80q is not 1 to 64 visible ASCII characters without spaces", name)
	}
	return nil
}

func shorten(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// Token makes an API token for who asks, whose scope it cannot exceed.
func (k *Keeper) Token(ctx context.Context, who api.Who, n api.NewToken) (secret string, err error) {
	if n.Name == "" || len(n.Name) > 100 {
		return "", api.Errorf(api.Invalid, "the token's name has %d bytes: say in 1 to 100 what it is for", len(n.Name))
	}
	if err := n.Scope.Check(); err != nil {
		return "", err
	}
	if !who.Scope.Allows(n.Scope) {
		return "", api.Errorf(api.Forbidden, "you may %s, and a token of yours no more than that", who.Scope)
	}
	if n.Days < 0 || n.Days > 3650 {
		return "", api.Errorf(api.Invalid, "a token for %d days is not possible: give 1 to 3650, or 0 for no end", n.Days)
	}
	l := Login{Kind: api.LoginToken, Account: who.Account, Scope: n.Scope, Name: shorten(n.Name, 100)}
	if n.Days > 0 {
		l.Expires = k.now().AddDate(0, 0, n.Days).UnixMilli()
	}
	return k.issue(ctx, l)
}

// Logins returns what who asks may see: its own account's, or all of them.
func (k *Keeper) Logins(ctx context.Context, who api.Who) (api.Logins, error) {
	all, err := k.store.Logins(ctx)
	list := api.Logins{Who: who, Logins: []api.Login{}}
	for _, l := range all {
		if l.expired(k.now()) || l.internal() || l.Account != who.Account && !who.Scope.Allows(api.ScopeAdmin) {
			continue
		}
		list.Logins = append(list.Logins, l.told(who))
	}
	return list, err
}

// told is what somebody is told of a login.
func (l Login) told(who api.Who) api.Login {
	id := hex.EncodeToString(l.ID[:])
	told := api.Login{
		ID: id, Kind: l.Kind, Account: l.Account, Scope: l.Scope, Name: l.Name, Address: l.Address,
		Created: l.Created, Seen: l.Seen, Expires: l.Expires, Own: id == who.ID,
	}
	if l.Kind == api.LoginPasskey {
		told.Host = readPasskey(l.Data).Host
	}
	return told
}

// Revoke ends a login of one's own, or, for an admin, anybody's. With an account go
// all of its logins, with a passkey the sessions that began with it, but the one that
// asks.
func (k *Keeper) Revoke(ctx context.Context, who api.Who, id string) error {
	all, err := k.Logins(ctx, who)
	if err != nil {
		return err
	}
	for _, l := range all.Logins {
		if l.ID != id {
			continue
		}
		audit.Remark(ctx, "kind", l.Kind, "account", l.Account, "name", l.Name)
		switch l.Kind {
		case api.LoginPasskey:
			return errors.Join(k.revoke(ctx, id), k.revokeAll(ctx, func(other Login) bool {
				return other.Kind == api.LoginSession && other.Data == id && hex.EncodeToString(other.ID[:]) != who.ID
			}))
		case api.LoginAccount:
		default:
			return k.revoke(ctx, id)
		}
		if !who.Scope.Allows(api.ScopeAdmin) || l.Account == who.Account {
			return api.Errorf(api.Forbidden, "only an admin may delete an account, and not its own")
		}
		return k.revokeAll(ctx, func(other Login) bool { return other.Account == l.Account })
	}
	return api.Errorf(api.NotFound, "there is no such session, token, passkey, link or account: it may be revoked already")
}

func (k *Keeper) revokeAll(ctx context.Context, which func(Login) bool) error {
	all, err := k.store.Logins(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		if which(l) {
			if err := k.revoke(ctx, hex.EncodeToString(l.ID[:])); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *Keeper) revoke(ctx context.Context, id string) error {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 32 {
		return api.Errorf(api.Invalid, "%.80q is no id of a login", id)
	}
	_, err = k.store.DeleteLogin(ctx, [32]byte(raw))
	k.forget([32]byte(raw))
	return err
}
