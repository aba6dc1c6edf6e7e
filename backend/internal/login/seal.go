package login

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"memcache/shared/api"
)

// What is kept beside the logins, and is none.
const (
	kindSeal = "seal" // the key by which challenges are sealed
	kindUsed = "used" // a challenge that was used, until it would have expired
)

func (l Login) internal() bool { return l.Kind == kindSeal || l.Kind == kindUsed }

// challengeTime is for how long a challenge can be answered.
const challengeTime = 5 * time.Minute

// A challenge is what a passkey is to sign: random bytes, when it expires, and a seal
// by which each backend knows it again. So nothing is kept of a challenge, however many
// strangers ask for, until it is answered rightly.
const (
	challengeNonce = 16
	challengeBytes = challengeNonce + 8 + sha256.Size
)

// purpose is what a challenge is for; it cannot be used for anything else.
type purpose struct {
	act  string // "log in" or "add"
	host string // at this name of the server
	by   string // the ID of the session that asked for it; "" before there is one
}

// challenge returns a new one.
func (k *Keeper) challenge(ctx context.Context, p purpose) ([]byte, error) {
	key, err := k.sealKey(ctx)
	if err != nil {
		return nil, err
	}
	c := make([]byte, challengeNonce, challengeBytes)
	_, _ = rand.Read(c) // it never fails
	c = binary.BigEndian.AppendUint64(c, uint64(k.now().Add(challengeTime).UnixMilli()))
	return append(c, seal(key, c, p)...), nil
}

// checkChallenge fails unless c is a challenge for p that can still be answered.
func (k *Keeper) checkChallenge(ctx context.Context, c []byte, p purpose) error {
	key, err := k.sealKey(ctx)
	if err != nil {
		return err
	}
	const sealed = challengeBytes - sha256.Size
	if len(c) != challengeBytes || !hmac.Equal(c[sealed:], seal(key, c[:sealed], p)) || expiry(c) <= k.now().UnixMilli() {
		return errChallenge
	}
	return nil
}

// errChallenge is for a challenge that is not ours, not for this, too old, or used.
var errChallenge = api.Errorf(api.Unauthorized, "the passkey's answer came too late, or a second time: try again")

// useUp makes a challenge that was checked worthless, at all backends. Of those who
// answer it at once, one is first.
func (k *Keeper) useUp(ctx context.Context, c []byte) error {
	first, err := k.store.AddLogin(ctx, Login{ID: sha256.Sum256(c), Kind: kindUsed, Created: k.now().UnixMilli(), Expires: expiry(c)})
	if err == nil && !first {
		err = errChallenge
	}
	return err
}

func expiry(c []byte) int64 { return int64(binary.BigEndian.Uint64(c[challengeNonce:])) }

func seal(key, c []byte, p purpose) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{string(c), p.act, p.host, p.by} { // none but the first, of one length, holds a NUL
		_, _ = mac.Write([]byte(part + "\x00"))
	}
	return mac.Sum(nil)
}

// sealKey returns the key of all seals, which the first backend that needs it makes.
func (k *Keeper) sealKey(ctx context.Context) ([]byte, error) {
	id := sha256.Sum256([]byte("seal"))
	l, err := k.store.Login(ctx, id)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := make([]byte, sha256.Size)
		_, _ = rand.Read(fresh) // it never fails
		if _, err := k.store.AddLogin(ctx, Login{ID: id, Kind: kindSeal, Data: hex.EncodeToString(fresh), Created: k.now().UnixMilli()}); err != nil {
			return nil, err
		}
		l, err = k.store.Login(ctx, id) // another backend may have been first
	}
	if err != nil {
		return nil, err
	}
	return hex.DecodeString(l.Data)
}
