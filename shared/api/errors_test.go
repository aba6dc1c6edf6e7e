package api

import (
	"encoding/json"
	"errors"
	"testing"
)

// TestErrorsCanBeSaidInOtherWords, with what they are about as in the message.
func TestErrorsCanBeSaidInOtherWords(t *testing.T) {
	cause := errors.New("the disk is on fire")
	e := Errorf(Invalid, "100 %% of %q have %.1f MB: %w", "a%sb", 2.55, cause)
	if !errors.Is(e, cause) || len(e.Args) != 3 || e.Args[0] != `"a%sb"` || e.Args[2] != cause.Error() {
		t.Fatalf("got %+v", e)
	}
	text, err := json.Marshal(e.Because(errors.New("a secret")))
	if err != nil {
		t.Fatal(err)
	}
	got := new(Error)
	if err := json.Unmarshal(text, got); err != nil || got.Message != e.Message {
		t.Fatalf("%s came back as %+v, %v", text, got, err)
	}
	for translated, want := range map[string]string{
		got.Format:                            e.Message,
		"%q haben zu 100 %% %.1f MB: %w":      `"a%sb" haben zu 100 % 2.5 MB: the disk is on fire`,
		"%[2]s MB (100 %%) hat %[1]s, %[3]s!": `2.5 MB (100 %) hat "a%sb", the disk is on fire!`,
		"nichts":                              "nichts",
	} {
		if s, ok := got.In(translated); !ok || s != want {
			t.Errorf("%q says %q, %v; want %q", translated, s, ok, want)
		}
	}
	for _, bad := range []string{"%s %s %s %s", "%[4]s", "%[0]s", "%[x]s"} {
		if s, ok := got.In(bad); ok {
			t.Errorf("%q says %q, though there is no such parameter", bad, s)
		}
	}
	if s, ok := (&Error{Message: "old"}).In("%s"); ok {
		t.Errorf("an error without parameters says %q", s)
	}
}
