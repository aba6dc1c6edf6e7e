package login

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"memcache/shared/api"
)

const (
	// maxPasskeys bounds how many an account may have.
	maxPasskeys = 20
	// maxPasskeyData bounds what is kept of one, in bytes: the database has no more room.
	maxPasskeyData = 8000
)

// ErrCopied is why a passkey is refused whose counter of signatures did not go on: two
// devices seem to have its key.
var ErrCopied = errors.New("the passkey's counter did not go on: it may have been copied")

// passkey is what is kept to check what an authenticator signs.
type passkey struct {
	Host    string `json:"host"` // the relying party that it is for
	ID      []byte `json:"id"`   // as its authenticator names it
	Key     []byte `json:"key"`  // the public one, in COSE's form
	Counter uint32 `json:"counter"`
	Syncs   bool   `json:"syncs"` // its owner's other devices may have it, too
	Uses    int64  `json:"uses"`  // counts also where the authenticator does not
}

func readPasskey(data string) (p passkey) {
	_ = json.Unmarshal([]byte(data), &p) // of our own making
	return p
}

func (p passkey) String() string {
	text, _ := json.Marshal(p) // always encodes
	return string(text)
}

// passkeyID is the id of the login that a passkey is.
func passkeyID(credential []byte) [32]byte {
	return sha256.Sum256([]byte("passkey " + string(credential)))
}

// owner is an account with its passkeys as the library wants to have it.
type owner struct {
	handle []byte
	name   string
	keys   []passkey
}

func (o owner) WebAuthnID() []byte          { return o.handle }
func (o owner) WebAuthnName() string        { return o.name }
func (o owner) WebAuthnDisplayName() string { return o.name }

func (o owner) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(o.keys))
	for i, p := range o.keys {
		list[i] = webauthn.Credential{
			ID: p.ID, PublicKey: p.Key,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: p.Syncs},
			Authenticator: webauthn.Authenticator{SignCount: p.Counter},
		}
	}
	return list
}

// ownerOf is an account that has these passkeys. Its handle, by which authenticators
// know it, is another with each database: two servers on one machine share the name
// localhost, and a new passkey replaces one that has the same name and handle.
func (k *Keeper) ownerOf(ctx context.Context, account string, keys ...passkey) (owner, error) {
	key, err := k.sealKey(ctx)
	handle := sha256.Sum256([]byte("handle " + string(key) + account))
	return owner{handle[:], account, keys}, err
}

// party is this server under one of its names: what passkeys are made for.
type party struct {
	*webauthn.WebAuthn
	host string
}

// partyOf returns the party that a request asks. Its name is a host that the server
// answers for, as package access has checked; browsers know no passkeys for addresses.
// Over plain HTTP they do for this machine alone.
func partyOf(r *http.Request) (party, error) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	if err := protocol.ValidateRPID(host); err != nil {
		return party{}, api.Errorf(api.Invalid, "there are no passkeys at %q: they need a host name, as in http://localhost:5000 or https://files.example.org", host).Because(err)
	}
	origins := []string{"https://" + r.Host}
	if host == "localhost" {
		origins = append(origins, "http://"+r.Host)
	}
	limit := webauthn.TimeoutConfig{Timeout: challengeTime, TimeoutUVD: challengeTime}
	w, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "MemCache", RPOrigins: origins, Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired},
		AttestationPreference:  protocol.PreferNoAttestation,
		// Some password managers tell more than they were asked. Nothing of that is used.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	return party{w, host}, err
}

// session is what the library wants to know again of what it has asked.
func (p party) session(challenge string, handle []byte) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: p.host, UserID: handle, UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault(),
	}
}

// AskPasskey returns what a browser is to ask its passkeys, to log in with any of them.
func (k *Keeper) AskPasskey(r *http.Request) (*protocol.CredentialAssertion, error) {
	at, err := partyOf(r)
	if err != nil {
		return nil, err
	}
	challenge, err := k.challenge(r.Context(), purpose{act: "log in", host: at.host})
	if err != nil {
		return nil, err
	}
	options, _, err := at.BeginDiscoverableLogin(webauthn.WithChallenge(challenge))
	return options, err
}

// provePasskey checks a passkey's answer to what [Keeper.AskPasskey] asks, and returns
// its account and its ID in hexadecimal digits.
func (k *Keeper) provePasskey(ctx context.Context, r *http.Request, answer json.RawMessage) (account Login, id string, err error) {
	at, err := partyOf(r)
	if err != nil {
		return account, "", err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return account, "", unreadable(err)
	}
	challenge, err := k.answered(ctx, parsed.Response.CollectedClientData, purpose{act: "log in", host: at.host})
	if err != nil {
		return account, "", err
	}
	l, account, err := k.findPasskey(ctx, parsed.RawID)
	if err != nil {
		return account, "", err
	}
	p := readPasskey(l.Data)
	user, err := k.ownerOf(ctx, l.Account, p)
	if err != nil {
		return account, "", err
	}
	known := func([]byte, []byte) (webauthn.User, error) { return user, nil }
	_, credential, err := at.ValidatePasskeyLogin(known, at.session(parsed.Response.CollectedClientData.Challenge, nil), parsed)
	if err != nil {
		return account, "", refused(err)
	}
	if err := k.useUp(ctx, challenge); err != nil {
		return account, "", err
	}
	if credential.Authenticator.CloneWarning {
		return account, "", api.Errorf(api.Unauthorized, "this passkey was used elsewhere since, so there may be a copy of it: log in with the password, and remove it").Because(ErrCopied)
	}
	p.Counter, p.Uses = credential.Authenticator.SignCount, p.Uses+1
	return account, hex.EncodeToString(l.ID[:]), k.usePasskey(ctx, l, p, k.client(r))
}

