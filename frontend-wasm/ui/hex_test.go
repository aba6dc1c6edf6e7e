package ui

import (
	"strings"
	"testing"
)

func TestHexDump(t *testing.T) {
	got := hexDump([]byte("MZ\x00\x7f<b>\xff0123456789"))
	want := "00000000  4d 5a 00 7f 3c 62 3e ff  30 31 32 33 34 35 36 37  MZ..<b>.01234567\n" +
		"00000010  38 39                                             89\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if lines := strings.Count(hexDump(make([]byte, maxHexBytes)), "\n"); lines != maxHexBytes/16 {
		t.Errorf("%d bytes take %d lines", maxHexBytes, lines)
	}
	if hexDump(nil) != "" {
		t.Error("nothing is shown as something")
	}
}

func TestCurlCommand(t *testing.T) {
	for key, want := range map[string]string{
		"a/b.txt":   `curl -o b.txt 'http://localhost:5000/objects/a/b.txt'`,
		"it's":      `curl -o 'it'\''s' 'http://localhost:5000/objects/it%27s'`,
		"..":        `curl -o object 'http://localhost:5000/objects?key=..'`,
		"-rf; ls":   `curl -o './-rf; ls' 'http://localhost:5000/objects/-rf%3B%20ls'`,
		"$(id)/ü b": `curl -o 'ü b' 'http://localhost:5000/objects/$%28id%29/%C3%BC%20b'`,
	} {
		if got := curlCommand(key); got != want {
			t.Errorf("%q is fetched by %s, want %s", key, got, want)
		}
	}
}
