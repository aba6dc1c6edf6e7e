package httpapi

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"memcache/shared/api"
)

// httpDate is a time as conditions have it, some seconds from now.
func httpDate(seconds int) string {
	return time.Now().Add(time.Duration(seconds) * time.Second).UTC().Format(http.TimeFormat)
}

// TestReadsWithConditions goes through RFC 9110, section 13.2.2.
func TestReadsWithConditions(t *testing.T) {
	w := start(t)
	etag := w.want(w.put("k", "hello"), 201).Header.Get("Etag")
	past, future := httpDate(-3600), httpDate(3600)
	for _, c := range []struct {
		header string
		status int
	}{
		{"If-Match: " + etag, 200},
		{`If-Match: "a,b", ` + etag, 200},
		{"If-Match: *", 200},
		{`If-Match: "other"`, 412},
		{"If-Match: W/" + etag, 412}, // a weak tag never matches strongly
		{"If-Match: " + etag + "; If-Unmodified-Since: " + past, 200},
		{"If-Unmodified-Since: " + past, 412},
		{"If-Unmodified-Since: " + future, 200},
		{"If-Unmodified-Since: yesterday", 200},
		{"If-None-Match: " + etag, 304},
		{"If-None-Match: W/" + etag, 304},
		{"If-None-Match: *", 304},
		{`If-None-Match: "other"`, 200},
		{`If-None-Match: "other"; If-Modified-Since: ` + future, 200}, // the tag decides
		{"If-Modified-Since: " + future, 304},
		{"If-Modified-Since: " + past, 200},
		{"If-Modified-Since: yesterday", 200},
	} {
		var header []string
		for line := range strings.SplitSeq(c.header, "; ") {
			name, value, _ := strings.Cut(line, ": ")
			header = append(header, name, value)
		}
		for _, method := range []string{"GET", "HEAD"} {
			a := w.do(method, "/objects/k", nil, header...)
			if a.StatusCode != c.status {
				t.Errorf("%s with %s: status %d, want %d", method, c.header, a.StatusCode, c.status)
			}
			if c.status == 304 && (a.body != "" || a.Header.Get("Etag") != etag || a.Header.Get("Cache-Control") == "") {
				t.Errorf("%s with %s: a 304 with %v and %q", method, c.header, a.Header, a.body)
			}
			if method == "GET" && c.status == 412 {
				w.wantProblem(a, 412, `"k"`, etag)
			}
		}
	}
}

func TestWritesWithConditions(t *testing.T) {
	w := start(t)
	etag := w.want(w.put("k", "same"), 201).Header.Get("Etag")
	past, future := httpDate(-3600), httpDate(3600)
	for _, c := range []struct {
		target, name, value string
		status              int
	}{
		{"/objects/k", "If-Match", etag, 200},
		{"/objects/k", "If-Match", "*", 200},
		{"/objects/k", "If-Match", "W/" + etag, 412},
		{"/objects/k", "If-Match", "nonsense", 412},
		{"/objects/none", "If-Match", "*", 412},
		{"/objects/k", "If-None-Match", "*", 412},
		{"/objects/k", "If-None-Match", "W/" + etag, 412},
		{"/objects/k", "If-None-Match", `"other"`, 200},
		{"/objects/k", "If-Unmodified-Since", past, 412},
		{"/objects/k", "If-Unmodified-Since", future, 200},
		{"/objects/k", "If-Modified-Since", future, 200}, // for reads alone
	} {
		a := w.do("PUT", c.target, strings.NewReader("same"), c.name, c.value)
		if w.want(a, c.status); c.status == 412 {
			w.wantProblem(a, 412)
		}
	}
	w.wantProblem(w.do("DELETE", "/objects/k", nil, "If-Unmodified-Since", past), 412)
	w.wantProblem(w.do("DELETE", "/objects/k", nil, "If-Match", `"other"`), 412)
	w.want(w.do("DELETE", "/objects/k", nil, "If-Match", etag), 204)
	w.want(w.do("PUT", "/objects/none", strings.NewReader("x"), "If-None-Match", "*"), 201)
}

func TestFault16_ConditionsAfterAnOverwrite(t *testing.T) {
	w := start(t)
	first := w.want(w.put("k", "one"), 201)
	second := w.want(w.put("k", "two"), 200)
	old, modified := first.Header.Get("Etag"), w.get("k").Header.Get("Last-Modified")
	if old == second.Header.Get("Etag") {
		t.Fatal("both versions have one ETag")
	}
	if got := w.want(w.get("k", "If-None-Match", old), 200); got.body != "two" {
		t.Errorf("If-None-Match: %q", got.body)
	}
	for _, version := range []string{old, "W/" + second.Header.Get("Etag"), httpDate(-3600)} {
		if got := w.want(w.get("k", "Range", "bytes=1-", "If-Range", version), 200); got.body != "two" {
			t.Errorf("If-Range %s: %q", version, got.body)
		}
	}
	for _, version := range []string{second.Header.Get("Etag"), modified} {
		if got := w.want(w.get("k", "Range", "bytes=1-", "If-Range", version), 206); got.body != "wo" {
			t.Errorf("If-Range %s: %q", version, got.body)
		}
	}
}