// answered returns the challenge that a passkey has answered, if it is one for this.
func (k *Keeper) answered(ctx context.Context, client protocol.CollectedClientData, p purpose) ([]byte, error) {
	challenge, err := base64.RawURLEncoding.DecodeString(client.Challenge)
	if err != nil {
		return nil, errChallenge
	}
	return challenge, k.checkChallenge(ctx, challenge, p)
}

// findPasskey returns a passkey and its account.
func (k *Keeper) findPasskey(ctx context.Context, credential []byte) (l, account Login, err error) {
	l, err = k.store.Login(ctx, passkeyID(credential))
	if err == nil && l.Kind == api.LoginPasskey {
		account, err = k.store.Login(ctx, accountID(l.Account))
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && account.Kind != api.LoginAccount {
		err = api.Errorf(api.Unauthorized, "this passkey is not known here: it was removed, or its account has a new password since")
	}
	return l, account, err
}

// usePasskey notes a passkey's use, if no other was noted meanwhile: its counter must
// go on from the one that was compared.
func (k *Keeper) usePasskey(ctx context.Context, l Login, p passkey, address string) error {
	before := l.Data
	l.Data, l.Seen, l.Address = p.String(), k.now().UnixMilli(), address
	noted, err := k.store.UseLogin(ctx, l, before)
	if err == nil && !noted {
		err = api.Errorf(api.Conflict, "this passkey is being used elsewhere at this moment: try again")
	}
	return err
}

// OfferPasskey returns what a browser is to make a passkey of, for who asks.
func (k *Keeper) OfferPasskey(r *http.Request, who api.Who) (*protocol.CredentialCreation, error) {
	at, err := partyOf(r)
	if err != nil {
		return nil, err
	}
	user, err := k.mayAdd(r.Context(), who, at.host)
	if err != nil {
		return nil, err
	}
	challenge, err := k.challenge(r.Context(), purpose{act: "add", host: at.host, by: who.ID})
	if err != nil {
		return nil, err
	}
	options, _, err := at.BeginRegistration(user, webauthn.WithExclusions(webauthn.Credentials(user.WebAuthnCredentials()).CredentialDescriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error { o.Challenge = challenge; return nil })
	return options, err
}

// mayAdd returns who asks with its passkeys for this host, unless it may not have more.
func (k *Keeper) mayAdd(ctx context.Context, who api.Who, host string) (owner, error) {
	if who.Kind != api.LoginSession {
		return owner{}, api.Errorf(api.Forbidden, "a program has no passkeys: log in, and add one on the security page")
	}
	all, err := k.store.Logins(ctx)
	if err != nil {
		return owner{}, err
	}
	if len(all) >= maxLogins {
		return owner{}, errMany(len(all))
	}
	var here []passkey
	n := 0
	for _, l := range all {
		if l.Kind != api.LoginPasskey || l.Account != who.Account {
			continue
		}
		n++
		if p := readPasskey(l.Data); p.Host == host {
			here = append(here, p)
		}
	}
	if n >= maxPasskeys {
		return owner{}, api.Errorf(api.Conflict, "your account has %d passkeys, which is as many as can be: remove one first", n)
	}
	return k.ownerOf(ctx, who.Account, here...)
}

// AddPasskey adds the passkey that a browser has made of what [Keeper.OfferPasskey]
// returned.
func (k *Keeper) AddPasskey(r *http.Request, who api.Who, n api.NewPasskey) (api.Login, error) {
	if n.Name == "" || len(n.Name) > 100 {
		return api.Login{}, api.Errorf(api.Invalid, "the passkey's name has %d bytes: say in 1 to 100 which it is", len(n.Name))
	}
	at, err := partyOf(r)
	if err != nil {
		return api.Login{}, err
	}
	user, err := k.mayAdd(r.Context(), who, at.host)
	if err != nil {
		return api.Login{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(n.Credential)
	if err != nil {
		return api.Login{}, unreadable(err)
	}
	client := parsed.Response.CollectedClientData
	challenge, err := k.answered(r.Context(), client, purpose{act: "add", host: at.host, by: who.ID})
	if err != nil {
		return api.Login{}, err
	}
	made, err := at.CreateCredential(user, at.session(client.Challenge, user.handle), parsed)
	if err != nil {
		return api.Login{}, refused(err)
	}
	if err := k.useUp(r.Context(), challenge); err != nil {
		return api.Login{}, err
	}
	return k.savePasskey(r.Context(), who, n.Name, passkey{
		Host: at.host, ID: made.ID, Key: made.PublicKey, Counter: made.Authenticator.SignCount, Syncs: made.Flags.BackupEligible,
	})
}

func (k *Keeper) savePasskey(ctx context.Context, who api.Who, name string, p passkey) (api.Login, error) {
	l := Login{
		ID: passkeyID(p.ID), Kind: api.LoginPasskey, Account: who.Account, Scope: who.Scope, Name: shorten(name, 100), Data: p.String(), Created: k.now().UnixMilli(),
	}
	if len(l.Data) > maxPasskeyData {
		return api.Login{}, api.Errorf(api.TooLarge, "this passkey has %d bytes, and %d are the most that can be kept: use another kind", len(l.Data), maxPasskeyData)
	}
	added, err := k.store.AddLogin(ctx, l)
	if err == nil && !added {
		err = api.Errorf(api.Conflict, "this passkey is added already")
	}
	return l.told(who), err
}

func unreadable(err error) error {
	return api.Errorf(api.Invalid, "what the passkey answered cannot be read (%v): send the credential's JSON as the browser makes it", err).Because(err)
}

func refused(err error) error {
	return api.Errorf(api.Unauthorized, "the passkey's answer is not right (%v): try again", err).Because(err)
}
