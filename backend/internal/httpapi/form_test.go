package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"runtime"
	"strings"
	"testing"

	"memcache/shared/api"
)

// part is one of a form; a field, if it has no file's name.
type part struct{ name, file, content string }

// formOf is a multipart form with the given boundary.
func formOf(t *testing.T, boundary string, parts ...part) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	m := multipart.NewWriter(body)
	must(t, m.SetBoundary(boundary))
	for _, p := range parts {
		head := fmt.Sprintf(`form-data; name="%s"`, p.name)
		if p.file != "" {
			head += fmt.Sprintf(`; filename="%s"`, p.file)
		}
		w, err := m.CreatePart(textproto.MIMEHeader{"Content-Disposition": {head}})
		must(t, err)
		_, err = io.WriteString(w, p.content)
		must(t, err)
	}
	must(t, m.Close())
	return body, m.FormDataContentType()
}

func (w *world) sendForm(parts []part, header ...string) answer {
	w.t.Helper()
	body, contentType := formOf(w.t, "xyz", parts...)
	return w.do("POST", "/api/v1/objects", body, append(header, "Content-Type", contentType)...)
}

// stored checks which keys a form has stored and which it has not.
func (w *world) stored(a answer, keys, failed string) api.Stored {
	w.t.Helper()
	w.want(a, 200)
	var got api.Stored
	must(w.t, json.Unmarshal([]byte(a.body), &got))
	var stored, not []string
	for _, o := range got.Objects {
		stored = append(stored, o.Key)
	}
	for _, f := range got.Failed {
		not = append(not, f.Key)
	}
	if strings.Join(stored, "|") != keys || strings.Join(not, "|") != failed {
		w.t.Errorf("stored %q and not %q; want %s and %s", stored, not, keys, failed)
	}
	return got
}

func TestAFormOfFiles(t *testing.T) {
	w := start(t)
	got := w.stored(w.sendForm([]part{
		{"file", "a.txt", "one"},
		{"file", "folder/Grüße 🐼.txt", ""},
		{"key", "", `a "key" of its own`},
		{"whatever", "ignored.txt", "three"},
		{"file", "..", "four"},
		{"file", "a.txt", "five"}, // the later one counts
	}), `a.txt|folder/Grüße 🐼.txt|a "key" of its own|..|a.txt`, "")
	if o := got.Objects[2]; o.Size != 5 || o.Type != "text/plain; charset=utf-8" || o.Version != 1 {
		t.Errorf("it answers %+v", o)
	}
	for key, want := range map[string]string{"a.txt": "five", "folder/Grüße 🐼.txt": "", `a "key" of its own`: "three", "..": "four"} {
		if a := w.want(w.get(key), 200); a.body != want || a.Header.Get("Etag") == "" {
			t.Errorf("%q holds %q, want %q", key, a.body, want)
		}
	}
}

// TestWhatFailsOfAFormDoesNotKeepTheRest: each file has its own outcome.
func TestWhatFailsOfAFormDoesNotKeepTheRest(t *testing.T) {
	w := start(t)
	w.want(w.put("taken", "x"), 201)
	long := strings.Repeat("k", 2000)
	got := w.stored(w.sendForm([]part{
		{"f", "first", "1"},
		{"f", "huge", strings.Repeat("x", maxObject+100_000)},
		{"key", "", "bad\x01name"},
		{"f", "bad", "2"},
		{"key", "", long},
		{"f", "named by the field", "3"},
		{"f", "taken", "4"},
		{"f", "last", "5"},
	}, "If-None-Match", "*"), "first|last", "huge|bad\x01name|"+long[:1025]+"|taken")
	for i, code := range []api.Code{api.TooLarge, api.Invalid, api.Invalid, api.PreconditionFailed} {
		if e := got.Failed[i].Error; e.Code != code || e.Message == "" {
			t.Errorf("failure %d: %+v, want %s", i, e, code)
		}
	}
	if files := w.files(); len(files) != 3 {
		t.Errorf("%d files are kept, want 3", len(files))
	}
}

func TestFault10_BrokenForms(t *testing.T) {
	w := start(t)
	const kind = "multipart/form-data; boundary=xyz"
	head := "--xyz\r\nContent-Disposition: form-data; name=f; filename="
	for name, c := range map[string]struct {
		kind, body string
		whole      bool // its first file is
	}{
		"no form":             {"text/plain", "hello", false},
		"no boundary":         {"multipart/form-data", "hello", false},
		"no file":             {kind, "--xyz--\r\n", false},
		"a key alone":         {kind, "--xyz\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--xyz--\r\n", false},
		"an unknown field":    {kind, "--xyz\r\nContent-Disposition: form-data; name=other\r\n\r\nk\r\n--xyz--\r\n", false},
		"no name at all":      {kind, "--xyz\r\n\r\nk\r\n--xyz--\r\n", false},
		"empty":               {kind, "", false},
		"unterminated header": {kind, head + "a", false},
		"unterminated file":   {kind, head + "a\r\n\r\ncontent", false},
		"another boundary":    {kind, head + "a\r\n\r\ncontent\r\n--abc--\r\n", false},
		"unterminated form":   {kind, head + "a\r\n\r\ncontent\r\n--xyz\r\n", true},
		"the second one cut":  {kind, head + "b\r\n\r\ncontent\r\n" + head + "c\r\n\r\ncont", true},
	} {
		a := w.do("POST", "/api/v1/objects", strings.NewReader(c.body), "Content-Type", c.kind)
		words := []string{"multipart/form-data"}
		if c.whole {
			words = append(words, "1 files are stored")
		}
		if w.wantProblem(a, 400, words...); t.Failed() {
			t.Fatal(name)
		}
	}
	if keys := w.listed(); len(keys) != 2 || keys[0] != "a" || keys[1] != "b" {
		t.Errorf("stored %q: each that was whole, and no other", keys)
	}
}

func TestFault10_ManyPartsTakeLittleMemory(t *testing.T) {
	w := start(t)
	var parts []part
	for range 10_000 {
		parts = append(parts, part{"key", "", "k"})
	}
	w.wantProblem(w.sendForm(parts), 400, "1000 parts")
	if keys := w.listed(); len(keys) != 0 {
		t.Errorf("stored %q", keys)
	}
}

// TestAFormIsStreamed: files of 32 MiB together, each refused at its end because
// it is too large, take a few buffers.
func TestAFormIsStreamed(t *testing.T) {
	w := start(t)
	reader, writer := io.Pipe()
	m := multipart.NewWriter(writer)
	go func() {
		chunk := make([]byte, 1<<20)
		for i := range 8 {
			file, err := m.CreateFormFile("f", fmt.Sprint(i))
			for range 4 {
				if err == nil {
					_, err = file.Write(chunk)
				}
			}
			if err != nil {
				_ = writer.CloseWithError(err)
				return
			}
		}
		_ = writer.CloseWithError(m.Close())
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := w.do("POST", "/api/v1/objects", reader, "Content-Type", m.FormDataContentType())
	runtime.ReadMemStats(&after)
	w.stored(a, "", "0|1|2|3|4|5|6|7")
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("%d bytes were allocated for a form of 32 MiB", took)
	}
}
