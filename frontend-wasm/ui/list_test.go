package ui

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestListQueryInTheAddress(t *testing.T) {
	for _, q := range []listQuery{
		{Sort: api.SortNewest, View: viewList},
		{Sort: api.SortKey, View: viewGrid, Search: "a b&c=%2F#?", From: "fr+om/="},
		{Sort: api.SortOldest, View: viewList, Search: "é 🐼"},
	} {
		u, err := url.Parse(q.path())
		if err != nil {
			t.Fatal(err)
		}
		if got := parseListQuery(u.Query()); got != q || u.Path != "/" {
			t.Errorf("%+v became %q and then %+v", q, q.path(), got)
		}
	}
	if got := (listQuery{Sort: api.SortNewest, View: viewList}).path(); got != "/" {
		t.Errorf("the list as it opens is at %q", got)
	}
	if got := parseListQuery(url.Values{"sort": {"'; drop table"}, "view": {"x"}, "from": {"m"}}); !got.first() {
		t.Errorf("an unknown order gives %+v", got)
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
		{api.List{Total: 10_000}, "x", "at least 10,000 matches"},
	} {
		if got := totalText(c.list.Total, c.list.Exact, c.search); got != c.want {
			t.Errorf("%+v is told as %q, want %q", c.list, got, c.want)
		}
	}
}

func TestSameRows(t *testing.T) {
	list := func(total int64, etags ...string) api.List {
		l := api.List{Total: total}
		for i, etag := range etags {
			l.Objects = append(l.Objects, api.Object{Key: fmt.Sprint(i), ETag: etag})
		}
		return l
	}
	if !sameRows(list(2, "1", "2"), list(2, "1", "2")) || !sameRows(list(5, "1"), list(5, "1", "2")) {
		t.Error("rows that came closer at the end are taken for news")
	}
	if sameRows(list(2, "1", "2"), list(2, "1", "3")) || sameRows(list(2, "1"), list(3, "1")) || sameRows(list(2, "1", "2"), list(2, "1")) {
		t.Error("sameRows does not see what differs")
	}
}

func TestStartsToJumpTo(t *testing.T) {
	for _, c := range []struct {
		found  []string
		common string
		next   string
	}{
		{nil, "", ""},
		{[]string{"only"}, "", ""},
		{[]string{"Z", "a", "é"}, "", "Z,a,é"},
		{[]string{"key-", "key-0", "key-é"}, "key-", ",0,é"},
	} {
		got := splitStarts(api.Starts{Starts: c.found})
		if got.Common != c.common || strings.Join(got.Next, ",") != c.next {
			t.Errorf("%q are taken apart as %q and %q", c.found, got.Common, got.Next)
		}
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
		{api.Object{Type: "application/zip", Size: maxHexBytes}, ""},
		{api.Object{Type: "application/zip", Size: maxHexBytes + 1}, "bytes=0-4095"},
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
