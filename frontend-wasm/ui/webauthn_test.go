package ui

import (
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestWherePasskeysCanBe(t *testing.T) {
	for _, c := range []struct {
		host          string
		secure, known bool
		want          string // in what is said; "" for nothing
	}{
		{"localhost", true, true, ""},
		{"files.example.org", true, true, ""},
		{"1.example.org", true, true, ""},
		{"127.0.0.1", true, true, "at 127.0.0.1"},
		{"[::1]", true, true, "at [::1]"},
		{"192.0.2.1", false, false, "at 192.0.2.1"},
		{"files.example.org", false, false, "TLS"},
		{"localhost", true, false, "This browser"},
	} {
		if got := passkeysLack(c.host, c.secure, c.known); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestWhyThereIsNoPasskey(t *testing.T) {
	for _, c := range []struct{ act, why, want string }{
		{"create", "NotAllowedError: The operation either timed out or was not allowed.", "No passkey was made"},
		{"get", "NotAllowedError: The operation either timed out or was not allowed.", "No passkey was used"},
		{"create", "InvalidStateError: The user attempted to register an authenticator", "has a passkey of your account already"},
		{"get", "SecurityError: no", "SecurityError: no"},
	} {
		err := passkeyFailure(c.act, c.why)
		if got := failure(err); !strings.Contains(got, c.want) || api.AsError(err).Code == api.Internal {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
