package ui

import (
	"fmt"
	"net/url"
	"testing"

	"memcache/shared/api"
)

func TestListQueryInTheAddress(t *testing.T) {
	for _, q := range []listQuery{
		{Sort: api.SortNewest},
		{Sort: api.SortKey, Search: "a b&c=%2F#?", After: "tok+en/="},
		{Sort: api.SortOldest, Search: "é 🐼"},
	} {
		u, err := url.Parse(q.path())
		if err != nil {
			t.Fatal(err)
		}
		if got := parseListQuery(u.Query()); got != q || u.Path != "/" {
			t.Errorf("%+v became %q and then %+v", q, q.path(), got)
		}
	}
	if got := (listQuery{Sort: api.SortNewest}).path(); got != "/" {
		t.Errorf("the list as it opens is at %q", got)
	}
	if got := parseListQuery(url.Values{"sort": {"'; drop table"}}); !got.first() {
		t.Errorf("an unknown order gives %+v", got)
	}
}

func TestTrailLeadsBack(t *testing.T) {
	var tr trail
	first := listQuery{Sort: api.SortKey, Search: "x"}
	second, third := first, first
	second.After, third.After = "2", "3"
	tr.note(first, "2")
	tr.note(second, "3")
	if got := tr.newer(third); got != second {
		t.Errorf("before the third page is %+v", got)
	}
	if got := tr.newer(second); got != first {
		t.Errorf("before the second page is %+v", got)
	}
	if got := tr.newer(listQuery{Sort: api.SortKey, After: "from a link"}); got.After != "" {
		t.Errorf("before an unknown page is %+v, want the first", got)
	}
	for i := range 5 * maxTrail {
		tr.note(first, fmt.Sprint("t", i))
	}
	if len(tr.before) > maxTrail || len(tr.order) > maxTrail {
		t.Errorf("the trail remembers %d pages", len(tr.before))
	}
}

func TestTotals(t *testing.T) {
	for _, c := range []struct {
		list   api.List
		search string
		want   string
	}{
		{api.List{Exact: true}, "", "0 objects"},
		{api.List{Total: 1, Exact: true}, "", "1 object"},
		{api.List{Total: 100_000, Exact: true}, "", "100,000 objects"},
		{api.List{Total: 1000}, "", "at least 1,000 objects"},
		{api.List{Total: 1, Exact: true}, "x", "1 match"},
		{api.List{Total: 2, Exact: true}, "x", "2 matches"},
	} {
		if got := totalText(&c.list, c.search); got != c.want {
			t.Errorf("%+v is told as %q, want %q", c.list, got, c.want)
		}
	}
}

func TestSameRows(t *testing.T) {
	a := &api.List{Objects: []api.Object{{Key: "a", ETag: "1"}}, Total: 1}
	b := &api.List{Objects: []api.Object{{Key: "a", ETag: "2"}}, Total: 1}
	if !sameRows(a, a) || sameRows(a, b) || sameRows(a, nil) {
		t.Error("sameRows does not see what differs")
	}
}

func TestFilterSeen(t *testing.T) {
	kept := api.List{Objects: []api.Object{{Key: "Red Panda"}, {Key: "panther"}, {Key: "100%"}}, Total: 5000, Next: "n"}
	if got := filterSeen(kept, "PAN"); got.Total != 2 || len(got.Objects) != 2 || got.Next != "" {
		t.Errorf("found %+v", got)
	}
	if got := filterSeen(kept, "0%"); got.Total != 1 {
		t.Errorf("found %+v", got)
	}
}

func TestKindOf(t *testing.T) {
	for mediaType, want := range map[string]kind{
		"image/png": kindImage, "image/svg+xml": kindImage, "IMAGE/JPEG": kindImage, "video/mp4": kindVideo, "audio/mpeg": kindAudio,
		"application/ogg": kindAudio, "application/pdf": kindPDF, "text/plain; charset=utf-8": kindText, "text/html; charset=utf-8": kindText,
		"application/json": kindText, "application/ld+json": kindText, "application/xhtml+xml": kindText,
		"application/zip": kindOther, "application/octet-stream": kindOther, "": kindOther, "nonsense": kindOther,
	} {
		if got := kindOf(mediaType); got != want {
			t.Errorf("%q is shown as %s, want %s", mediaType, got, want)
		}
		if icons[string(kindOf(mediaType))] == "" {
			t.Errorf("there is no icon for %s", kindOf(mediaType))
		}
	}
}

func TestRangeOf(t *testing.T) {
	for _, c := range []struct {
		o    api.Object
		want string
	}{
		{api.Object{Type: "image/png", Size: 10 << 20}, ""},
		{api.Object{Type: "image/png", Size: 100 << 20}, "bytes=0-0"},
		{api.Object{Type: "text/plain", Size: maxTextBytes}, ""},
		{api.Object{Type: "text/plain", Size: maxTextBytes + 1}, "bytes=0-262143"},
		{api.Object{Type: "video/mp4", Size: 1 << 30}, "bytes=0-0"},
		{api.Object{Type: "application/zip", Size: 0}, ""}, // a range of nothing would be refused
	} {
		if got := rangeOf(c.o); got != c.want {
			t.Errorf("%s of %d bytes is asked for as %q, want %q", c.o.Type, c.o.Size, got, c.want)
		}
	}
}

func TestShowableText(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "cut \xe2\x82": "cut ", "bad \xff in it": "bad \uFFFD in it", "nul \x00": "nul \u2400", "\xef\xbb\xbfmarked": "marked",
	} {
		if got := showable([]byte(in)); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestProblemText(t *testing.T) {
	for body, want := range map[string]string{
		`{"title":"Gone","detail":"the blob is missing"}`: "the blob is missing", `{"title":"Gone"}`: "Gone", `<html>`: "the server answered 404", ``: "the server answered 404",
	} {
		if got := problemText(404, []byte(body)); got != want {
			t.Errorf("%q says %q, want %q", body, got, want)
		}
	}
}
