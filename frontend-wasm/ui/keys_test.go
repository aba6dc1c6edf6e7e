package ui

import (
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

func TestKeysThatStandOut(t *testing.T) {
	s := newSession()
	p := &keysPanels{s: s}
	want := func(when string, texts ...string) {
		t.Helper()
		markup := draw(t, p)
		for _, text := range texts {
			if !strings.Contains(markup, text) {
				t.Errorf("%s there is no %q in %s", when, text, markup)
			}
		}
	}
	want("while it is loading", "bone", "Largest in memory")
	s.conn = connState{Since: time.Now(), Err: "refused"}
	want("offline", "known while there is a connection")
	p.failed = "the server is tired"
	want("after an error", "the server is tired")
	p.failed = ""
	s.conn = connState{Online: true, Since: time.Now()}
	p.keys = &api.CacheKeys{}
	want("when it is empty", "Nothing is in memory yet.", "Nothing was asked for twice yet.", "Nothing had to go yet.")
	p.keys = &api.CacheKeys{
		Top: api.TopKeys{
			Since: 1000, Largest: []api.TopKey{{Key: "a/b c", Bytes: 3 << 20, Since: 5000}}, Hottest: []api.TopKey{{Key: evil, Bytes: 1 << 10, Hits: 1234}, {Key: "one", Hits: 1}},
			Without: []string{"plain:11211"},
		},
		Evictions: api.Evictions{Evictions: []api.Eviction{{Time: wallNow(), Key: "gone", Size: 5 << 20, Age: 600, Why: api.WhyRoom}, {Key: "small", Age: 5, Read: true, Why: api.WhyShrink}}},
	}
	want("when there is something", `href="`+api.ViewPath("a/b c")+`"`, "3.0 MB", "1,234 hits", "1 hit<", "plain:11211 does not tell", "just now",
		"5.0 MB, in memory for 10 min, never read · room for another", "in memory for 5 s · the capacity was made smaller", "Invalidate “gone”")
	if markup := draw(t, p); strings.Contains(markup, evil) {
		t.Errorf("a key is markup in %s", markup)
	}
	s.conn = connState{Since: time.Now(), Err: "refused"}
	if markup := draw(t, p); strings.Count(markup, "disabled") != 5 {
		t.Errorf("offline, copies can be invalidated in %s", markup)
	}
}
