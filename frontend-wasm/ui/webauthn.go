package ui

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/maxence-charriere/go-app/v9/pkg/app"

	"memcache/shared/api"
)

// whyNoPasskeys says in a sentence why this page can neither make nor use passkeys; ""
// where it can.
func whyNoPasskeys() string {
	window := app.Window()
	return passkeysLack(window.Get("location").Get("hostname").String(), window.Get("isSecureContext").Truthy(), window.Get("PublicKeyCredential").Truthy())
}

// passkeysLack says what a page at this host lacks. Without a secure context, browsers
// hide what they know of passkeys.
func passkeysLack(host string, secure, known bool) string {
	switch {
	case strings.HasPrefix(host, "[") || strings.Trim(host, "0123456789.") == "":
		return tf("There are no passkeys at %s: they need a host name, such as localhost on this machine itself.", host)
	case !secure:
		return t("There are no passkeys without TLS: they need an address that begins with https.")
	case !known:
		return t("This browser has no passkeys.")
	}
	return ""
}

// askPasskey has the browser "create" a passkey, or "get" what one signs, of the options
// that the server has at path, and returns WebAuthn's JSON of it.
func askPasskey(ctx context.Context, act, path string) (json.RawMessage, error) {
	options, err := passkeyOptions(ctx, act, path)
	if err != nil {
		return nil, err
	}
	credential, err := await(ctx, app.Window().Get("navigator").Get("credentials").Call(act, map[string]any{"publicKey": options}))
	if err != nil {
		return nil, passkeyFailure(act, err.Error())
	}
	return credentialJSON(credential), nil
}

// passkeyOptions fetches the options and makes them what the browser takes: by itself
// where it can, else by hand.
func passkeyOptions(ctx context.Context, act, path string) (app.Value, error) {
	r, err := fetch(ctx, path, "")
	var text []byte
	if err == nil {
		const most = 64 << 10
		text, err = r.bytes(ctx, most)
	}
	switch {
	case err != nil:
		return nil, api.Errorf(api.Unavailable, "the server cannot be reached: try again when it can").Because(err)
	case r.Status != 200:
		return nil, refused(r.Status, text)
	}
	options := app.Window().Get("JSON").Call("parse", string(text)).Get("publicKey")
	parse := map[string]string{"create": "parseCreationOptionsFromJSON", "get": "parseRequestOptionsFromJSON"}[act]
	if class := app.Window().Get("PublicKeyCredential"); class.Get(parse).Truthy() {
		return class.Call(parse, options), nil
	}
	decodeField(options, "challenge")
	if user := options.Get("user"); user.Truthy() {
		decodeField(user, "id")
	}
	if known := options.Get("excludeCredentials"); known.Truthy() {
		for i := range known.Get("length").Int() {
			decodeField(known.Index(i), "id")
		}
	}
	return options, nil
}

// decodeField makes bytes of a field in base64url.
func decodeField(of app.Value, name string) {
	b, _ := base64.RawURLEncoding.DecodeString(of.Get(name).String()) // of our server's making
	array := app.Window().Get("Uint8Array").New(len(b))
	app.CopyBytesToJS(array, b)
	of.Set(name, array)
}

// credentialJSON writes a credential down: the browser does where it can, else we do.
func credentialJSON(credential app.Value) json.RawMessage {
	if credential.Get("toJSON").Truthy() {
		return json.RawMessage(app.Window().Get("JSON").Call("stringify", credential).String())
	}
	response := map[string]string{}
	for _, name := range []string{"clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"} {
		if buffer := credential.Get("response").Get(name); buffer.Truthy() {
			response[name] = encodeBuffer(buffer)
		}
	}
	id := encodeBuffer(credential.Get("rawId"))
	text, _ := json.Marshal(map[string]any{"id": id, "rawId": id, "type": credential.Get("type").String(), "response": response}) // always encodes
	return text
}

func encodeBuffer(buffer app.Value) string {
	array := app.Window().Get("Uint8Array").New(buffer)
	b := make([]byte, array.Get("length").Int())
	app.CopyBytesToGo(b, array)
	return base64.RawURLEncoding.EncodeToString(b)
}

// passkeyFailure says why the browser did not do it, by the name of its exception.
func passkeyFailure(act, why string) error {
	text := tf("The browser failed with the passkey: %s", why)
	switch name, _, _ := strings.Cut(why, ":"); {
	case name == "NotAllowedError" && act == "get":
		text = t("No passkey was used: that was cancelled, took too long, or there is none for this site.")
	case name == "NotAllowedError":
		text = t("No passkey was made: that was cancelled, or took too long.")
	case name == "InvalidStateError":
		text = t("This device has a passkey of your account already.")
	}
	return &api.Error{Code: api.Invalid, Message: text}
}
