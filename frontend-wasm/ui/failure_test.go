package ui

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"memcache/shared/api"
)

// TestServersErrorsAreSaidInTheLanguageShown, as they come over the wire; one that the
// catalogue lacks is said in the server's words.
func TestServersErrorsAreSaidInTheLanguageShown(t *testing.T) {
	t.Cleanup(func() { catalogue.Store(nil) })
	wire := func(e *api.Error) error {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		came := new(api.Error)
		if err := json.Unmarshal(text, came); err != nil {
			t.Fatal(err)
		}
		return came
	}
	long := wire(api.AsError(api.CheckKey(strings.Repeat("x", api.MaxKeyBytes+1))))
	if got := failure(long); !strings.Contains(got, "1025 bytes long") {
		t.Errorf("in English it is %q", got)
	}
	texts, err := os.ReadFile(languages + "/de.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := setCatalogue(string(texts)); err != nil {
		t.Fatal(err)
	}
	if got := failure(long); got != "der Schlüssel ist 1025 Bytes lang: erlaubt sind höchstens 1024 Bytes" {
		t.Errorf("in German it is %q", got)
	}
	if got := failure(wire(api.Errorf(api.Conflict, "something new about %q", "x"))); got != `something new about "x"` {
		t.Errorf("what the catalogue lacks is %q", got)
	}
}
