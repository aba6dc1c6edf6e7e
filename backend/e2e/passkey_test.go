package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"memcache/backend/internal/browsertest"
)

// device is an authenticator that Chromium has built in for tests.
type device struct {
	p  *page
	id webauthn.AuthenticatorID
}

// device gives the tab an authenticator whose owner is there and unlocks it.
func (p *page) device() device {
	p.t.Helper()
	call(p, webauthn.Enable, webauthn.EnableParams{})
	made := call(p, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return device{p, made.AuthenticatorID}
}

func call[P, R any](p *page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	result, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.t.Fatal(err)
	}
	return result
}

// unlocks says whether the owner's finger is the right one.
func (d device) unlocks(is bool) {
	d.p.t.Helper()
	call(d.p, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id, IsUserVerified: is})
}

// rewind puts the device back to before its last uses, as a copy of it would be.
func (d device) rewind() {
	d.p.t.Helper()
	kept := call(d.p, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: d.id})
	call(d.p, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: d.id})
	// The library's own would say of newer keys, too, that there are none, which this device refuses.
	add := cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}
	for _, c := range kept.Credentials {
		call(d.p, add, map[string]any{"authenticatorId": d.id, "credential": map[string]any{
			"credentialId": c.CredentialID, "isResidentCredential": true, "rpId": c.RpID, "privateKey": c.PrivateKey, "userHandle": c.UserHandle, "signCount": 0,
		}})
	}
}

// byHand takes away what newer browsers know of passkeys as JSON.
const byHand = `delete PublicKeyCredential.parseCreationOptionsFromJSON; delete PublicKeyCredential.parseRequestOptionsFromJSON; delete PublicKeyCredential.prototype.toJSON`

// TestPasskeysInTheBrowser: one is made, logs in, is copied, and is removed, in a
// browser of today and in an older one.
func TestPasskeysInTheBrowser(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{"today": "", "older": byHand} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "-login")
			p := openPage(t, browsertest.Allow("400", "401", "409", "WebSocket", "404", "ERR_FAILED"))
			if script != "" {
				p.before(script)
			}
			d := p.device()
			p.open(s.url + s.firstLink())
			p.has("#login-do:enabled")
			p.hasNot("#login-passkey")
			p.fill("#login-password", "correct horse battery")
			p.click("#login-do")
			p.until(live)
			p.shows("#passkey-hint", "without the password")
			if name == "today" {
				p.fits("passkey-hint")
			}
			p.click("#passkey-show")
			p.until(`location.pathname === "/security"`)
			p.hasNot("#passkey-hint")

			p.shows("#logins-session", "this one")
			d.unlocks(false)
			p.click("#passkey-add")
			p.shows("#toasts", "No passkey was made")
			d.unlocks(true)
			p.fill("#passkey-name", "my phone")
			p.click("#passkey-add")
			p.shows("#logins-passkey", "my phone · admin")
			p.shows("#logins-passkey", "not used yet")
			p.click("#passkey-add")
			p.shows("#toasts", "This device has a passkey of your account already")
			if name == "today" {
				p.fits("passkeys")
			}

			p.click("#log-out")
			p.has("#login-passkey:enabled")
			if name == "today" {
				p.fits("login-passkey")
			}
			d.unlocks(false)
			p.click("#login-passkey")
			p.shows("#login-problem", "No passkey was used")
			d.unlocks(true)
			for range 2 {
				p.has("#login-passkey:enabled")
				p.click("#login-passkey")
				p.until(live)
				p.until(`location.pathname === "/"`)
				p.hasNot("#passkey-hint")
				p.open(s.url + "/security")
				p.shows("#logins-passkey", "used")
				p.click("#log-out")
			}
			d.rewind()
			p.has("#login-passkey:enabled")
			p.click("#login-passkey")
			p.shows("#login-problem", "there may be a copy of it")
			s.says("the passkey may have been copied", patience)

			p.fill("#login-password", "correct horse battery")
			p.click("#login-do")
			p.until(live)
			p.open(s.url + "/security")
			p.click("#logins-passkey .revoke")
			p.click("#confirm-yes")
			p.hasNot("#logins-passkey li")
			p.click("#log-out")
			p.has("#login-passkey:enabled")
			p.click("#login-passkey")
			p.shows("#login-problem", "this passkey is not known here")
			if where := eval[string](p, `location.pathname`); where != "/login" {
				t.Errorf("after that the page is %s", where)
			}
			s.stop()
		})
	}
}

// TestWherePasskeysCannotBe: the page says why in a sentence.
func TestWherePasskeysCannotBe(t *testing.T) {
	t.Parallel()
	s := start(t, "-login", "-hosts", "files.test")
	p := openPage(t, browsertest.Allow("401", "WebSocket", "ERR_FAILED", "Cross-Origin-Opener-Policy header has been ignored"), browsertest.Flag("host-resolver-rules", "MAP files.test 127.0.0.1"))
	address := strings.Replace(s.url, "localhost", "127.0.0.1", 1)
	p.open(address + "/login")
	p.shows("#login-no-passkey", "There are no passkeys at 127.0.0.1")
	p.fits("login-no-passkey")
	p.open(strings.Replace(s.url, "localhost", "files.test", 1) + "/login")
	p.shows("#login-no-passkey", "There are no passkeys without TLS")
	p.before(`delete window.PublicKeyCredential`)
	p.open(s.url + "/login")
	p.shows("#login-no-passkey", "This browser has no passkeys")
	p.hasNot("#login-passkey")

	// The page of logins says it, too.
	p.open("about:blank")
	p.open(address + s.firstLink())
	p.has("#login-do:enabled")
	p.fill("#login-password", "correct horse battery")
	p.click("#login-do")
	p.until(live)
	p.hasNot("#passkey-hint")
	p.open(address + "/security")
	p.shows("#no-passkeys", "There are no passkeys at 127.0.0.1")
	p.hasNot("#passkey-add")
	s.stop()
}