func TestFault15_RangesThatCannotBeSentAreExplained(t *testing.T) {
	w := start(t)
	w.want(w.put("digits", "0123456789"), 201)
	w.want(w.put("empty", ""), 201)
	for _, c := range []struct{ key, asked, size string }{
		{"digits", "bytes=10-", "10"},
		{"digits", "bytes=5-2", "10"},
		{"digits", "bytes=-0", "10"},
		{"digits", "bytes=99999999999999999999-", "10"},
		{"empty", "bytes=0-0", "0"},
		{"empty", "bytes=-5", "0"},
	} {
		a := w.get(c.key, "Range", c.asked)
		w.wantProblem(a, 416, c.size+" bytes")
		if a.Header.Get("Content-Range") != "bytes */"+c.size || a.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s of %s: headers %v", c.asked, c.key, a.Header)
		}
	}
	w.want(w.get("empty", "Range", "bytes=0-0", "If-Range", `"other"`), 200)
	w.want(w.get("empty", "Range", "bytes=0-0", "If-None-Match", "*"), 304)
	head := w.want(w.do("HEAD", "/objects/digits", nil, "Range", "bytes=0-1"), 200)
	if head.ContentLength != 10 { // ranges are for GET alone
		t.Errorf("HEAD with a range: %d bytes", head.ContentLength)
	}
}

func TestFault15_SeveralRanges(t *testing.T) {
	w := start(t)
	w.want(w.put("digits", "0123456789"), 201)
	a := w.want(w.get("digits", "Range", "bytes=0-1,-2,4-4"), 206)
	if got := parts(t, a); !slices.Equal(got, []string{"bytes 0-1/10 01", "bytes 8-9/10 89", "bytes 4-4/10 4"}) {
		t.Errorf("the parts are %q", got)
	}
}

// TestFault15_ManyOverlappingRangesCostLittle: never more than the object with
// a short head for each range.
func TestFault15_ManyOverlappingRangesCostLittle(t *testing.T) {
	w := start(t)
	w.want(w.put("big", strings.Repeat("x", maxObject)), 201)
	for name, one := range map[string]string{"long": "0-", "short": "0-99", "one byte": "5-5"} {
		a := w.get("big", "Range", "bytes="+strings.Repeat(one+",", 999)+one)
		if a.StatusCode != 200 && a.StatusCode != 206 || len(a.body) > maxObject+1000*256 {
			t.Errorf("%s: status %d with %d bytes", name, a.StatusCode, len(a.body))
		}
	}
}

// parts are those of a multipart/byteranges reply: range and bytes of each.
func parts(t *testing.T, a answer) []string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" {
		t.Fatalf("Content-Type %q, %v", a.Header.Get("Content-Type"), err)
	}
	var found []string
	reader := multipart.NewReader(strings.NewReader(a.body), params["boundary"])
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return found
		}
		must(t, err)
		body, err := io.ReadAll(part)
		must(t, err)
		found = append(found, part.Header.Get("Content-Range")+" "+string(body))
	}
}

func TestDownloadNamesTheFile(t *testing.T) {
	w := start(t)
	for key, name := range map[string]string{
		"a/note.txt": "note.txt", "Grüße 🐼.txt": "Grüße 🐼.txt", `say "hi"; x=y`: `say "hi"; x=y`, "100%.txt": "100%.txt",
	} {
		w.want(w.put(key, "text"), 201)
		target := api.ObjectPath(key)
		for query, want := range map[string]string{"": "inline", "?download": "attachment", "?download=1": "attachment"} {
			a := w.want(w.do("GET", target+query, nil), 200)
			how, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
			if err != nil || how != want || params["filename"] != name {
				t.Errorf("%s%s: %q", target, query, a.Header.Get("Content-Disposition"))
			}
		}
	}
	byQuery := w.want(w.do("HEAD", "/objects?key=a/note.txt&download", nil), 200)
	if how := byQuery.Header.Get("Content-Disposition"); !strings.HasPrefix(how, "attachment;") {
		t.Errorf("by query: %q", how)
	}
}

func TestRepliesSayWhereTheyComeFrom(t *testing.T) {
	w := start(t)
	w.want(w.put("k", "hello"), 201)
	for _, a := range []answer{
		w.want(w.get("k"), 200), w.want(w.do("HEAD", "/objects/k", nil), 200),
		w.want(w.get("k", "If-None-Match", "*"), 304), w.want(w.get("k", "Range", "bytes=0-1"), 206), w.want(w.get("k", "Range", "bytes=9-"), 416),
	} {
		status, timing := a.Header.Get("Cache-Status"), a.Header.Get("Server-Timing")
		if !strings.HasPrefix(status, "MemCache; fwd=bypass; detail=") || !strings.Contains(timing, "database;dur=") || !strings.Contains(timing, "total;dur=") {
			t.Errorf("%s, status %d: Cache-Status %q, Server-Timing %q", a.Request.Method, a.StatusCode, status, timing)
		}
	}
}

// A tiny GIF that declares a huge picture is stored as what it is: nothing here
// ever decodes a picture. So are cut and garbled ones.
func TestFault12_13_PicturesAreNotDecoded(t *testing.T) {
	w := start(t)
	huge := "GIF89a\xff\xff\xff\xff\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff"
	for key, c := range map[string]struct{ body, mediaType string }{
		"huge":    {huge, "image/gif"},
		"cut":     {"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "image/png"},
		"garbled": {"\xff\xd8\xff\xe0" + strings.Repeat("\xde\xad", 500), "image/jpeg"},
	} {
		w.want(w.put(key, c.body), 201)
		a := w.want(w.get(key), 200)
		if a.body != c.body || a.Header.Get("Content-Type") != c.mediaType {
			t.Errorf("%s comes back with %d bytes as %q", key, len(a.body), a.Header.Get("Content-Type"))
		}
	}
}

func TestFault04_FormsOfANameAreDifferentKeys(t *testing.T) {
	w := start(t)
	for _, key := range []string{"e\u0301", "\u00e9"} {
		w.want(w.put(key, fmt.Sprintf("%+q", key)), 201)
	}
	for _, key := range []string{"e\u0301", "\u00e9"} {
		if got := w.want(w.get(key), 200); got.body != fmt.Sprintf("%+q", key) {
			t.Errorf("%+q gives %s", key, got.body)
		}
	}
}
