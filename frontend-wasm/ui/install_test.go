package ui

import (
	"strings"
	"testing"
)

func TestTheHintToInstall(t *testing.T) {
	const phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"
	for _, c := range []struct {
		asks, installed, dismissed bool
		agent                      string
		want                       install
	}{
		{true, false, false, "Chrome", installAsk},
		{false, false, false, "Firefox", installNot},
		{false, false, false, phone, installIOS},
		{false, true, false, phone, installNot},
		{true, false, true, "Chrome", installNot},
		{false, false, true, phone, installNot},
	} {
		if got := installOf(c.asks, c.installed, c.dismissed, c.agent); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	sh := newShell(pathCache)
	for how, want := range map[install]string{installAsk: `id="install"`, installIOS: "Add to Home Screen"} {
		sh.install = how
		if markup := draw(t, sh); !strings.Contains(markup, want) || !strings.Contains(markup, `id="install-dismiss"`) {
			t.Errorf("there is no %q", want)
		}
	}
	sh.install = installNot
	if markup := draw(t, sh); strings.Contains(markup, "install-hint") {
		t.Error("the hint is there although it is not wanted")
	}
}
