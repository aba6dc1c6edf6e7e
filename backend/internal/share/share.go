// Package share makes and checks links to single objects that need no login.
//
// A link names a key, the account that made it and when it expires, and is signed
// (HMAC-SHA-256) with a key that all backends of a database have in common. It stands
// for what is stored under the key at the time, as an address does. Nothing is kept of
// a link, so that none can be listed; it ends
//
//   - when it expires,
//   - with all others, when the key is renewed,
//   - with the account that made it: when that is gone, may change objects no longer, or
//     has got a new password, because whoever knew the old one may have made it.
//
// Why a link is refused is told to nobody: the answer is the same for all reasons.
package share

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"memcache/backend/internal/login"
	"memcache/shared/api"
)

// Store keeps the key and the accounts.
type Store interface {
	// ShareKey returns the key, which it makes if there is none yet.
	ShareKey(ctx context.Context) ([32]byte, error)
	// RenewShareKey puts another key in its place.
	RenewShareKey(ctx context.Context) error
	// Login returns the login with that id; fs.ErrNotExist when there is none.
	Login(ctx context.Context, id [32]byte) (login.Login, error)
}

// Links makes and checks links.
type Links struct {
	store Store
	open  bool
	now   func() time.Time
}

// New returns the links that are signed with the key in the store, by the clock now.
// Where open is set nobody has to log in, and links of nobody are good.
func New(store Store, open bool, now func() time.Time) *Links {
	return &Links{store: store, open: open, now: now}
}

// errWrong is the answer to every link that is not good.
var errWrong = api.Errorf(api.Forbidden, "this link has expired, was ended, or is not whole: ask whoever gave it to you for a new one")

// link is what a link says.
type link struct {
	key, by string
	until   int64 // Unix milliseconds
}

// Make makes a link to an object for who asks. The caller has made sure that they may
// change objects, and that the object is there.
func (l *Links) Make(ctx context.Context, who api.Who, n api.NewShare) (api.Share, error) {
	if err := n.Check(); err != nil {
		return api.Share{}, err
	}
	to := link{key: n.Key, by: who.Account, until: l.now().Add(time.Duration(n.Seconds) * time.Second).UnixMilli()}
	signature, good, err := l.sign(ctx, to)
	if err == nil && !good {
		err = api.Errorf(api.Forbidden, "links to objects can be made only by accounts that may change them")
	}
	query := url.Values{"key": {to.key}, "until": {strconv.FormatInt(to.until, 10)}, "signature": {signature}}
	if to.by != "" {
		query.Set("by", to.by)
	}
	return api.Share{Path: api.SharedPath + "?" + query.Encode(), Expires: to.until}, err
}

// Check returns the key of the object that a link with this query leads to. It fails
// with Forbidden if the link is not good, and does not say why.
func (l *Links) Check(ctx context.Context, query url.Values) (key string, err error) {
	until, err := strconv.ParseInt(query.Get("until"), 10, 64)
	to := link{key: query.Get("key"), by: query.Get("by"), until: until}
	if err != nil || api.CheckKey(to.key) != nil {
		return "", errWrong
	}
	signature, good, err := l.sign(ctx, to)
	if err != nil {
		return "", err
	}
	// All of it is looked at whatever is wrong.
	right := subtle.ConstantTimeCompare([]byte(signature), []byte(query.Get("signature"))) == 1
	if !right || !good || until <= l.now().UnixMilli() {
		return "", errWrong
	}
	return to.key, nil
}

// Renew ends all links.
func (l *Links) Renew(ctx context.Context) error { return l.store.RenewShareKey(ctx) }

// sign returns the signature of a link, and whether its account may make links.
func (l *Links) sign(ctx context.Context, to link) (signature string, good bool, err error) {
	secret, err := l.store.ShareKey(ctx)
	if err != nil {
		return "", false, err
	}
	account, err := login.Account(ctx, l.store, to.by)
	if err != nil {
		return "", false, err
	}
	mac := hmac.New(sha256.New, secret[:])
	// What is quoted ends where its quotes do. An account's password was set when it was
	// created: with a new one, this is another.
	_, _ = fmt.Fprintf(mac, "memcache link 1 %q %d %d %q", to.by, account.Created, to.until, to.key)
	good = account.Scope.Allows(api.ScopeWrite) || to.by == "" && l.open
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), good, nil
}
