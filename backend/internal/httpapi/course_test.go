package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"
)

// form is a multipart form of fields and files, in pairs of name and content.
func form(t *testing.T, fields, files []string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	m := multipart.NewWriter(body)
	for i := 0; i < len(files); i += 2 {
		part, err := m.CreateFormFile(files[i], "photo.jpg")
		must(t, err)
		_, err = part.Write([]byte(files[i+1]))
		must(t, err)
	}
	for i := 0; i < len(fields); i += 2 {
		must(t, m.WriteField(fields[i], fields[i+1]))
	}
	must(t, m.Close())
	return body, m.FormDataContentType()
}

func (w *world) upload(fields, files []string) answer {
	w.t.Helper()
	body, contentType := form(w.t, fields, files)
	return w.do("POST", "/api/upload", body, "Content-Type", contentType)
}

// wantJSON checks the reply's body against what want says, decoded.
func (w *world) wantJSON(a answer, status int, want string) {
	w.t.Helper()
	w.want(a, status)
	var got, wanted any
	must(w.t, json.Unmarshal([]byte(want), &wanted))
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || !reflect.DeepEqual(got, wanted) {
		w.t.Errorf("%s: got %s, want %s (%v)", a.Request.URL.Opaque, a.body, want, err)
	}
}

func (w *world) wantCourseError(a answer, status int) {
	w.t.Helper()
	w.want(a, status)
	var e courseError
	err := json.Unmarshal([]byte(a.body), &e)
	if err != nil || e.Success != "false" || e.Error.Code != status || e.Error.Message == "" {
		w.t.Errorf("%s: not an error of the course API: %s (%v)", a.Request.URL.Opaque, a.body, err)
	}
}

func TestCourseAPI(t *testing.T) {
	w := start(t)
	image := string([]byte{0xff, 0xd8, 0xff, 0xe0, 0, 1, 2, 3})
	w.wantJSON(w.do("POST", "/api/list_keys", nil), 200, `{"success":"true","keys":[]}`)
	w.wantJSON(w.upload([]string{"key", "a/b c"}, []string{"file", image}), 200, `{"success":"true","key":["a/b c"]}`)
	w.wantJSON(w.upload([]string{"key", "k2"}, []string{"file", ""}), 200, `{"success":"true","key":["k2"]}`)
	w.wantJSON(w.do("POST", "/api/list_keys", nil), 200, `{"success":"true","keys":["a/b c","k2"]}`)
	content := base64.StdEncoding.EncodeToString([]byte(image))
	for _, target := range []string{"/api/key/a/b%20c", "/api/key/a%2Fb%20c"} {
		w.wantJSON(w.do("POST", target, nil), 200, `{"success":"true","key":["a/b c"],"content":"`+content+`"}`)
	}
	w.wantJSON(w.do("POST", "/api/getNumNodes", nil), 200, `{"success":"true","numNodes":1}`)
	w.wantJSON(w.do("POST", "/api/getRate?rate=miss", nil), 200, `{"success":"true","rate":"miss","value":0}`)
	w.wantJSON(w.do("POST", "/api/configure_cache?mode=manual&numNodes=1&cacheSize=3&policy=RR", nil), 200,
		`{"success":"true","mode":"manual","numNodes":1,"cacheSize":3,"policy":"RR"}`)
	w.wantJSON(w.do("POST", "/api/configure_cache", strings.NewReader("policy=LRU"), "Content-Type", "application/x-www-form-urlencoded"), 200,
		`{"success":"true","mode":"manual","numNodes":1,"cacheSize":3,"policy":"LRU"}`)
	w.wantJSON(w.do("POST", "/api/delete_all", nil), 200, `{"success":"true"}`)
	w.wantJSON(w.do("POST", "/api/list_keys", nil), 200, `{"success":"true","keys":[]}`)
	if files := w.files(); len(files) != 0 {
		t.Errorf("files are left after delete_all: %q", files)
	}
}

func TestCourseAPISecondGeneration(t *testing.T) {
	w := start(t, func(c *Config) { c.CourseAPI = 2 })
	w.wantJSON(w.upload([]string{"key", "k"}, []string{"file", "x"}), 200, `{"success":"true","key":"k"}`)
	w.wantJSON(w.do("POST", "/api/key/k", nil), 200, `{"success":"true","key":"k","content":"eA=="}`)
}

func TestCourseAPIErrors(t *testing.T) {
	w := start(t)
	w.wantCourseError(w.upload(nil, []string{"file", "x"}), 400)
	w.wantCourseError(w.upload([]string{"key", ""}, []string{"file", "x"}), 400)
	w.wantCourseError(w.upload([]string{"key", "k"}, nil), 400)
	w.wantCourseError(w.upload([]string{"key", "k"}, []string{"file", "x", "file", "y"}), 400)
	w.wantCourseError(w.upload([]string{"key", "k"}, []string{"file", strings.Repeat("x", maxObject+1)}), 413)
	w.wantCourseError(w.upload([]string{"key", "k"}, []string{"file", strings.Repeat("x", maxObject+formOverhead)}), 413)
	w.wantCourseError(w.do("POST", "/api/upload", strings.NewReader("x"), "Content-Type", "text/plain"), 400)
	w.wantCourseError(w.do("POST", "/api/upload", strings.NewReader("--b\r\nunterminated"), "Content-Type", "multipart/form-data; boundary=b"), 400)
	w.wantCourseError(w.do("POST", "/api/key/none", nil), 404)
	w.wantCourseError(w.do("POST", "/api/key/", nil), 400)
	w.wantCourseError(w.do("GET", "/api/list_keys", nil), 405)
	w.wantCourseError(w.do("POST", "/api/getRate?rate=fast", nil), 400)
	w.wantCourseError(w.do("POST", "/api/getRate", nil), 400)
	for _, query := range []string{"mode=auto", "numNodes=2", "numNodes=x", "cacheSize=0", "cacheSize=-5", "cacheSize=abc", "cacheSize=1025", "policy=best"} {
		w.wantCourseError(w.do("POST", "/api/configure_cache?"+query, nil), 400)
	}
	if keys := w.listed(); len(keys) != 0 {
		t.Errorf("stored %q", keys)
	}
}

func TestFault10_TooManyParts(t *testing.T) {
	w := start(t)
	fields := make([]string, 0, 20000)
	for range 10000 {
		fields = append(fields, "x", "y")
	}
	w.wantCourseError(w.upload(fields, []string{"file", "x"}), 413)
}
