package api

import "encoding/json"

// Scope is how much somebody may do; each includes those before it.
type Scope string

// The scopes.
const (
	ScopeRead  Scope = "read"  // look
	ScopeWrite Scope = "write" // store, rename and delete objects
	ScopeAdmin Scope = "admin" // change the settings, clear the cache, let others in
)

// Scopes are all of them, the smallest first.
var Scopes = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// Allows tells whether what needs a scope may be done.
func (s Scope) Allows(needed Scope) bool { return s.rank() >= needed.rank() }

func (s Scope) rank() int {
	for i, known := range Scopes {
		if s == known {
			return i + 1
		}
	}
	return 0
}

// Check reports why s is no scope that can be given, or nil.
func (s Scope) Check() error {
	if s.rank() == 0 {
		return Errorf(Invalid, "the scope %.40q is not known: use read, write or admin", string(s))
	}
	return nil
}

// Where one logs in and out, and sees who may.
const (
	LoginPath    = Base + "/login"
	PasskeyPath  = LoginPath + "/passkey" // what a browser is to log in with a passkey by
	SecurityPath = Base + "/security"
	PasskeysPath = SecurityPath + "/passkeys" // what a browser is to make one of; making it
)

// Who is who asks.
type Who struct {
	Account string `json:"account"` // "" where nobody has to log in
	Scope   Scope  `json:"scope"`
	Kind    string `json:"kind,omitempty"` // LoginSession or LoginToken
	ID      string `json:"id,omitempty"`   // of that
}

// Manages tells whether tokens and links may be made and revoked: a person does
// that, and no program but an admin's.
func (w Who) Manages() bool { return w.Kind == LoginSession || w.Scope.Allows(ScopeAdmin) }

// Credentials are what one logs in with: an account and its password, a one-time link
// and a new password for the account that it is for, or a passkey's answer to what
// [PasskeyPath] asks: WebAuthn's AuthenticationResponseJSON.
type Credentials struct {
	Account  string          `json:"account,omitempty"`
	Password string          `json:"password,omitempty"`
	Link     string          `json:"link,omitempty"`
	Passkey  json.RawMessage `json:"passkey,omitempty"`
}

// NewPasskey adds a passkey: what a browser has made of the options at
// [PasskeysPath], WebAuthn's RegistrationResponseJSON.
type NewPasskey struct {
	Name       string          `json:"name"` // says which it is
	Credential json.RawMessage `json:"credential"`
}

// The kinds of logins.
const (
	LoginAccount = "account"
	LoginSession = "session"
	LoginToken   = "token"
	LoginPasskey = "passkey"
	LoginLink    = "link" // not used yet
)

// Login is something by which one is let in.
type Login struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Account string `json:"account"`
	Scope   Scope  `json:"scope"`
	Name    string `json:"name,omitempty"`    // of a token or a passkey, or the browser of a session
	Host    string `json:"host,omitempty"`    // the name of the server that a passkey is for
	Address string `json:"address,omitempty"` // from where it was used last
	Created int64  `json:"created"`
	Seen    int64  `json:"seen,omitempty"`    // when it was used last
	Expires int64  `json:"expires,omitempty"` // 0: never
	Own     bool   `json:"own,omitempty"`     // the one that asks
}

// Logins are those that one may see: one's own, or all to an admin.
type Logins struct {
	Who    Who     `json:"who"`
	Logins []Login `json:"logins"`
}

// NewToken asks for an API token.
type NewToken struct {
	Name  string `json:"name"`
	Scope Scope  `json:"scope"`
	Days  int    `json:"days,omitempty"` // until it expires; 0: never
}

// NewLink asks for a one-time link by which an account gets a (new) password.
type NewLink struct {
	Account string `json:"account"`
	Scope   Scope  `json:"scope"`
}

// Secret is a token, or the path of a link, which is told this one time.
type Secret struct {
	Secret string `json:"secret"`
}
