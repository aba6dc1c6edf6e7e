package ui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAgo(t *testing.T) {
	const now = 1_700_000_000_000
	for before, want := range map[int64]string{
		-5_000: "just now", 0: "just now", 999: "just now", 1_000: "1 s ago", 3_400: "3 s ago", 59_999: "59 s ago",
		60_000: "1 min ago", 3_599_000: "59 min ago", 3_600_000: "1 h ago", 47 * 3_600_000: "47 h ago", 48 * 3_600_000: "2 days ago",
	} {
		if got := ago(now, now-before); got != want {
			t.Errorf("ago(%d ms before) = %q, want %q", before, got, want)
		}
	}
	if got := ago(now, now-90*24*3_600_000); !strings.HasSuffix(got, "2023") {
		t.Errorf("90 days ago is %q, want a date", got)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(1234567), "1,234,567"},
		{count(-1234), "-1,234"},
		{percent(0), "0 %"},
		{percent(1), "100 %"},
		{percent(0.9999), "> 99.9 %"},
		{percent(0.0001), "< 0.1 %"},
		{percent(0.9126), "91.3 %"},
		{millis(0.001), "< 0.01 ms"},
		{millis(0.8), "0.80 ms"},
		{millis(3.14), "3.1 ms"},
		{millis(12.4), "12 ms"},
		{millis(1440), "1.4 s"},
		{short(0), "0"},
		{short(0.5), "0.5"},
		{short(5000), "5000"},
		{short(12000), "12k"},
		{short(2.5e6), "2.5M"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestQuotedKeyIsCutBetweenLetters(t *testing.T) {
	got := quoted(strings.Repeat("é", 500))
	if !utf8.ValidString(got) || !strings.HasSuffix(got, "…”") || utf8.RuneCountInString(got) != 82 {
		t.Errorf("quoted is %q", got)
	}
	if got := quoted("short"); got != "“short”" {
		t.Errorf("quoted is %q", got)
	}
}
