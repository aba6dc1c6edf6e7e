package httpapi

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"memcache/shared/api"
)

// archive asks for an archive of the keys and returns where it is.
func (w *world) archive(keys ...string) string {
	w.t.Helper()
	body, err := json.Marshal(api.Keys{Keys: keys})
	must(w.t, err)
	var got api.Archive
	a := w.want(w.post("/archives", string(body)), 201)
	must(w.t, json.Unmarshal([]byte(a.body), &got))
	if got.Path == "" || a.Header.Get("Location") != got.Path {
		w.t.Fatalf("the archive is at %q, Location %q", got.Path, a.Header.Get("Location"))
	}
	return got.Path
}

// unpack returns the files of an archive by name.
func unpack(t *testing.T, body string) map[string]*zip.File {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader([]byte(body)), int64(len(body)))
	must(t, err)
	files := map[string]*zip.File{}
	for _, f := range z.File {
		if files[f.Name] != nil {
			t.Errorf("the name %q is there twice", f.Name)
		}
		files[f.Name] = f
	}
	return files
}

func contentOf(t *testing.T, f *zip.File) string {
	t.Helper()
	if f == nil {
		return "(no such file)"
	}
	r, err := f.Open()
	must(t, err)
	b, err := io.ReadAll(r) // which checks the CRC
	must(t, err)
	return string(b)
}

func TestArchiveOfSeveralObjects(t *testing.T) {
	w := start(t)
	text, png := strings.Repeat("text ", 5000), "\x89PNG\r\n\x1a\n"+strings.Repeat("p", 5000)
	w.want(w.put("docs/a.txt", text), 201)
	w.want(w.put("b.png", png), 201)
	w.want(w.put("empty", ""), 201)
	at := w.archive("docs/a.txt", "b.png", "empty", "absent")
	for range 2 { // a download that broke off can be begun again
		a := w.want(w.do("GET", at, nil), 200)
		if got := a.Header.Get("Content-Disposition"); got != "attachment; filename=objects.zip" {
			t.Errorf("the archive is %q", got)
		}
		files := unpack(t, a.body)
		if len(files) != 4 || contentOf(t, files["docs/a.txt"]) != text || contentOf(t, files["b.png"]) != png || contentOf(t, files["empty"]) != "" {
			t.Errorf("the archive has %d files", len(files))
		}
		if files["docs/a.txt"].Method != zip.Deflate || files["b.png"].Method != zip.Store {
			t.Error("text is not compressed, or a picture is")
		}
		if got := contentOf(t, files["NOT INCLUDED.txt"]); !strings.HasPrefix(got, "absent: there is no object") {
			t.Errorf("of what is missing it says %q", got)
		}
	}
	if a := w.want(w.do("HEAD", at, nil), 200); a.body != "" {
		t.Errorf("HEAD has a body: %q", a.body)
	}
}

// TestFault06_NamesInArchivesStayBelowTheirFolder, and none replaces another.
func TestFault06_NamesInArchivesStayBelowTheirFolder(t *testing.T) {
	keys := []string{"../../etc/passwd", "/abs", `..\x`, `C:\y`, "a//b", "a/_/b", "A//b", "a", ".", "..", "x/. ./y", "NOT INCLUDED.txt", "über/ü"}
	w := start(t)
	for _, key := range keys {
		w.want(w.put(key, key), 201)
	}
	files := unpack(t, w.want(w.do("GET", w.archive(append(keys, "absent")...), nil), 200).body)
	if len(files) != len(keys)+1 {
		t.Errorf("there are %d files, want %d", len(files), len(keys)+1)
	}
	seen := map[string]bool{}
	for name, f := range files {
		seen[contentOf(t, f)] = true
		for _, part := range strings.Split(name, "/") {
			if strings.Trim(part, ". ") == "" || strings.ContainsAny(part, `\:`) {
				t.Errorf("the name %q leads elsewhere", name)
			}
		}
		if lower := strings.ToLower(name); lower != name && files[lower] != nil {
			t.Errorf("%q and %q are one file where capital letters do not count", name, lower)
		}
	}
	for _, key := range keys {
		if !seen[key] {
			t.Errorf("%q is not in the archive", key)
		}
	}
}

func TestArchivesThatCannotBe(t *testing.T) {
	w := start(t)
	w.wantProblem(w.post("/archives", `{"keys":[]}`), 400)
	w.wantProblem(w.post("/archives", `{"keys":["a",""]}`), 400, "empty")
	w.wantProblem(w.post("/archives", `{"keys":["a"`+strings.Repeat(`,"a"`, 1000)+`]}`), 400, "1001")
	w.wantProblem(w.do("GET", api.Base+"/archives?id=none", nil), 404, "no such archive")
	w.wantProblem(w.do("GET", api.Base+"/archives", nil), 404)
}

func TestUndoOverHTTP(t *testing.T) {
	w := start(t)
	var got api.Stored
	a := w.want(w.post("/objects/restore", `{"keys":["never"]}`), 200)
	must(t, json.Unmarshal([]byte(a.body), &got))
	if len(got.Objects) != 0 || len(got.Failed) != 1 || got.Failed[0].Error.Code != api.NotFound {
		t.Errorf("undoing what was not done gives %s", a.body)
	}
	w.want(w.put("k", "content"), 201)
	w.want(w.put("k2", "content"), 201)
	w.want(w.post("/objects/delete", `{"keys":["k","k2"]}`), 200)
	w.want(w.put("k2", "newer"), 201)
	a = w.want(w.post("/objects/restore", `{"keys":["k","k2"]}`), 200)
	got = api.Stored{}
	must(t, json.Unmarshal([]byte(a.body), &got))
	if len(got.Objects) != 1 || got.Objects[0].Key != "k" || len(got.Failed) != 1 || got.Failed[0].Error.Code != api.PreconditionFailed {
		t.Errorf("the undo gives %s", a.body)
	}
	if k, k2 := w.get("k").body, w.get("k2").body; k != "content" || k2 != "newer" {
		t.Errorf("after it there are %q and %q", k, k2)
	}
}

func TestWhetherAKeyIsCachedWithoutACache(t *testing.T) {
	w := start(t)
	w.wantProblem(w.do("GET", api.Base+"/cache/items/k", nil), 503)
	w.wantProblem(w.do("GET", api.Base+"/cache/items", nil), 400)
}
