package api

import (
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"a", " ", "/", "..", "😀", "e\u0301", strings.Repeat("é", MaxKeyBytes/2), "\u200b", "a\u2028b"} {
		if err := CheckKey(key); err != nil {
			t.Errorf("%q is refused: %v", key, err)
		}
	}
	for _, key := range []string{"", "a\x00", "a\nb", "\x7f", "\u0085", "\xff", "\xed\xa0\x80", strings.Repeat("é", MaxKeyBytes/2) + "a"} {
		if err := CheckKey(key); AsError(err) == nil || AsError(err).Code != Invalid {
			t.Errorf("%q is accepted, or refused as %v", key, err)
		}
	}
}

// keys that survive as they are only if the paths are built with care.
var keys = []string{
	"a", "a b", "a/b", "a//b", "/a", "a/", "//", ".", "..", "a/../b", "./a", `a\b`, "100%", "%41", "%2e%2e", "a?b", "a#b", "a+b", "a&b=c", "a;b", "a:b", "😀", "'\"<>",
}

func TestObjectPathNamesItsKeyThroughNormalization(t *testing.T) {
	base, err := url.Parse("http://localhost:5000/cache/x")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		u, err := base.Parse(ObjectPath(key)) // resolves dot segments, as a browser does
		if err != nil {
			t.Errorf("%q: %v", key, err)
			continue
		}
		got, inPath := strings.CutPrefix(u.Path, ObjectsPath+"/")
		if !inPath {
			got = u.Query().Get("key")
		}
		if got != key || u.Host != base.Host {
			t.Errorf("%q becomes %q by way of %q", key, got, ObjectPath(key))
		}
	}
}

func TestViewPathNamesItsKey(t *testing.T) {
	for _, key := range keys {
		u, err := url.Parse(ViewPath(key))
		if err != nil || u.Path != "/object" || u.Query().Get("key") != key {
			t.Errorf("%q becomes %v, %v", key, u, err)
		}
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KB", 13_002_342: "12.4 MB", 1<<20 - 1: "1.0 MB", 1 << 30: "1.0 GB", 1<<63 - 1: "8.0 EB",
	} {
		if got := FormatBytes(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
}

func TestThumbnailPaths(t *testing.T) {
	got := ThumbnailPath(Object{Key: "a b/..?", ETag: `"abc"`}, 128)
	if want := "/api/v1/thumbnails?key=a+b%2F..%3F&size=128&v=abc"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrors(t *testing.T) {
	if AsError(nil) != nil {
		t.Error("nil becomes an error")
	}
	cause := errors.New("the disk's secret")
	if e := AsError(cause); e.Code != Internal || strings.Contains(e.Error(), "secret") || !errors.Is(e, cause) {
		t.Errorf("an unknown error becomes %q of %q", e.Code, e.Error())
	}
	e := Errorf(NotFound, "no %q: %w", "k", fs.ErrNotExist)
	if !errors.Is(e, fs.ErrNotExist) || AsError(e) != e {
		t.Errorf("%v lost its cause or its identity", e)
	}
	if again := e.Because(cause); again.Message != e.Message || !errors.Is(again, cause) || errors.Is(e, cause) {
		t.Errorf("Because made %v of %v", again, e)
	}
}

func TestChunks(t *testing.T) {
	const id = "00112233445566778899aabbccddeeff"
	message, err := AppendChunkHeader(nil, id, 1<<40)
	if err != nil || len(message) != ChunkHeaderBytes {
		t.Fatalf("a header of %d bytes, %v", len(message), err)
	}
	upload, offset, data, err := ParseChunk(append(message, "data"...))
	if err != nil || upload != id || offset != 1<<40 || string(data) != "data" {
		t.Errorf("got %q, %d, %q, %v", upload, offset, data, err)
	}
	for _, bad := range []string{"", id[1:], id + "0", strings.ToUpper(id), strings.Replace(id, "a", "g", 1)} {
		if _, err := AppendChunkHeader(nil, bad, 0); err == nil {
			t.Errorf("the upload %q is accepted", bad)
		}
	}
	message[16] = 0x80 // a negative offset
	for _, bad := range [][]byte{nil, message[:ChunkHeaderBytes-1], message} {
		if _, _, _, err := ParseChunk(bad); AsError(err) == nil || AsError(err).Code != Invalid {
			t.Errorf("the chunk %x gives %v", bad, err)
		}
	}
}

func TestSummarize(t *testing.T) {
	if s := Summarize(nil); s != (Summary{}) {
		t.Errorf("nothing adds up to %+v", s)
	}
	got := Summarize([]Sample{{Requests: 3, Hits: 1, Misses: 2, Evictions: 4}, {Requests: 1, Hits: 1}})
	if want := (Summary{Requests: 4, Hits: 2, Misses: 2, Evictions: 4, HitRate: 0.5, MissRate: 0.5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
