package httpapi

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"memcache/shared/api"
)

// FuzzKey: every address gives a good key, which its own address gives again,
// or an error that is the client's.
func FuzzKey(f *testing.F) {
	for _, key := range keysOfAllKinds {
		f.Add("/objects/"+percent(key), "")
		f.Add("/objects", "key="+url.QueryEscape(key))
	}
	f.Add("/objects/%zz", "key=%zz&key=a;b")
	f.Fuzz(func(t *testing.T, path, query string) {
		u := &url.URL{RawQuery: query}
		var err error
		if u.Path, err = url.PathUnescape(path); err != nil {
			return // net/http refuses it
		}
		u.RawPath = path
		key, err := keyAfter(&http.Request{URL: u}, api.ObjectsPath+"/")
		if err != nil {
			if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.Invalid {
				t.Errorf("%q gives %v", u, err)
			}
			return
		}
		if err := api.CheckKey(key); err != nil {
			t.Errorf("%q gives a bad key: %v", u, err)
		}
		again, err := url.Parse(api.ObjectPath(key))
		if err != nil {
			t.Fatal(err)
		}
		if same, err := keyAfter(&http.Request{URL: again}, api.ObjectsPath+"/"); same != key || err != nil {
			t.Errorf("%q becomes %q by way of %q: %v", key, same, again, err)
		}
	})
}

// keysOfAllKinds are the seeds of the fuzz tests that take keys.
var keysOfAllKinds = []string{"a", "a b", "a/b", "//", "..", "100%", "%2e", "a?b#c", "😀", "\x00", "\xff", strings.Repeat("é", 513)}

// FuzzRange: whatever range is asked for, the reply is the object, a part of it
// as large as it says, or a refusal; and never much larger than the object.
func FuzzRange(f *testing.F) {
	const content = "0123456789"
	for _, asked := range []string{"bytes=0-3", "bytes=-3", "bytes=8-99", "bytes=10-", "bytes=5-2", "bytes=0-0,2-3,-1", "bytes=", "lines=1-2", "bytes=-", "bytes=0-99999999999999999999", "bytes=0-,0-,0-"} {
		f.Add(asked, true)
		f.Add(asked, false)
	}
	s := &server{log: slog.New(slog.DiscardHandler)}
	f.Fuzz(func(t *testing.T, asked string, empty bool) {
		body := content
		if empty {
			body = ""
		}
		r := httptest.NewRequest("GET", "/objects/k", nil)
		r.Header.Set("Range", asked)
		w := httptest.NewRecorder()
		w.Header().Set("Etag", `"e"`)
		s.sendPart(w, r, api.Object{Key: "k", Size: int64(len(body)), ETag: `"e"`}, strings.NewReader(body))
		got := w.Body.String()
		var first, last, size int
		switch {
		case w.Code == http.StatusOK && got == body:
		case w.Code == http.StatusRequestedRangeNotSatisfiable && w.Header().Get("Content-Type") == "application/problem+json":
		case w.Code != http.StatusPartialContent:
			t.Errorf("%q of %d bytes: status %d: %q", asked, len(body), w.Code, got)
		case strings.HasPrefix(w.Header().Get("Content-Type"), "multipart/byteranges"):
			if ranges := strings.Count(asked, ",") + 1; len(got) > len(body)+ranges*256 {
				t.Errorf("%q: %d bytes in reply", asked, len(got))
			}
		default:
			n, err := fmt.Sscanf(w.Header().Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &size)
			if err != nil || n != 3 || size != len(body) || first > last || last >= size || got != body[first:last+1] {
				t.Errorf("%q of %d bytes: %q is %q", asked, len(body), w.Header().Get("Content-Range"), got)
			}
		}
	})
}

// FuzzETags: a condition never vanishes, and no tag is made up.
func FuzzETags(f *testing.F) {
	for _, value := range []string{`"a"`, `"a", W/"b"`, `"a,b"`, "*", "", `"`, `,,"a`, "nonsense"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		tags := etags([]string{value, value})
		if len(tags) == 0 || len(tags)%2 != 0 || !slices.Equal(tags[:len(tags)/2], tags[len(tags)/2:]) {
			t.Errorf("%q twice gives %q", value, tags)
		}
		for _, tag := range tags {
			if !strings.Contains(value, tag) {
				t.Errorf("%q gives %q", value, tag)
			}
		}
	})
}

// FuzzForm: whatever is sent as a form, what is stored of it was in it, and a
// form that is not whole is the client's error.
func FuzzForm(f *testing.F) {
	const head = "--xyz\r\nContent-Disposition: form-data; name=f; filename="
	for _, body := range []string{
		head + "a\r\n\r\ncontent\r\n--xyz--\r\n", head + "a\r\n\r\ncontent\r\n--xyz\r\n", head + "a\r\n\r\ncontent", head,
		"--xyz\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n" + head + "\"\"\r\n\r\n\r\n--xyz--", "--xyz--", "", "\r\n--xyz  \r\n\r\n\r\n--xyz--",
		"--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename*=UTF-8''%00\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--xyz--",
	} {
		f.Add(body, "xyz")
	}
	f.Fuzz(func(t *testing.T, body, boundary string) {
		r := httptest.NewRequest("POST", "/api/v1/objects", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
		files := 0
		err := walkForm(r, func(_ string, file io.Reader) {
			content, err := io.ReadAll(file)
			if !strings.Contains(body, string(content)) {
				t.Errorf("the file %q (%v) is not in the form %q", content, err, body)
			}
			files++
		})
		if e, ok := errors.AsType[*api.Error](err); err != nil && (!ok || e.Code != api.Invalid) {
			t.Errorf("%q gives %v", body, err)
		}
		if files > api.MaxListLimit || err == nil && !strings.Contains(body, "--"+boundary+"--") {
			t.Errorf("%q is a whole form of %d files", body, files)
		}
	})
}
