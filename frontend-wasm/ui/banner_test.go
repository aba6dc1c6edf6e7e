package ui

import (
	"strings"
	"testing"
	"time"
)

func TestConnNotice(t *testing.T) {
	now := time.Now()
	long := now.Add(-time.Minute)
	for _, c := range []struct {
		name      string
		conn      connState
		noNetwork bool
		cacheDown bool
		kind      string
		text      string
		retry     string
	}{
		{name: "drawn by the server"},
		{name: "all well", conn: connState{Online: true, Since: long}},
		{name: "still connecting", conn: connState{Since: now.Add(-time.Second)}},
		{name: "connecting for too long", conn: connState{Since: long}, kind: "offline", text: "not answering", retry: "now"},
		{name: "refused", conn: connState{Since: now, Err: "refused", RetryAt: now.Add(2500 * time.Millisecond)}, kind: "offline", text: "Offline", retry: "in 3 s"},
		{name: "no network", conn: connState{Since: now}, noNetwork: true, kind: "offline", text: "Offline – showing what was seen last"},
		{name: "no network although connected", conn: connState{Online: true, Since: now}, noNetwork: true},
		{name: "cache down", conn: connState{Online: true, Since: now}, cacheDown: true, kind: "cache", text: "objects are read from disk"},
		{name: "both down", conn: connState{Since: long}, cacheDown: true, kind: "offline", text: "not answering", retry: "now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := connNotice(c.conn, !c.noNetwork, c.cacheDown, now)
			if got.Kind != c.kind || !strings.Contains(got.Text, c.text) || !strings.Contains(got.Retry, c.retry) || (c.retry == "") != (got.Retry == "") || (c.text == "") != (got.Text == "") {
				t.Errorf("the notice is %+v", got)
			}
		})
	}
}
