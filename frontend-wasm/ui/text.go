package ui

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"memcache/shared/api"
)

// Every text that a person reads goes through [t], [tf] or [tn]. The English
// text is the key, as in gettext, and stands where it is used; the other
// languages are catalogues in web/lang, from English to theirs, of which the
// loader fetches the one that is wanted. A text that is not in the catalogue
// stays English. The first arguments are literals: a test finds them in the
// source and holds every catalogue against them.

// catalogue is the texts of the language that is shown; nil for English.
var catalogue atomic.Pointer[map[string]string]

// setCatalogue takes the JSON of a catalogue; "" stands for English.
func setCatalogue(texts string) error {
	if texts == "" {
		catalogue.Store(nil)
		return nil
	}
	var c map[string]string
	if err := json.Unmarshal([]byte(texts), &c); err != nil {
		return fmt.Errorf("read the texts of the language: %w", err)
	}
	catalogue.Store(&c)
	return nil
}

// lookup returns what the catalogue has for an English text.
func lookup(text string) (string, bool) {
	c := catalogue.Load()
	if c == nil {
		return "", false
	}
	s := (*c)[text]
	return s, s != ""
}

// t returns text in the language that is shown.
func t(text string) string {
	if s, ok := lookup(text); ok {
		return s
	}
	return text
}

// told returns what the server says in English, in the language that is shown
// if the catalogue has it: the sentences about the policies.
func told(text string) string {
	if s, ok := lookup(text); ok {
		return s
	}
	return text
}

// tf is [fmt.Sprintf] in the language that is shown. A catalogue that needs the
// arguments in another order names them: "%[2]s".
func tf(format string, args ...any) string {
	if s, ok := lookup(format); ok {
		return fmt.Sprintf(s, args...)
	}
	return fmt.Sprintf(format, args...)
}

// failure says what went wrong: in the language that is shown if its catalogue has
// the server's sentence, else in the server's words.
func failure(err error) string {
	e := api.AsError(err)
	if translated, ok := lookup(e.Format); ok {
		if text, ok := e.In(translated); ok {
			return text
		}
	}
	return e.Message
}

// tn writes a number of things: one holds for 1, many for all others, both
// with %s for the number: tn(n, "%s file", "%s files").
func tn(n int64, one, many string) string {
	if n == 1 {
		return fmt.Sprintf(t(one), count(n))
	}
	return fmt.Sprintf(t(many), count(n))
}

// inSentence writes the name of something as it stands within a sentence:
// English writes it small there, German does not.
func inSentence(name string) string {
	if catalogue.Load() == nil {
		return strings.ToLower(name)
	}
	return name
}
