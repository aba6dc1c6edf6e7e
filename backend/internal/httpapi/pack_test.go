package httpapi

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"memcache/shared/api"
)

func TestJSONIsCompressedForClientsThatTakeIt(t *testing.T) {
	w := start(t)
	for i := range 20 {
		w.want(w.put(fmt.Sprintf("some/folder/object-%d", i), "x"), 201)
	}
	plain := w.want(w.do("GET", "/api/v1/objects?sort=key", nil, "Accept-Encoding", "identity"), 200)
	if plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("plain: %v", plain.Header)
	}
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, gzip;q=0.5": "gzip", "*": "", "zstd, br": "", "gzip;q=0": "", "": "",
	} {
		a := w.want(w.do("GET", "/api/v1/objects?sort=key", nil, "Accept-Encoding", accept), 200)
		if got := a.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
			continue
		}
		text := a.body
		if want == "gzip" {
			text = unzip(t, a)
			if len(a.body) >= len(plain.body)/2 {
				t.Errorf("%d bytes become %d", len(plain.body), len(a.body))
			}
		}
		if text != plain.body {
			t.Errorf("Accept-Encoding %q: another text: %s", accept, text)
		}
	}
	if head := w.want(w.do("HEAD", "/api/v1/objects", nil, "Accept-Encoding", "gzip"), 200); head.body != "" {
		t.Errorf("HEAD has a body: %q", head.body)
	}
	short := w.want(w.do("GET", "/api/v1/objects?limit=1", nil, "Accept-Encoding", "gzip"), 200)
	if short.Header.Get("Content-Encoding") != "" {
		t.Error("a short reply is compressed")
	}
	long := w.do("GET", "/api/v1/objects?after="+strings.Repeat("x", 5000)+"&sort="+strings.Repeat("y", 5000), nil, "Accept-Encoding", "gzip")
	long.body = unzip(t, long)
	w.wantProblem(long, 400)
}

func unzip(t *testing.T, a answer) string {
	t.Helper()
	reader, err := gzip.NewReader(strings.NewReader(a.body))
	must(t, err)
	text, err := io.ReadAll(reader)
	must(t, err)
	return string(text)
}

// TestObjectsAreNeverCompressed: an ETag, a length and a range are those of the
// stored bytes.
func TestObjectsAreNeverCompressed(t *testing.T) {
	w := start(t)
	text := strings.Repeat("hello ", 10_000)
	etag := w.want(w.put("text", text), 201).Header.Get("Etag")
	for _, header := range [][]string{{}, {"Range", "bytes=0-49999"}} {
		a := w.get("text", append(header, "Accept-Encoding", "gzip")...)
		if a.Header.Get("Content-Encoding") != "" || a.Header.Get("Etag") != etag || a.ContentLength != int64(len(a.body)) || !strings.HasPrefix(text, a.body) {
			t.Errorf("%v: status %d, %v", header, a.StatusCode, a.Header)
		}
	}
	long := strings.Repeat("é", api.MaxKeyBytes/2)
	first := w.want(w.do("PUT", api.ObjectPath(long), strings.NewReader("x"), "Accept-Encoding", "gzip"), 201)
	if first.Header.Get("Etag") != w.get(long).Header.Get("Etag") {
		t.Errorf("the ETag of an upload is %s", first.Header.Get("Etag"))
	}
	var object api.Object
	if err := json.Unmarshal([]byte(first.body), &object); err != nil || object.Key != long {
		t.Errorf("%v: %s", err, first.body)
	}
}
