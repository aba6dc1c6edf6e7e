package login

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"memcache/shared/api"
)

// device is an authenticator with one passkey, at a browser that has a site open.
type device struct {
	t      *testing.T
	site   virtualwebauthn.RelyingParty
	device virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
}

const host = "localhost:5000"

func newDevice(t *testing.T) *device {
	return &device{
		t: t, site: virtualwebauthn.RelyingParty{ID: "localhost", Name: "MemCache", Origin: "http://" + host},
		device: virtualwebauthn.NewAuthenticator(), key: newKey(),
	}
}

// newKey returns a key whose coordinates have no leading zeros: the library leaves
// them out, which no authenticator may.
func newKey() virtualwebauthn.Credential {
	const whole = 77 // bytes of COSE
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == whole {
			return key
		}
	}
}

func text(t *testing.T, v any, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// makes answers the options of a new passkey.
func (d *device) makes(options string) json.RawMessage {
	d.t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		d.t.Fatal(err)
	}
	d.device.Options.UserHandle = []byte(o.UserID)
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(d.site, d.device, d.key, *o))
}

// signs answers the options of a login.
func (d *device) signs(options string) json.RawMessage {
	d.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	if err != nil {
		d.t.Fatal(err)
	}
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(d.site, d.device, d.key, *o))
}

func at(host string) *http.Request {
	r := request("192.0.2.1")
	r.Host = host
	return r
}

func (w *world) offer(who api.Who) string {
	w.t.Helper()
	options, err := w.OfferPasskey(at(host), who)
	return text(w.t, options, err)
}

func (w *world) ask() string {
	w.t.Helper()
	options, err := w.AskPasskey(at(host))
	return text(w.t, options, err)
}

// add adds the device's passkey to an account.
func (w *world) add(d *device, who api.Who) api.Login {
	w.t.Helper()
	added, err := w.AddPasskey(at(host), who, api.NewPasskey{Name: "phone", Credential: d.makes(w.offer(who))})
	if err != nil {
		w.t.Fatal(err)
	}
	return added
}

// try logs in with an answer.
func (k *Keeper) try(t *testing.T, answer json.RawMessage) (api.Who, *http.Request, error) {
	t.Helper()
	who, cookie, err := k.Enter(t.Context(), at(host), api.Credentials{Passkey: answer})
	r := at(host)
	if err == nil {
		r.AddCookie(cookie)
	}
	return who, r, err
}

func (w *world) count(kind string) (n int) {
	for _, l := range w.store.all {
		if l.Kind == kind {
			n++
		}
	}
	return n
}

// atOnce logs in n times at once, and returns how often it went well.
func (w *world) atOnce(n int, answer func(i int) json.RawMessage) (entered int, last error) {
	w.guard.sleep = func(context.Context, time.Duration) error { return nil }
	answers := make([]json.RawMessage, n)
	for i := range answers {
		answers[i] = answer(i)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			_, _, err := w.try(w.t, answers[i])
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				entered++
			} else {
				last = err
			}
		})
	}
	wg.Wait()
	return entered, last
}
